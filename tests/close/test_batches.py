"""Calls come out the same whether the traces of a month are read together or in batches."""

from pathlib import Path

import polars as pl

from assets.close import land, load_settings
from pipeline.calls import Context, combined, resolve, resolve_part
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME


def test_batches_of_whole_traces_add_up_to_the_month(month_folder: Path) -> None:
    settings = load_settings(month_folder / "tallystick.toml")
    land(settings)
    span = BY_NAME["raw.span"]
    with Warehouse.open(settings.warehouse_file) as warehouse:
        whole = warehouse.read(span)
        parts = [warehouse.read(span, "hash(trace_id) % 3 = $batch", batch=batch) for batch in range(3)]
    known = pl.DataFrame(schema={"provider": pl.String, "account": pl.String, "model": pl.String})
    context = Context(settings=settings, known_models=known)
    together = resolve(whole, context)
    apart = combined([resolve_part(part, context) for part in parts])
    assert min(part.height for part in parts) > 100
    for one, other in zip(together[:-1], apart[:-1], strict=True):  # the close adds the edges
        assert one.height > 0
        assert one.sort(pl.all(), nulls_last=True).equals(other.sort(pl.all(), nulls_last=True))
