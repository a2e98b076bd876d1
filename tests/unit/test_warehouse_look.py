"""Who only looks at a warehouse makes none, and needs no right to write it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from pipeline.errors import WarehouseError
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME

TIEOUT = BY_NAME["recon.tieout"]


@pytest.fixture
def rows(table: Callable[..., pl.DataFrame]) -> pl.DataFrame:
    text = "component | usd\ntax | 1.5"
    return table(text, TIEOUT.schema, month="2026-10", provider="openai", account="a", invoice_id=None)


@pytest.fixture
def path(tmp_path: Path, rows: pl.DataFrame) -> Path:
    with Warehouse.open(tmp_path / "w.duckdb") as warehouse:
        warehouse.insert(TIEOUT, rows)
    return tmp_path / "w.duckdb"


def test_where_there_is_none_it_is_empty_and_none_is_made(tmp_path: Path) -> None:
    with Warehouse.look(tmp_path / "folder" / "w.duckdb") as warehouse:
        assert warehouse.read(TIEOUT).is_empty()
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_seen(path: Path, rows: pl.DataFrame) -> None:
    with Warehouse.look(path) as warehouse:
        assert warehouse.read(TIEOUT).equals(rows)


def test_one_that_may_only_be_read_is_not_written_and_says_so(path: Path, rows: pl.DataFrame) -> None:
    before = path.read_bytes()

    with Warehouse.open(path, read_only=True) as warehouse:
        seen = warehouse.read(TIEOUT)
    writing = _write(path, rows)
    with pytest.raises(
        WarehouseError, match=r"w\.duckdb cannot be used: .*read-only.* Make the file"
    ) as found:
        next(writing)

    assert seen.equals(rows)
    assert "\n" not in str(found.value)
    assert path.read_bytes() == before


def _write(path: Path, rows: pl.DataFrame) -> Iterator[int]:
    with Warehouse.open(path, read_only=True) as warehouse:
        yield warehouse.insert(TIEOUT, rows)


def test_one_of_an_older_version_that_may_only_be_read_is_not_carried_over(path: Path) -> None:
    with Warehouse.open(path) as warehouse:
        warehouse._connection.execute("drop table recon.tieout")

    opened = Warehouse.open(path, read_only=True)
    with pytest.raises(WarehouseError, match=r"cannot be used: .*read-only.* Make the file"), opened:
        pass
