"""Ids of requests behind a billed line, as the provider knows them."""

from functools import reduce

import polars as pl

from pipeline.metering.zones import local_day
from schemas.types import KIND_COLUMNS

SHOWN = 20
"""Ids of a line: enough to look some up."""

_PLACE = ("provider", "account", "model", "token_kind")


def request_samples(lines: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """Return the lines with `request_count` and `request_ids`: calls of their model, kind and day.

    A line without a day has the calls of the whole month. Ids are the provider's: of the answer, else of the
    HTTP request; calls that carry neither are not counted.
    """
    known = _known(lines, calls)
    by_day = _samples(known, [*_PLACE, "billed_on"])
    by_month = _samples(known, [*_PLACE]).with_columns(billed_on=pl.lit(None, pl.Date))
    found = pl.concat([by_day, by_month], how="diagonal_relaxed")
    return lines.join(found, on=[*_PLACE, "billed_on"], how="left", nulls_equal=True)


def _known(lines: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """The calls that have an id, one row for each token kind that a line of their model asks for."""
    asked = lines.select(_PLACE).drop_nulls().unique()
    request = pl.coalesce("response_id", "request_id").alias("request")
    mine = calls.join(asked, on=list(_PLACE[:3]), how="semi").filter(
        request.is_not_null() & pl.col("not_billed_reason").is_null()
    )
    parts = [
        mine.filter(pl.col(name) > 0).select(
            *_PLACE[:3],
            request,
            token_kind=pl.lit(name.removesuffix("_tokens")),
            tokens=pl.col(name),
            billed_on=local_day(pl.col("ended_at")),
        )
        for name in KIND_COLUMNS
    ]
    whole = reduce(pl.DataFrame.vstack, parts)
    return whole.join(asked, on=list(_PLACE), how="semi")


def _samples(known: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    largest = pl.col("request").sort_by("tokens", "request", descending=[True, False]).head(SHOWN)
    return known.group_by(keys).agg(request_count=pl.len().cast(pl.Int64), request_ids=largest.str.join(" "))
