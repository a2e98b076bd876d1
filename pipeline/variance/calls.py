"""Billed calls with what each costs at the expected rate of its day."""

import polars as pl

from pipeline.metering.zones import local_day
from pipeline.period import Month
from pipeline.pricing import RateCard, expected_rates
from pipeline.rates.dollars import with_rates
from pipeline.tokens import HAS_USAGE, TOTAL, unpivot
from schemas.types import ALL, KIND_COLUMNS

_USD = pl.Decimal(38, 12)
_PLACE = ["provider", "account", "model", "service_tier", "day"]
_KEPT = [
    "team", "feature", "service", "model", "workload", "trace_id", "span_id", "call_id", "conversation_id",
]  # fmt: skip


def costed(judged: pl.DataFrame, month: Month, card: RateCard) -> pl.DataFrame:
    """Return billed calls with `tokens`, `unpriced_tokens` and `usd`; `judged` has a workload each.

    Tokens are null where the span records none. Dollars are those of the tokens with a known price, null
    where no token has one.
    """
    day = local_day(pl.col("ended_at")).clip(month.first_day, month.last_day)
    calls = judged.select(
        *_KEPT, *[name for name in _PLACE if name not in {*_KEPT, "day"}], "ended_at", *KIND_COLUMNS
    )
    calls = calls.with_columns(day=day)
    prices = _prices(calls, month, card)
    found = calls.join(prices, on=_PLACE, how="left", maintain_order="left")
    dollars = [_dollars(name) for name in KIND_COLUMNS]
    unpriced = [_without_price(name) for name in KIND_COLUMNS]
    summed = found.select(
        *_KEPT,
        pl.when(HAS_USAGE).then(TOTAL).alias("tokens"),
        pl.sum_horizontal(unpriced).cast(pl.Int64).alias("unpriced_tokens"),
        pl.sum_horizontal(dollars).cast(_USD).alias("usd"),
    )
    is_known = (pl.col("tokens") == 0) | (pl.col("unpriced_tokens") < pl.col("tokens"))
    return summed.with_columns(pl.when(is_known).then("usd").alias("usd"))


def _prices(calls: pl.DataFrame, month: Month, card: RateCard) -> pl.DataFrame:
    """The rate of each kind that is used, one row a place and day; as `rate_<kind>_tokens`."""
    sums = calls.group_by(_PLACE).agg(pl.col(KIND_COLUMNS).sum())
    used = unpivot(sums, _PLACE).filter(pl.col("tokens") != 0)
    told = used.with_columns(context=pl.lit(ALL), geography=pl.lit(ALL))
    rated = with_rates(told, expected_rates(told, month, card))
    rates = [
        pl.col("usd_per_token")
        .filter(pl.col("token_kind") == name.removesuffix("_tokens"))
        .first()
        .alias(f"rate_{name}")
        for name in KIND_COLUMNS
    ]
    return rated.group_by(_PLACE).agg(rates)


def _dollars(name: str) -> pl.Expr:
    return (pl.col(name) * pl.col(f"rate_{name}")).cast(_USD).fill_null(0)


def _without_price(name: str) -> pl.Expr:
    return pl.when(pl.col(f"rate_{name}").is_null()).then(pl.col(name).fill_null(0)).otherwise(0)
