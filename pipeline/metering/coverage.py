"""Which days an account's exports cover: what lies outside is unknown, not zero."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby

import polars as pl

from pipeline.findings import assemble, finding
from pipeline.metering.restatement import PLACE
from pipeline.metering.zones import local_day
from pipeline.period import Month

_DAY_SECONDS = 86_400
_LONG_SECONDS = 82_800
"""23 hours: the shortest day of any billing zone."""


def incomplete(steps: pl.DataFrame, month: Month, code: str, noun: str) -> pl.DataFrame:
    """Return a finding per provider, account and endpoint that names the days of the month that it lacks."""
    parts = []
    for place, days in covered_days(steps).group_by(PLACE, maintain_order=True):
        provider, account, endpoint = (str(name) for name in place)
        missing = [day for day in days_of(month) if day not in frozenset(days["day"])]
        if missing:
            parts.append(
                finding(
                    str(month),
                    code,
                    "warning",
                    f"{noun} of {provider} account '{account}' ({endpoint}) lacks {len(missing)} of "
                    f"{len(days_of(month))} days of {month}, in whole or in part: {spans(missing)}.",
                    "Pull those days and close again; until then they are unknown, not zero.",
                    provider=provider,
                    account=account,
                )
            )
    return assemble(parts)


def covered_days(steps: pl.DataFrame) -> pl.DataFrame:
    """Return PLACE and the days that steps cover in full: whole days, or parts that add up to one."""
    width = (pl.col("bucket_end_at") - pl.col("bucket_start_at")).dt.total_seconds()
    last = local_day(pl.col("bucket_end_at").dt.offset_by("-1us"))
    return (
        steps.select(
            *PLACE,
            pl.date_ranges(local_day(pl.col("bucket_start_at")), last).alias("day"),
            pl.when(width >= _LONG_SECONDS).then(_DAY_SECONDS).otherwise(width).alias("seconds"),
        )
        .explode("day")
        .group_by(*PLACE, "day")
        .agg(pl.col("seconds").sum())
        .filter(pl.col("seconds") >= _DAY_SECONDS)
        .sort(*PLACE, "day")
    )


def days_of(month: Month) -> list[date]:
    """Return the days of a month."""
    count = (month.next.first_day - month.first_day).days
    return [month.first_day + timedelta(days=n) for n in range(count)]


def spans(days: Sequence[date]) -> str:
    """Return days as text, runs as `first to last`."""
    return ", ".join(_runs(days))


def _runs(days: Sequence[date]) -> Iterator[str]:
    for _, run in groupby(enumerate(sorted(days)), key=lambda item: item[1].toordinal() - item[0]):
        found = [day for _, day in run]
        yield str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
