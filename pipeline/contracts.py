"""Frames held against the contracts of their tables: one pass when all is well, words when it is not."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import polars as pl
from pandera.errors import SchemaErrors

from pipeline.errors import ContractError
from schemas.tables import Table

SHOWN, LENGTH = 10, 80

HOLDS: Mapping[str, Callable[[pl.Expr, Any], pl.Expr]] = {
    "greater_than_or_equal_to": lambda column, bound: column >= bound,
    "isin": lambda column, words: column.is_in(list(words)),
    "str_matches": lambda column, pattern: column.str.contains(pattern),
    "str_length": lambda column, length: column.str.len_chars() == length,
}
"""Checks of contracts as expressions; pandera's own cost half a millisecond each, whatever the rows."""


def validate(table: Table, frame: pl.DataFrame) -> None:
    """Raise ContractError with column, check and examples when a frame breaks the table's contract."""
    if frame.schema != table.schema:
        differing = [
            f"{name}: {frame.schema.get(name, 'missing')} where {table.schema.get(name, 'nothing')} belongs"
            for name in dict.fromkeys([*table.schema, *frame.schema])
            if frame.schema.get(name) != table.schema.get(name)
        ]
        raise ContractError(f"{table.name}: {'; '.join(differing) or 'columns are in another order'}.")
    if frame.is_empty() or frame.select(_keeps(table)).item():
        return
    try:
        table.contract.validate(frame, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases.unique(["column", "check"], keep="first", maintain_order=True)
        told = [
            f"  - {c['column']}: {c['check']} (at {str(c['failure_case'])[:LENGTH]})"
            for c in cases.to_dicts()[:SHOWN]
        ]
        raise ContractError("\n".join([f"{table.name} breaks its contract:", *told])) from None


@cache
def _keeps(table: Table) -> pl.Expr:
    """Whether every row keeps the contract: nulls, checks and keys; false sends the frame to pandera."""
    contract = table.contract.to_schema()
    conditions = [
        pl.col(name).null_count() == 0 for name, column in contract.columns.items() if not column.nullable
    ]
    conditions += [
        HOLDS[str(check.name)](pl.col(name), *(check.statistics or {}).values()).all()
        for name, column in contract.columns.items()
        for check in column.checks
    ]
    conditions += [check.statistics["holds"].all() for check in contract.checks]
    if contract.unique:
        conditions.append(pl.struct(contract.unique).n_unique() == pl.len())
    return pl.all_horizontal(conditions)
