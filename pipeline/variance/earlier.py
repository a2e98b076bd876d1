"""What a month is compared with: the bridges of the months that were closed before it."""

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from pipeline.period import Month

MONTHS, STEPS = "earlier.months", "earlier.steps"
"""Names under which a close hands them over beside the raw tables."""

TREND = 6
"""Months of a trend, the one that is closed among them."""

LINE = ("team", "provider", "account", "model", "service_tier")
"""A line of usage, by team."""

STEP_SCHEMA = pl.Schema(
    {
        **dict.fromkeys(("month", *LINE, "token_kind", "step"), pl.String()),
        "tokens": pl.Int64(),
        "unpriced_tokens": pl.Int64(),
        "usd": pl.Decimal(38, 12),
    }
)


class Earlier(NamedTuple):
    """The months of the last half year that were closed, and the steps of their bridges by kind and line."""

    months: frozenset[str]
    steps: pl.DataFrame

    @classmethod
    def of(cls, frames: Mapping[str, pl.DataFrame]) -> "Earlier":
        """Return what `frames` hold of the months before; nothing where they hold nothing."""
        months = frames[MONTHS]["month"].to_list() if MONTHS in frames else []
        return cls(frozenset(months), frames.get(STEPS, STEP_SCHEMA.to_frame()).cast(dict(STEP_SCHEMA)))  # type: ignore[arg-type]


def first_of_trend(month: Month) -> str:
    """Return the first month of the trend that ends with a month."""
    return str(month.plus(1 - TREND))


def steps_of(bridge: pl.DataFrame) -> pl.DataFrame:
    """Return recon.bridge by month, line, kind and step, as `earlier_steps.sql` sums it up."""
    keys = ["month", *LINE, "token_kind", "step"]
    sums = bridge.group_by(keys).agg(
        pl.col("tokens").sum(),
        pl.col("tokens").filter(pl.col("usd").is_null()).sum().alias("unpriced_tokens"),
        KNOWN,
    )
    return sums.select(list(STEP_SCHEMA)).sort(keys)


KNOWN = pl.when(pl.col("usd").is_not_null().any()).then(pl.col("usd").sum()).alias("usd")
"""The dollars that are known; null where none are."""
