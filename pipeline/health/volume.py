"""Days with far fewer or far more rows than usual."""

from datetime import date, timedelta
from statistics import median

import polars as pl

from pipeline.watch import Alarm, Facts, Watch

_WEEKS = 4


def usual(days: dict[date, int], day: date) -> float | None:
    """Return what is usual on a day: the median of its weekday, else of the week before; null if unknown."""
    same = [days[past] for week in range(1, _WEEKS + 1) if (past := day - timedelta(weeks=week)) in days]
    if len(same) >= 2:
        return float(median(same))
    week = [days[past] for ago in range(1, 8) if (past := day - timedelta(days=ago)) in days]
    return float(median(week)) if len(week) >= 3 else None


def _find(facts: Facts) -> list[Alarm]:
    rows = facts.frames["rows_by_day"].filter(pl.col("day") < facts.now.date())
    found = []
    for (source,), group in rows.sort("source", "day").group_by("source", maintain_order=True):
        days = dict(group.select("day", "rows").rows())
        found.append(_odd(str(source), max(days), days, facts))
    return [alarm for alarm in found if alarm]


def _odd(source: str, day: date, days: dict[date, int], facts: Facts) -> Alarm | None:
    bounds, expected = facts.settings.health, usual(days, day)
    if expected is None or abs(days[day] - expected) < bounds.volume_rows:
        return None
    if bounds.volume_low * expected <= days[day] <= bounds.volume_high * expected:
        return None
    advice = (
        "Look for a collector that stopped, a new sampling rate or a service that lost its instrumentation."
        if days[day] < expected
        else "Look for a service that runs wild, a sampler that was taken out, or spans exported twice."
    )
    return Alarm(
        source,
        f"Source '{source}' has {days[day]:,} rows of {day:%Y-%m-%d}; {expected:,.0f} are "
        "usual on such a day.",
        advice,
    )


VOLUME = Watch(
    "volume_is_usual", "raw.span", "The last whole day has as many rows as usual.", ("rows_by_day",), _find
)
