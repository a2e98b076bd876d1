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
    """
    starts = pl.col("period_start_on").is_between(month.first_day, month.next.first_day, closed="left")
    lines = latest_invoices(invoices, files).rows.filter(starts).with_columns(tokens=in_tokens().round(0))
    lines = lines.filter(
        pl.col("tokens").is_not_null()
        & pl.col("token_kind").is_in(TOKEN_KINDS).fill_null(value=False)
        & (pl.col("category") == "usage")
    )
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
