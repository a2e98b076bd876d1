"""Landing: from the files of the sources to the raw tables, all in one step that reads each file once."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg

from assets.factory import OWNERS, POOL, key_of, table_spec
from assets.resources import Configuration
from assets.steps import Land
from pipeline.landing_progress import Progress
from schemas.tables import TABLES

SOURCES: dict[str, str] = {
    "traces": "Trace dumps in OpenTelemetry JSON lines: what the services logged.",
    "usage": "Usage exports of the providers: what they metered.",
    "cost": "Cost exports of the providers: what they bill, line by line.",
    "invoice": "Invoices: what has to be paid.",
    "requests": "Per-request logs of providers or gateways: what was metered, call by call.",
}
"""Kinds of sources in `tallystick.toml`."""

RAW = tuple(table for table in TABLES if not table.is_monthly)

_SOURCE_OF = {
    "raw.span": "traces",
    "raw.usage": "usage",
    "raw.cost": "cost",
    "raw.invoice": "invoice",
    "raw.request": "requests",
}


def source_specs() -> list[dg.AssetSpec]:
    """Return one external asset per kind of source, where every lineage starts."""
    return [
        dg.AssetSpec(
            key=["source", kind], group_name="source", description=text, kinds={"file"}, owners=OWNERS
        )
        for kind, text in SOURCES.items()
    ]


def _sources_of(table: str) -> list[dg.AssetKey]:
    kinds = [_SOURCE_OF[table]] if table in _SOURCE_OF else list(SOURCES)
    return [dg.AssetKey(["source", kind]) for kind in kinds]


INVOICES = "invoices"
LATE_FILES = "late_files"
"""Metadata that sensors read: month -> invoices, month -> late files."""

_TELL_SECONDS = 10.0


def landing_assets(land: Land) -> dg.AssetsDefinition:
    """Return the raw tables, filled by one call that lands what is new."""

    @dg.multi_asset(name="land", specs=[table_spec(t, _sources_of(t.name)) for t in RAW], pool=POOL)
    def _land(
        context: dg.AssetExecutionContext, configuration: Configuration
    ) -> Iterator[dg.MaterializeResult]:
        summary = land(configuration.settings(), _logged(context.log.info))
        context.log.info(f"{sum(summary.rows.values()):,} rows are landed")
        for late in summary.late:
            context.log.warning(late)
        told: dict[str, dict[str, Any]] = {
            "raw.invoice": {INVOICES: summary.invoices},
            "raw.file": {LATE_FILES: summary.late_files},
        }
        for table in RAW:
            metadata = {"dagster/row_count": summary.rows[table.name], **told.get(table.name, {})}
            yield dg.MaterializeResult(asset_key=key_of(table.name), metadata=metadata)

    return _land


def _logged(log: Callable[[str], None]) -> Progress:
    """Return what writes the progress to the log of a run: every ten seconds, and at the end."""
    last = time.monotonic()

    def tell(name: str, done: int, whole: int) -> None:
        nonlocal last
        if time.monotonic() - last < _TELL_SECONDS and done < whole:
            return
        last = time.monotonic()
        log(f"{name}: {done / 1e6:,.1f} of {whole / 1e6:,.1f} MB are landed")

    return tell
