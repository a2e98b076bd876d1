"""Months with far fewer or far more spans, calls, tokens or dollars than the months before."""

from decimal import Decimal
from statistics import median
from typing import Any

import polars as pl

from pipeline.period import Month
from pipeline.watch import Alarm, Facts, Watch

_COUNTS = {
    "span_count": "spans",
    "call_count": "calls",
    "metered_tokens": "metered tokens",
    "billed_usd": "USD",
}


def before(facts: Facts, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the months before, as many months as the configuration looks back."""
    earlier = sorted(month for month in set(rows["month"]) if month < facts.month)
    return rows.filter(pl.col("month").is_in(earlier[-facts.settings.health.trailing_months :]))


def _find(facts: Facts) -> list[Alarm]:
    rows = facts.frames["closes"]
    earlier, now = before(facts, rows), rows.filter(month=facts.month)
    if facts.now < Month.parse(facts.month).end() or earlier.height < 2 or now.is_empty():
        return []  # a month that still runs is smaller than the others
    row = now.row(0, named=True)
    found = [_odd(name, row[name], earlier[name].drop_nulls().to_list(), facts) for name in _COUNTS]
    return [alarm for alarm in found if alarm]


def _odd(name: str, value: Any, past: list[Any], facts: Facts) -> Alarm | None:
    bounds = facts.settings.health
    if value is None or len(past) < 2:
        return None
    usual = Decimal(median(past))
    low, high = Decimal(str(bounds.volume_low)) * usual, Decimal(str(bounds.volume_high)) * usual
    if low <= value <= high:
        return None
    what = _COUNTS[name]
    return Alarm(
        what,
        f"{facts.month} has {value:,.0f} {what}; {usual:,.0f} are usual over the {len(past)} months before.",
        "See whether a source is missing or doubled; if the business grew or shrank, nothing is to be done.",
    )


MONTHS = Watch(
    "month_is_like_the_last",
    "report.close",
    "Spans, calls, tokens and dollars are within the usual.",
    ("closes",),
    _find,
)
