"""The meter of accounts that have none of their own: token quantities on the lines of their cost export."""

import polars as pl

from pipeline.metering.cost_lines import cost_lines, itemised_days
from pipeline.metering.invoice_meter import metered_lines
from pipeline.metering.restatement import is_itemised
from pipeline.metering.zones import day_start, local_day
from pipeline.period import Month
from pipeline.settings import Settings
from schemas.types import TOKEN_KINDS

_ACCOUNT = ["provider", "account"]


def cost_rows(cost: pl.DataFrame, files: pl.DataFrame, settings: Settings, month: Month) -> pl.DataFrame:
    """Return one row per cost line of the month that bills a quantity of tokens of a known kind, by day."""
    lines = cost_lines(cost, files, month).rows
    last = local_day(pl.max_horizontal(pl.col("bucket_end_at").dt.offset_by("-1us"), "bucket_start_at"))
    is_usage = (pl.col("cost_type") == "tokens") & pl.col("token_kind").is_in(TOKEN_KINDS)
    dated = lines.filter(is_usage.fill_null(value=False)).with_columns(
        period_start_on=local_day(pl.col("bucket_start_at")), period_end_on=last.dt.offset_by("1d")
    )
    return metered_lines(dated, settings)


def cost_days(cost: pl.DataFrame, rows: pl.DataFrame, month: Month) -> pl.DataFrame:
    """Return the billing days of the month that the cost exports of accounts in `rows` cover.

    Where lines charge for longer than a day, their own periods are all that is known.
    """
    own = cost.filter(~is_itemised())
    whole = own.select(
        *_ACCOUNT,
        pl.date_ranges(
            local_day(pl.col("bucket_start_at")), local_day(pl.col("bucket_end_at").dt.offset_by("-1us"))
        ).alias("day"),
    ).explode("day")
    is_long = (pl.col("bucket_end_at") - pl.col("bucket_start_at")) > pl.duration(hours=25)
    accounts = rows.group_by(_ACCOUNT).agg(is_long=is_long.any()).filter(~pl.col("is_long"))
    return (
        pl.concat([whole, itemised_days(cost).select(*_ACCOUNT, "day")])
        .unique()
        .filter(pl.col("day").is_between(month.first_day, month.next.first_day, closed="left"))
        .join(accounts, on=_ACCOUNT, how="semi")
        .with_columns(bucket_start_at=day_start(pl.col("day")))
        .with_columns(bucket_end_at=day_start(pl.col("day").dt.offset_by("1d")))
        .sort(*_ACCOUNT, "day")
    )
