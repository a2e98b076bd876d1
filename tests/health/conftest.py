"""Facts for a watch from rows, and a warehouse with rows of a contract."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from pipeline.settings import Settings
from pipeline.warehouse import Warehouse
from pipeline.watch import Facts
from schemas.tables import BY_NAME

NOW = datetime(2026, 11, 11, 2, tzinfo=UTC)


@pytest.fixture
def facts() -> Callable[..., Facts]:
    """Facts with one frame, of a month or of a landing."""

    def build(
        name: str, rows: list[dict[str, Any]], month: str = "", schema: Any = None, **settings: Any
    ) -> Facts:
        frame = pl.DataFrame(rows, schema=schema, infer_schema_length=None)
        return Facts(Settings(**settings), NOW, {name: frame}, month)

    return build


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    with Warehouse.open(None) as opened:
        yield opened


@pytest.fixture
def plant(warehouse: Warehouse) -> Callable[..., None]:
    """Insert rows; columns that are left out are null where they may be, else empty, zero or false."""

    def build(name: str, rows: list[dict[str, Any]], **constant: Any) -> None:
        table = BY_NAME[name]
        columns = table.contract.to_schema().columns
        empty = {
            column: None if columns[column].nullable else _plain(dtype)
            for column, dtype in table.schema.items()
        }
        warehouse.insert(
            table, pl.DataFrame([{**empty, **constant, **row} for row in rows], schema=table.schema)
        )

    return build


def _plain(dtype: pl.DataType) -> Any:
    if dtype == pl.String:
        return ""
    return False if dtype == pl.Boolean else 0
