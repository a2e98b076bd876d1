"""Rows of any table with a few columns told: the others are null, or plain where they may not be."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from assets.dictionary import nullable_columns
from schemas.tables import BY_NAME

_PLAIN: dict[type, Any] = {
    pl.String: "x", pl.Int64: 1, pl.Boolean: False, pl.Decimal: Decimal(0), pl.Date: date(2026, 10, 1),
    pl.Datetime: datetime(2026, 10, 1, tzinfo=UTC), pl.Float64: 0.0,
}  # fmt: skip
HOME = {"month": "2026-10", "provider": "openai", "account": "acme"}


def frame(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    table = BY_NAME[name]
    nullable = nullable_columns(table)
    blank = {c: None if c in nullable else _PLAIN[type(dtype)] for c, dtype in table.schema.items()}
    blank |= {name: value for name, value in HOME.items() if name in table.schema}
    unknown = {name for row in rows for name in row} - set(table.schema)
    assert not unknown, f"no such columns: {unknown}"
    return pl.DataFrame([blank | row for row in rows], schema=table.schema)


def usd(text: object) -> Decimal:
    return Decimal(str(text))
