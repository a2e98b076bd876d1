"""The per-request meter: overlapping logs put together, requests in billing days."""

import polars as pl

from pipeline.metering.restatement import pull_order
from pipeline.metering.zones import day_start, is_in, local_day
from pipeline.models import with_model, with_tier
from pipeline.period import Month
from pipeline.scopes import with_scope
from pipeline.settings import Settings
from schemas.types import ALL, KIND_COLUMNS

_ACCOUNT = ["provider", "account"]
_IDS = ["request_id", "response_id", "part"]
_WITHOUT_IDS = ["started_at", "model", "part", *KIND_COLUMNS]


def request_rows(
    requests: pl.DataFrame, files: pl.DataFrame, settings: Settings, month: Month
) -> pl.DataFrame:
    """Return the month's requests, each once, with models, tiers and scopes in core words.

    A log without a single tier in an account does not tell tiers apart: they are `all`.
    """
    rows = _once(requests, files).filter(is_in(month, pl.col("started_at")))
    rows = rows.with_columns(
        pl.col("model").fill_null("unknown"),
        is_tier_told=pl.col("service_tier").is_not_null().any().over(_ACCOUNT),
    )
    return with_tier(with_model(with_scope(rows, settings), settings)).with_columns(
        pl.when("is_tier_told").then("service_tier").otherwise(pl.lit(ALL)).alias("service_tier")
    )


def _once(requests: pl.DataFrame, files: pl.DataFrame) -> pl.DataFrame:
    """Keep a request that several files hold from the latest of them.

    The same request is the same ids, or without ids the same time, model and counts; what one file holds
    several times is several requests.
    """
    order = pull_order(files, requests.group_by("file_id").agg(reach=pl.col("started_at").max()))
    has_id = pl.col("request_id").is_not_null() | pl.col("response_id").is_not_null()
    ranked = requests.join(order, on="file_id", how="left").sort("pull", "line", "position")
    parts = [
        part.with_columns(copy=pl.int_range(pl.len()).over(["file_id", *_ACCOUNT, *key])).unique(
            [*_ACCOUNT, *key, "copy"], keep="last", maintain_order=True
        )
        for part, key in ((ranked.filter(has_id), _IDS), (ranked.filter(~has_id), _WITHOUT_IDS))
    ]
    return pl.concat(parts).drop("pull", "copy")


def request_days(requests: pl.DataFrame, month: Month) -> pl.DataFrame:
    """Return the billing days of the month that each account's logs cover: from a log's first to its last.

    A log that names several accounts or providers covers all of them on all of its days.
    """
    span = requests.group_by("file_id").agg(
        first_at=pl.col("started_at").min(), last_at=pl.col("started_at").max()
    )
    days = pl.date_ranges(local_day(pl.col("first_at")), local_day(pl.col("last_at")))
    return (
        requests.select("file_id", *_ACCOUNT)
        .unique()
        .join(span, on="file_id")
        .select(*_ACCOUNT, days.alias("day"))
        .explode("day")
        .unique()
        .filter(pl.col("day").is_between(month.first_day, month.next.first_day, closed="left"))
        .with_columns(bucket_start_at=day_start(pl.col("day")))
        .with_columns(bucket_end_at=day_start(pl.col("day").dt.offset_by("1d")))
        .sort(*_ACCOUNT, "day")
    )


def in_days(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the requests with the billing day they started in as their bucket, each counting one."""
    day = local_day(pl.col("started_at"))
    return rows.with_columns(
        bucket_start_at=day_start(day),
        bucket_end_at=day_start(day.dt.offset_by("1d")),
        request_count=(pl.col("part") == "message").cast(pl.Int64),
    )
