"""A month reads what is its own: what landed of other months changes no figure, and is left where it lies."""

import shutil
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from assets.close import land, load_settings
from assets.compute import read_raw, resolve_calls
from pipeline.causes import CAUSES
from pipeline.metering.cost_lines import cost_lines
from pipeline.month import Registries, month_tables
from pipeline.period import Month
from pipeline.providers import PROVIDERS
from pipeline.settings import Settings
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


def test_a_delivery_is_as_late_as_its_part_of_another_month() -> None:
    """The second part, of November alone, makes the first one later than a file that ends in between."""
    days = {
        "first-00001.csv": [(10, 5), (10, 31)],
        "first-00002.csv": [(11, 30)],
        "other.csv": [(10, 5), (11, 10)],
    }
    month = Month.parse("2026-10")
    with Warehouse.open(None) as warehouse:
        for name, charged in days.items():
            warehouse.load(BY_NAME["raw.cost"], _charges(name, charged))
            warehouse.load(BY_NAME["raw.file"], _file(name))
        everything = {name: warehouse.read(BY_NAME[name]) for name in ("raw.cost", "raw.file")}
        own = read_raw(Settings(), month, warehouse)

    wide, narrow = (cost_lines(raw["raw.cost"], raw["raw.file"], month).rows for raw in (everything, own))
    assert own["raw.cost"].height < everything["raw.cost"].height
    assert set(wide["file_id"]) == {"first-00001.csv"}
    assert _sorted(narrow).equals(_sorted(wide))


def _charges(file_id: str, days: list[tuple[int, int]]) -> pl.DataFrame:
    """A dollar on each of these days, twice on the last: a file of another month need not be read whole."""
    constant = {
        "file_id": file_id, "source": "bill", "provider": "aws.bedrock", "account": "acme",
        "grouping": "cur+line_item", "is_empty": False, "cost_type": "tokens", "amount": Decimal(1),
        "currency": "USD", "dimensions": '{"billing_period":"2026-10"}',
    }  # fmt: skip
    rows = []
    for number, (month, day) in enumerate([*days, days[-1]]):
        start = datetime(2026, month, day, tzinfo=UTC)
        place = {
            "line": number,
            "position": 0,
            "bucket_start_at": start,
            "bucket_end_at": start + timedelta(1),
        }
        rows.append({**constant, **place})
    return pl.DataFrame(rows, schema=BY_NAME["raw.cost"].schema)


def _file(name: str) -> pl.DataFrame:
    row = {
        "source": "bill", "uri": name, "file_id": name, "kind": "cost", "format": "f", "size_bytes": 1,
        "pulled_at": datetime(2026, 12, 1, tzinfo=UTC), "pulled_at_basis": "modified", "decoder": "d",
        "rows_read": 1, "rows_kept": 1, "rows_quarantined": 0,
    }  # fmt: skip
    return pl.DataFrame([row], schema=BY_NAME["raw.file"].schema)


def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
    """A table has no order of rows: the files have."""
    return frame.sort(pl.all(), nulls_last=True)
