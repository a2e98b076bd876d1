"""Days and months as the provider of a row dates them: UTC, or its billing zone."""

from collections.abc import Callable

import polars as pl

from pipeline.period import Month
from pipeline.providers import PROVIDERS

_OTHERS = sorted({provider.billing_timezone for provider in PROVIDERS} - {"UTC"})
_SLUGS = {zone: [p.slug for p in PROVIDERS if p.billing_timezone == zone] for zone in _OTHERS}


def local_day(instant: pl.Expr) -> pl.Expr:
    """The billing day in which an instant lies; the frame has a column `provider`."""
    return _by_zone(lambda zone: instant.dt.convert_time_zone(zone).dt.date())


def day_start(day: pl.Expr) -> pl.Expr:
    """The first instant of a billing day, as UTC."""
    return _by_zone(
        lambda zone: day.cast(pl.Datetime("us")).dt.replace_time_zone(zone).dt.convert_time_zone("UTC")
    )


def is_in(month: Month, instant: pl.Expr) -> pl.Expr:
    """Whether an instant lies in a month, by billing day."""
    return local_day(instant).is_between(month.first_day, month.next.first_day, closed="left")


def _by_zone(expression: Callable[[str], pl.Expr]) -> pl.Expr:
    result = expression("UTC")
    for zone, slugs in _SLUGS.items():
        result = pl.when(pl.col("provider").is_in(slugs)).then(expression(zone)).otherwise(result)
    return result
