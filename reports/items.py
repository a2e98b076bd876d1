"""Open items: what keeps the month from being done with, whose it is and how old."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from reports.format import item_class

LISTED = 30

_CLASSES = ("timing", "error_ours", "error_provider", "unexplained")
_AGES = ("0-30", "31-60", "61-90", "90+")
_OPEN = ("open", "disputed")
_RANK = pl.col("severity").replace_strict({"error": 0, "warning": 1, "note": 2}, default=3)
_STATUS = pl.col("status").replace_strict({"open": 0, "disputed": 1, "resolved": 2, "noted": 3}, default=4)


@dataclass(frozen=True)
class Items:
    """The items of a month or a team, the gravest first, and how many are open by class and age."""

    rows: list[dict[str, Any]]
    more: int
    open: int
    ages: list[tuple[str, dict[str, int]]]
    """Class in words, and open items by bucket of age in days."""
    buckets: tuple[str, ...] = _AGES


def open_items(table: pl.DataFrame, team: str | None) -> Items:
    """Return the items of the month, or those of a team: its own, those that name it, errors for all."""
    if team is not None:
        is_shared = (pl.col("team") == "") & (pl.col("severity") == "error")
        table = table.filter((pl.col("team") == team) | (pl.col("owner") == team) | is_shared)
    sizes = [_STATUS.alias("_status"), _RANK.alias("_rank"), pl.col("usd").abs().alias("_usd")]
    order = ["_status", "_rank", "age_days", "_usd", "code", "message", "item_id"]
    rows = table.with_columns(sizes).sort(
        order, descending=[False, False, True, True, False, False, False], nulls_last=True
    )
    return Items(
        rows=list(rows.head(LISTED).iter_rows(named=True)),
        more=max(0, rows.height - LISTED),
        open=rows.filter(pl.col("status").is_in(_OPEN)).height,
        ages=_ages(rows.filter(pl.col("status").is_in(_OPEN))),
    )


def _ages(rows: pl.DataFrame) -> list[tuple[str, dict[str, int]]]:
    groups = rows.group_by("item_class", "age_bucket").len().iter_rows()
    counts = {(name, age): count for name, age, count in groups}
    return [
        (item_class(name), {age: counts.get((name, age), 0) for age in _AGES})
        for name in _CLASSES
        if any((name, age) in counts for age in _AGES)
    ]
