"""Places traced rows into the time steps and dimensions that the meter can tell apart.

A row that no meter covers is not compared: its metered tokens are unknown, not zero.
"""

from typing import NamedTuple

import polars as pl

SELF_HOSTED = "self_hosted"
"""Provider of calls that nobody bills: their metered tokens are known to be zero."""

_SOURCE = ["provider", "account", "is_embedding"]


class Placed(NamedTuple):
    """Rows inside metered buckets, with `bucket_start_at`; and the rest, with the reason."""

    inside: pl.DataFrame
    outside: pl.DataFrame


class Grid:
    """The buckets of a month, from what the meters cover and how they group."""

    def __init__(self, metered: pl.DataFrame, coverage: pl.DataFrame) -> None:
        embedding = (pl.col("endpoint") == "embeddings").alias("is_embedding")
        steps = coverage.with_columns(embedding).filter(pl.col("endpoint") != "all")
        both = coverage.filter(pl.col("endpoint") == "all").join(
            pl.DataFrame({"is_embedding": [False, True]}), how="cross"
        )
        self._steps = (
            pl.concat([steps, both.select(steps.columns)])
            .select([*_SOURCE, "bucket_start_at", "bucket_end_at"])
            .unique()
            .sort([*_SOURCE, "bucket_start_at"])
        )
        self._told = metered.group_by("provider", "account").agg(
            is_model_told=(pl.col("model") != "all").any(),
            is_tier_told=(pl.col("service_tier") != "all").any(),
            is_scope_told=(pl.col("scope") != pl.col("account")).any(),
        )

    def place(self, rows: pl.DataFrame, embedding_calls: pl.Series) -> Placed:
        """Give each row its bucket by `ended_at`; collapse scope, model and tier that the meter lumps."""
        found = (
            rows.with_row_index("row_index")
            .with_columns(is_embedding=pl.col("call_id").is_in(embedding_calls.implode()))
            .sort("ended_at", "row_index")
            .join_asof(
                self._steps.sort("bucket_start_at"),
                left_on="ended_at",
                right_on="bucket_start_at",
                by=_SOURCE,
                check_sortedness=False,
            )
            .with_columns(pl.when(pl.col("ended_at") < pl.col("bucket_end_at")).then("bucket_start_at"))
            .with_columns(
                pl.when(pl.col("provider") == SELF_HOSTED)
                .then(pl.col("ended_at").dt.truncate("1d"))
                .otherwise("bucket_start_at")
                .alias("bucket_start_at")
            )
            .sort("row_index")
            .drop("row_index", "is_embedding", "bucket_end_at")
        )
        is_inside = pl.col("bucket_start_at").is_not_null()
        metered = pl.Series(self._told["provider"] + "\n" + self._told["account"])
        is_known = (pl.col("provider") + "\n" + pl.col("account")).is_in(metered.implode())
        outside = found.filter(~is_inside).with_columns(
            reason=pl.when(is_known)
            .then(pl.lit("the export does not cover this time"))
            .otherwise(pl.lit("no usage export, request log or invoice quantity for this account"))
        )
        return Placed(self._collapse(found.filter(is_inside)), outside.drop("bucket_start_at"))

    def _collapse(self, rows: pl.DataFrame) -> pl.DataFrame:
        told = rows.join(self._told, on=["provider", "account"], how="left", maintain_order="left")
        return told.with_columns(
            scope=pl.when(pl.col("is_scope_told").fill_null(True)).then("scope").otherwise("account"),
            model=pl.when(pl.col("is_model_told").fill_null(True)).then("model").otherwise(pl.lit("all")),
            service_tier=pl.when(pl.col("is_tier_told").fill_null(True))
            .then("service_tier")
            .otherwise(pl.lit("all")),
        ).drop("is_model_told", "is_tier_told", "is_scope_told")
