"""Places traced rows into the time steps and dimensions that the meter can tell apart.

A row that no meter covers is not compared: its metered tokens are unknown, not zero. What an export lumps
together is decided for each endpoint and time step: one day may be grouped by model and the next one not.
"""

from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.metering.restatement import has
from schemas.types import ALL

SELF_HOSTED = "self_hosted"
"""Provider of calls that nobody bills: their metered tokens are known to be zero."""

_ACCOUNT = ["provider", "account"]
_SOURCE = [*_ACCOUNT, "is_embedding"]
_TOLD = ("is_model_told", "is_tier_told", "is_scope_told")
_SPAN = 10**14
"""Microseconds, three years: longer than the time between any two rows of a month."""


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
        keys = rows.select(
            *_ACCOUNT, "ended_at", is_embedding=pl.col("call_id").is_in(embedding_calls.implode())
        )
        is_own = pl.col("provider") == SELF_HOSTED
        day = pl.col("ended_at").dt.truncate("1d")
        found = keys.hstack(self._steps_of(keys)).select(
            "is_embedding",
            "lumped_scope",
            *_TOLD,
            bucket_start_at=pl.when(is_own).then(day).otherwise("bucket_start_at"),
            bucket_end_at=pl.when(is_own).then(day.dt.offset_by("1d")).otherwise("bucket_end_at"),
        )
        steps = ["is_embedding", "lumped_scope", *_TOLD]
        placed = rows.drop("bucket_start_at", "bucket_end_at", strict=False).hstack(found)
        is_inside = placed["bucket_start_at"].is_not_null()
        inside = placed if is_inside.all() else placed.filter(is_inside)
        return Placed(
            _collapse(inside).drop(steps),
            self._with_reason(placed.filter(~is_inside)).drop(*steps, "bucket_start_at", "bucket_end_at"),
        )

    def _steps_of(self, keys: pl.DataFrame) -> pl.DataFrame:
        """The time step of each row: the last one of its source to begin in time, if it lasts; else nulls."""
        steps = self._steps.drop(_SOURCE)
        if steps.is_empty():
            return steps.clear(keys.height)
        source = _source(pl.concat([frame.select(_SOURCE) for frame in (self._steps, keys)]))
        theirs, own = np.split(source, [steps.height])
        sources = np.unique(theirs)
        source = np.searchsorted(sources, own).clip(max=len(sources) - 1)
        first = steps["bucket_start_at"].min()
        begins, instant = (
            (times - first).dt.total_microseconds().clip(-1, _SPAN).to_numpy()
            for times in (steps["bucket_start_at"], keys["ended_at"])
        )
        line = np.searchsorted(sources, theirs) * (_SPAN + 2) + begins
        order = np.argsort(line)
        at = np.searchsorted(line[order], source * (_SPAN + 2) + instant, side="right") - 1
        found: pl.DataFrame = steps[order[at.clip(0)]]
        is_in_time = (at >= 0) & (sources[source] == own) & (theirs[order[at.clip(0)]] == own)
        is_inside = pl.Series(is_in_time) & (keys["ended_at"] < found["bucket_end_at"])
        return found.select(pl.when(is_inside.alias("is_inside")).then(pl.all()))

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


def _source(rows: pl.DataFrame) -> np.ndarray:
    """One number for each account and endpoint, the same within the frame."""
    provider, account = (pl.col(name).cast(pl.Categorical).to_physical().cast(pl.Int64) for name in _ACCOUNT)
    number = (provider * 2**31 + account) * 2 + pl.col("is_embedding").cast(pl.Int64)
    return np.asarray(rows.select(number).to_series())


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
    other = {
        "model": pl.lit(ALL),
        "service_tier": pl.lit(ALL),
        "scope": pl.coalesce("lumped_scope", "account"),
    }
    lumped = {
        name: pl.when(pl.col(told).fill_null(value=True)).then(name).otherwise(other[name])
        for told, name in zip(_TOLD, other, strict=True)
        if not rows[told].all(ignore_nulls=True)
    }
    return rows.with_columns(**lumped)
