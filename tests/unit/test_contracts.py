"""Every promise of every contract is held against every frame that goes in."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pipeline.contracts import validate
from pipeline.errors import ContractError
from schemas.tables import TABLES, Table

WORDS = ("2026-10", "USD", '{"a": 1}', "word")
GOOD: dict[str, Callable[[Any], Any]] = {
    "str_matches": lambda pattern: next(word for word in WORDS if re.search(pattern, word)),
    "greater_than_or_equal_to": lambda bound: bound,
    "str_length": lambda length: "a" * length,
    "isin": lambda words: words[0],
}
BAD = {"str_matches": " ", "greater_than_or_equal_to": -1, "str_length": "short", "isin": "nonsense"}
PLAIN = {
    pl.String: "word", pl.Int64: 1, pl.Float64: 1.0, pl.Boolean: True, pl.Decimal: Decimal(1),
    pl.Date: date(2026, 10, 1), pl.Datetime: datetime(2026, 10, 1, tzinfo=UTC),
}  # fmt: skip


def good_row(table: Table) -> dict[str, Any]:
    row: dict[str, Any] = {name: PLAIN[dtype.base_type()] for name, dtype in table.schema.items()}
    for name, column in table.contract.to_schema().columns.items():
        for check in column.checks:
            (value,) = check.statistics.values()
            row[name] = GOOD[check.name](value)
    return row


def broken() -> Iterator[Any]:
    for table in TABLES:
        for name, column in table.contract.to_schema().columns.items():
            if not column.nullable:
                yield pytest.param(table, name, None, id=f"{table.name}.{name} null")
            for check in column.checks:
                yield pytest.param(table, name, BAD[check.name], id=f"{table.name}.{name} {check.name}")


# rows that keep rules over several columns stand with those rules: tests/focus, tests/journal
SIMPLE = [table for table in TABLES if not table.contract.to_schema().checks]


@pytest.mark.parametrize("table", SIMPLE, ids=lambda table: table.name)
def test_a_frame_that_keeps_its_contract_passes(table: Table) -> None:
    validate(table, pl.DataFrame([good_row(table)], schema=table.schema))
    validate(table, pl.DataFrame(schema=table.schema))


@pytest.mark.parametrize(("table", "name", "value"), list(broken()))
def test_one_bad_value_is_refused_and_its_column_named(table: Table, name: str, value: object) -> None:
    row = good_row(table)
    frame = pl.DataFrame([row, {**row, name: value}], schema=table.schema)
    with pytest.raises(ContractError, match=name):
        validate(table, frame)


@pytest.mark.parametrize("table", [t for t in TABLES if t.contract.to_schema().unique], ids=lambda t: t.name)
def test_a_key_that_comes_twice_is_refused(table: Table) -> None:
    row = good_row(table)
    with pytest.raises(ContractError, match="breaks its contract"):
        validate(table, pl.DataFrame([row, row], schema=table.schema))
