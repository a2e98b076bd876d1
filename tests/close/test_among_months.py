"""A month reads what is its own: what landed of other months changes no figure, and is left where it lies."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from assets.close import land, load_settings
from assets.compute import read_raw, resolve_calls
from pipeline.causes import CAUSES
from pipeline.month import Registries, month_tables
from pipeline.period import Month
from pipeline.providers import PROVIDERS
from pipeline.simulator import world
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME, TABLES

MONTHS = ("2026-07", "2026-09", "2026-10")
RAW = [table.name for table in TABLES if table.layer == "raw"]
FLOOR = """
[[contracts]]
name = "volume"
provider = "openai"
discount_percent = 10
valid_from = "{}"
floor = {{ monthly_tokens = 1000000000000, grace_months = 1 }}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three landed months, and an export that holds days of two of them."""
    folder = tmp_path_factory.mktemp("months")
    for seed, month in enumerate(MONTHS):
        world.write(folder / month, seed=seed, month=month, calls=200)
        for path in (path for path in (folder / month).rglob("*") if path.is_file()):
            kind = path.relative_to(folder / month)
            if kind.parts[0] != "truth":
                target = folder / kind.parent / f"{month}-{kind.name}"
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(path, target)
    (folder / "2026-10-tallystick.toml").rename(folder / "tallystick.toml")
    config = folder / "tallystick.toml"
    config.write_text(config.read_text("utf-8").replace("requests.csv", "*.csv"), "utf-8")
    pages = [sorted((folder / "openai" / "usage").glob(f"{month}-*"))[-1] for month in MONTHS[1:]]
    lines = [" ".join(page.read_text("utf-8").split("\n")) for page in pages]
    (folder / "openai" / "usage" / "both_2026-11-01.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    land(load_settings(config))
    return folder


@pytest.mark.parametrize("valid_from", [None, "2026-09-01"])
def test_rows_of_other_months_change_no_table(folder: Path, valid_from: str | None) -> None:
    config = folder / "tallystick.toml"
    told = folder / "floor.toml"
    told.write_text(config.read_text("utf-8") + (FLOOR.format(valid_from) if valid_from else ""), "utf-8")
    settings, month = load_settings(told), Month.parse(MONTHS[-1])
    with Warehouse.open(settings.warehouse_file) as warehouse:
        everything = {name: warehouse.read(BY_NAME[name]) for name in RAW if name != "raw.span"}
        own = read_raw(settings, month, warehouse)
        calls = resolve_calls(settings, month, warehouse)

    for name in ("raw.usage", "raw.cost", "raw.request"):
        assert 0 < own[name].height < everything[name].height
    known = Registries(CAUSES, PROVIDERS)
    narrow, wide = (month_tables(settings, month, raw, calls, known) for raw in (own, everything))
    assert narrow.keys() == wide.keys()
    assert [name for name in wide if not _sorted(narrow[name]).equals(_sorted(wide[name]))] == []


def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
    """A table has no order of rows: the files have."""
    return frame.sort(pl.all(), nulls_last=True)
