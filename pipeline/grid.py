"""Places traced rows into the time steps and dimensions that the meter can tell apart.

A row that no meter covers is not compared: its metered tokens are unknown, not zero. What an export lumps
together is decided for each endpoint and time step: one day may be grouped by model and the next one not.
"""

from typing import NamedTuple

import polars as pl

from pipeline.metering.restatement import has
from schemas.types import ALL

SELF_HOSTED = "self_hosted"
"""Provider of calls that nobody bills: their metered tokens are known to be zero."""

_ACCOUNT = ["provider", "account"]
_SOURCE = [*_ACCOUNT, "is_embedding"]
_TOLD = ("is_model_told", "is_tier_told", "is_scope_told")


class Placed(NamedTuple):
    """Rows inside metered buckets, with the bucket's start and end; and the rest, with the reason."""

    inside: pl.DataFrame
    outside: pl.DataFrame


class Grid:
    """The buckets of a month, from what the meters cover and how they group."""

    def __init__(self, metered: pl.DataFrame, coverage: pl.DataFrame) -> None:
        place = [*_SOURCE, "bucket_start_at"]
        lumped = _by_endpoint(metered).group_by(place).agg(lumped_scope=pl.col("scope").min())
        told = coverage.join(_words(metered), on=_ACCOUNT, how="left").with_columns(_told())
        self._steps = (
            _by_endpoint(told)
            .group_by(place)
            .agg(pl.col("bucket_end_at").max(), pl.col(_TOLD).all())
            .join(lumped, on=place, how="left")
            .sort("bucket_start_at", *_SOURCE)
        )
        self._accounts = coverage.select(_ACCOUNT).unique().with_columns(is_metered=pl.lit(value=True))
        self._endpoints = self._steps.select(_SOURCE).unique().with_columns(is_exported=pl.lit(value=True))

    def place(self, rows: pl.DataFrame, embedding_calls: pl.Series) -> Placed:
        """Give each row its bucket by `ended_at`; collapse scope, model and tier that the meter lumps."""
        is_own = pl.col("provider") == SELF_HOSTED
        day = pl.col("ended_at").dt.truncate("1d")
        keys = rows.select(
            *_ACCOUNT, "ended_at", is_embedding=pl.col("call_id").is_in(embedding_calls.implode()),
            row_index=pl.int_range(pl.len()),
        )  # fmt: skip
        found = (
            keys.sort("ended_at")
            .join_asof(
                self._steps,
                left_on="ended_at",
                right_on="bucket_start_at",
                by=_SOURCE,
                check_sortedness=False,
            )
            .with_columns(pl.when(pl.col("ended_at") < pl.col("bucket_end_at")).then("bucket_start_at"))
            .with_columns(
                bucket_start_at=pl.when(is_own).then(day).otherwise("bucket_start_at"),
                bucket_end_at=pl.when(is_own).then(day.dt.offset_by("1d")).otherwise("bucket_end_at"),
            )
            .sort("row_index")
            .drop("row_index", "ended_at", *_ACCOUNT)
        )
        steps = ["is_embedding", "lumped_scope", *_TOLD]
        placed = rows.drop("bucket_start_at", "bucket_end_at", strict=False).hstack(found)
        is_inside = placed["bucket_start_at"].is_not_null()
        return Placed(
            _collapse(placed.filter(is_inside)).drop(steps),
            self._with_reason(placed.filter(~is_inside)).drop(*steps, "bucket_start_at", "bucket_end_at"),
        )

    def _with_reason(self, rows: pl.DataFrame) -> pl.DataFrame:
        lacking = (
            pl.when("is_embedding")
            .then(pl.lit("the account has no export of embeddings"))
            .otherwise(pl.lit("the account has an export of embeddings only"))
        )
        return (
            rows.join(self._accounts, on=_ACCOUNT, how="left", maintain_order="left")
            .join(self._endpoints, on=_SOURCE, how="left", maintain_order="left")
            .with_columns(
                reason=pl.when("is_exported")
                .then(pl.lit("the export does not cover this time"))
                .when("is_metered")
                .then(lacking)
                .otherwise(pl.lit("no usage export, request log or invoice quantity for this account"))
            )
            .drop("is_metered", "is_exported")
        )


def _by_endpoint(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `is_embedding`: a meter that does not tell endpoints apart speaks of both."""
    single = rows.filter(pl.col("endpoint") != ALL)
    both = rows.filter(pl.col("endpoint") == ALL)
    return pl.concat(
        [
            single.with_columns(is_embedding=pl.col("endpoint") == "embeddings"),
            *(both.with_columns(is_embedding=pl.lit(value=value)) for value in (False, True)),
        ]
    )


def _words(metered: pl.DataFrame) -> pl.DataFrame:
    """Which dimensions any row of an account's meter tells."""
    return metered.group_by(_ACCOUNT).agg(
        has_model=(pl.col("model") != ALL).any(),
        has_tier=(pl.col("service_tier") != ALL).any(),
        has_scope=(pl.col("scope") != pl.col("account")).any(),
    )


def _told() -> list[pl.Expr]:
    """A usage export tells what it is grouped by; other meters tell what any row of the account names."""
    is_export = pl.col("meter") == "usage"
    grouped = (has("model"), has("service_tier", "batch"), has("project_id", "workspace_id", "api_key_id"))
    words = [pl.col(name).fill_null(value=True) for name in ("has_model", "has_tier", "has_scope")]
    by_group = (grouped[0], grouped[1], grouped[2] & words[2])
    return [
        pl.when(is_export).then(group).otherwise(word).alias(name)
        for name, group, word in zip(_TOLD, by_group, words, strict=True)
    ]


def _collapse(rows: pl.DataFrame) -> pl.DataFrame:
    model, tier, scope = (pl.col(name).fill_null(value=True) for name in _TOLD)
    return rows.with_columns(
        model=pl.when(model).then("model").otherwise(pl.lit(ALL)),
        service_tier=pl.when(tier).then("service_tier").otherwise(pl.lit(ALL)),
        scope=pl.when(scope).then("scope").otherwise(pl.coalesce("lumped_scope", "account")),
    )
