"""Spans of a large dump are appended in whole row groups: none is lost, and nothing has to be written again."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from pipeline.intake.manifest import QUARANTINE, TABLE_OF_KIND, Offered
from pipeline.intake.row_groups import filling
from pipeline.source_settings import Source
from pipeline.stored import StoredFile
from pipeline.warehouse import ROW_GROUP, Warehouse

SPANS = TABLE_OF_KIND["traces"]
LARGE, SMALL = 1 << 30, 1 << 20


def offered(size_bytes: int) -> Offered:
    file = StoredFile(Path("dump.jsonl"), "dump.jsonl", size_bytes, datetime(2026, 10, 1, tzinfo=UTC))
    return Offered(Source(name="dump", kind="traces", uri="dump.jsonl"), file, "f" * 16)


def part(first: int, rows: int) -> pl.DataFrame:
    """Some spans, as a part has them: without the columns that are null, here a name on every other part."""
    told = pl.select(line=pl.int_range(first, first + rows), span_id=pl.lit("s"))
    return told if first % 20_000 else told.with_columns(name=pl.lit("n"))


@pytest.mark.parametrize("parts", [1, 24, 25, 30, 50])
@pytest.mark.parametrize("size_bytes", [SMALL, LARGE])
def test_every_row_is_there_once(parts: int, size_bytes: int) -> None:
    with Warehouse.open(None) as warehouse:
        with (
            warehouse.bounded("512MB"),
            warehouse.transaction(),
            filling(warehouse, offered(size_bytes)) as add,
        ):
            assert [add(SPANS, part(k * 10_000, 10_000)) for k in range(parts)] == [10_000] * parts
        told = warehouse.query("select line, name from raw.span order by line")
        assert told["line"].to_list() == list(range(10_000 * parts))
        assert (told["name"] == "n").sum() == (parts + 1) // 2 * 10_000


def test_row_groups_are_full_but_for_the_last() -> None:
    with Warehouse.open(None) as warehouse:
        with warehouse.bounded("512MB"), warehouse.transaction(), filling(warehouse, offered(LARGE)) as add:
            for k in range(50):
                add(SPANS, part(k * 10_000, 10_000))
        groups = warehouse.query(
            "select row_group_id, sum(count)::bigint as rows from pragma_storage_info('raw.span') "
            "where column_name = 'line' and segment_type = 'BIGINT' group by all order by all"
        )
        assert groups["rows"].to_list() == [ROW_GROUP] * 4 + [500_000 - 4 * ROW_GROUP]


def test_what_is_in_quarantine_keeps_its_order_and_the_settings_come_back() -> None:
    rows = pl.DataFrame(
        [("dump", "dump.jsonl", "f" * 16, line, None, None, "c", "r", "a") for line in range(10)],
        QUARANTINE.schema,
        orient="row",
    )
    asked = "select current_setting('threads') as t, current_setting('preserve_insertion_order') as o"
    with Warehouse.open(None) as warehouse:
        before = warehouse.query(asked)
        with warehouse.bounded("512MB"):
            with filling(warehouse, offered(LARGE)) as add:
                add(QUARANTINE, pl.concat([rows[:5], rows[5:]], rechunk=False))
            assert warehouse.query(asked).row(0) == (1, True)
        assert warehouse.query(asked).equals(before)
        assert warehouse.read(QUARANTINE)["line"].to_list() == list(range(10))
