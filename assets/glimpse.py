"""A glimpse of a committed month: a few rows of its tables, and its bridge in one line a step."""

import polars as pl

from pipeline.period import Month
from pipeline.warehouse import Warehouse
from schemas.tables import TABLES
from schemas.types import STEPS

_ROWS = 5


def previews(warehouse: Warehouse, month: Month) -> dict[str, pl.DataFrame]:
    """Return up to five rows of every monthly table, whichever come first."""
    where = f"month = $month limit {_ROWS}"
    return {
        table.name: warehouse.read(table, where, month=str(month)) for table in TABLES if table.is_monthly
    }


def bridge_steps(warehouse: Warehouse, month: Month) -> dict[str, int]:
    """Return the tokens of each step of the month's bridge, in its order; one without a row is left out."""
    found = dict(
        warehouse.query(
            "select step, sum(tokens)::bigint as tokens from recon.bridge where month = $month group by step",
            month=str(month),
        ).rows()
    )
    return {step: found[step] for step in STEPS if step in found}
