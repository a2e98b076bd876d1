"""The coarsest meter: token quantities on invoice lines, one bucket an invoice period."""

import polars as pl

from pipeline.metering.quantities import in_tokens
from pipeline.metering.restatement import latest_invoices
from pipeline.metering.zones import day_start
from pipeline.models import with_model, with_tier
from pipeline.period import Month
from pipeline.scopes import with_scope
from pipeline.settings import Settings
from schemas.types import ALL, KIND_COLUMNS, TOKEN_KINDS

_ACCOUNT = ["provider", "account"]


def invoice_rows(
    invoices: pl.DataFrame, files: pl.DataFrame, settings: Settings, month: Month
) -> pl.DataFrame:
    """Return one row per invoice line of the month that bills a quantity of tokens of a known kind.

    Quantities are rounded to whole tokens. Models and tiers that no line of the account names are `all`.
    Periods that overlap are one, so that no call lies in two of them and none between them.
    """
    starts = pl.col("period_start_on").is_between(month.first_day, month.next.first_day, closed="left")
    lines = latest_invoices(invoices, files).rows.filter(starts & (pl.col("category") == "usage"))
    return metered_lines(lines, settings)


def metered_lines(lines: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Return the lines with a quantity of tokens of a known kind, in core words, each with its period.

    The first day billed and the first no longer billed are `period_start_on` and `period_end_on`.
    """
    counted = lines.with_columns(tokens=in_tokens().round(0)).filter(
        pl.col("tokens").is_not_null() & pl.col("token_kind").is_in(TOKEN_KINDS).fill_null(value=False)
    )
    lines = _with_whole_periods(counted)
    told = {name: pl.col(name).is_not_null().any().over(_ACCOUNT) for name in ("model", "service_tier")}
    rows = lines.with_columns(
        pl.when(told["model"]).then(pl.col("model").fill_null("unknown")).otherwise(pl.lit(ALL)),
        is_tier_told=told["service_tier"],
        bucket_start_at=day_start(pl.col("period_start_on")),
        bucket_end_at=day_start(pl.col("period_end_on")),
        request_count=pl.lit(None, pl.Int64),
        **{
            name: pl.when(pl.col("token_kind") == kind).then(pl.col("tokens").cast(pl.Int64))
            for kind, name in zip(TOKEN_KINDS, KIND_COLUMNS, strict=True)
        },
    )
    return with_tier(with_model(with_scope(rows, settings), settings)).with_columns(
        pl.when("is_tier_told").then("service_tier").otherwise(pl.lit(ALL)).alias("service_tier")
    )


def _with_whole_periods(lines: pl.DataFrame) -> pl.DataFrame:
    """Widen the period of each line to all periods of its account that overlap it, directly or by others."""
    reach = pl.col("period_end_on").cum_max().shift(1).over(_ACCOUNT)
    is_apart = (pl.col("period_start_on") >= reach).fill_null(value=False)
    periods = lines.sort(*_ACCOUNT, "period_start_on", "period_end_on").with_columns(
        period=is_apart.cum_sum().over(_ACCOUNT)
    )
    place = [*_ACCOUNT, "period"]
    return periods.with_columns(
        pl.col("period_start_on").min().over(place), pl.col("period_end_on").max().over(place)
    ).drop("period")
