"""How metered tokens were served, where the meter tells: length of the request and place of processing."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from pipeline.metering.zones import local_day
from pipeline.period import Month
from pipeline.provider import Provider
from pipeline.rates.list_prices import long_from
from pipeline.rates.sku import LONG, SHORT
from schemas.types import ALL, KIND_COLUMNS

_INPUT = [name for name in KIND_COLUMNS if not name.startswith("output")]
_UNTOLD = ("", "not_available", "unknown")


def told_by_export(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `context` and `geography` from the dimensions that a usage export was grouped by.

    Anthropic writes `0-200k`, its console `≤ 200k`, and `200k-1M` for requests of the higher price.
    """
    window = pl.col("dimensions").str.json_path_match("$.context_window").str.strip_chars()
    place = pl.col("dimensions").str.json_path_match("$.inference_geo").str.to_lowercase()
    is_short = window.str.contains(r"^(0|≤|<)")
    return rows.with_columns(
        pl.when(window.is_null() | window.is_in(_UNTOLD))
        .then(pl.lit(ALL))
        .when(is_short)
        .then(pl.lit(SHORT))
        .otherwise(pl.lit(LONG))
        .alias("context"),
        pl.when(place.is_null() | place.is_in(_UNTOLD)).then(pl.lit(ALL)).otherwise(place).alias("geography"),
    )


def told_by_length(requests: pl.DataFrame, providers: Sequence[Provider], day: date) -> pl.DataFrame:
    """Add `context` from the input of each request where its model has a higher price for long ones.

    The threshold is the list's of that day; all tokens of a request beyond it cost the higher price.
    """
    ids = {provider.slug: provider.prices_id for provider in providers}
    models = requests.select("provider", "model").unique()
    starts = [
        long_from(prices_id, model, day) if (prices_id := ids.get(provider)) else None
        for provider, model in models.rows()
    ]
    known = models.with_columns(pl.Series("_long_from", starts, dtype=pl.Int64))
    size = pl.sum_horizontal([pl.col(name).fill_null(0) for name in _INPUT])
    length = pl.when(size > pl.col("_long_from")).then(pl.lit(LONG)).otherwise(pl.lit(SHORT))
    return (
        requests.join(known, on=["provider", "model"], how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("_long_from").is_null()).then(pl.lit(ALL)).otherwise(length).alias("context"),
            pl.lit(ALL).alias("geography"),
        )
        .drop("_long_from")
    )


def served(rows: pl.DataFrame, metered: pl.DataFrame, cell: Sequence[str]) -> pl.DataFrame:
    """Return the metered tokens by `cell`, context and geography.

    What a cell takes back beyond what it counts is cut from the cell as a whole (`metered`), and then nobody
    knows how its rest was served.
    """
    keys = [*cell, "context", "geography"]
    sums = rows.group_by(keys).agg(pl.col("bucket_end_at").max(), pl.col(KIND_COLUMNS).sum())
    is_below = pl.any_horizontal([pl.col(name) < 0 for name in KIND_COLUMNS])
    cut = sums.filter(is_below).select(cell).unique()
    rest = metered.join(cut, on=cell, how="semi").with_columns(
        pl.lit(ALL).alias("context"), pl.lit(ALL).alias("geography"), pl.col(KIND_COLUMNS).fill_null(0)
    )
    columns = [*keys, "bucket_end_at", *KIND_COLUMNS]
    return pl.concat([sums.join(cut, on=cell, how="anti").select(columns), rest.select(columns)]).sort(keys)


def in_days(rows: pl.DataFrame, month: Month) -> pl.DataFrame:
    """Return rows with `day` instead of their time step, and `is_spread` where the step is longer.

    The tokens of a longer step are spread evenly over its billing days, in whole tokens.
    Days beyond the month, of an invoice that goes beyond it, count as its first and last.
    """
    first = local_day(pl.col("bucket_start_at"))
    last = local_day(pl.max_horizontal(pl.col("bucket_end_at").dt.offset_by("-1us"), "bucket_start_at"))
    days = rows.with_columns(day=pl.date_ranges(first, last)).with_columns(
        count=pl.col("day").list.len().cast(pl.Int64),
        nth=pl.int_ranges(pl.col("day").list.len().cast(pl.Int64)),
    )
    long = days.explode("day", "nth")
    tokens, extra = pl.col("tokens") // pl.col("count"), pl.col("tokens") % pl.col("count")
    return long.with_columns(
        tokens=tokens + (pl.col("nth") < extra).cast(pl.Int64),
        is_spread=pl.col("count") > 1,
        day=pl.col("day").clip(month.first_day, month.last_day),
    ).drop("bucket_start_at", "bucket_end_at", "count", "nth")
