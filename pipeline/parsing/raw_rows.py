"""From records to frames of a raw contract: what every parser of an export ends with."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from pipeline.provider import Parsed, Reject
from schemas.tables import BY_NAME

LANDED = ("file_id", "source", "account")
"""Columns that landing adds to exports."""


def parsed(
    table: str, rows: Sequence[dict[str, Any]], rejects: Sequence[Reject], without: Sequence[str] = LANDED
) -> Parsed:
    """Return rows as a frame in the order and types of the contract, absent columns as null."""
    schema = {name: kind for name, kind in BY_NAME[table].schema.items() if name not in without}
    columns = {name: [row.get(name) for row in rows] for name in schema}
    return Parsed(pl.DataFrame(columns, schema=schema), list(rejects), len(rows) + len(rejects))
