"""Signed rows for what the rules move away from what the spans logged, each with its reason."""

import polars as pl

from pipeline.tokens import HAS_USAGE, unpivot

_KEEP = (
    "provider",
    "account",
    "scope",
    "model",
    "service_tier",
    "team",
    "service",
    "feature",
    "call_id",
    "trace_id",
    "span_id",
    "ended_at",
    "reason",
)


def corrections(traced: pl.DataFrame, calls: pl.DataFrame, remainders: pl.DataFrame) -> pl.DataFrame:
    """Return `duplicate_spans`, `not_billed`, `missing_usage` and `cache_convention` corrections.

    A dropped occurrence is taken away in the cell in which it was traced. A contradiction between cached and
    whole input moves no tokens: its row says 0 and why the uncached input is unknown.
    """
    dropped = traced.filter(pl.col("reason").is_not_null())
    free = calls.filter(pl.col("not_billed_reason").is_not_null() & HAS_USAGE)
    free = free.with_columns(pl.col("not_billed_reason").alias("reason"))
    known = calls.drop([name for name in remainders.columns if name != "call"]).join(remainders, on="call")
    known = known.filter(pl.col("not_billed_reason").is_null())
    found = known.with_columns(pl.lit("aggregate_remainder").alias("reason"))
    return pl.concat(
        [
            _signed(dropped, "duplicate_spans", -1),
            _signed(free, "not_billed", -1),
            _signed(found, "missing_usage", 1),
            _contradictions(traced),
        ]
    )


def _signed(frame: pl.DataFrame, step: str, sign: int) -> pl.DataFrame:
    return (
        unpivot(frame, _KEEP)
        .filter(pl.col("tokens") != 0)
        .with_columns(pl.lit(step).alias("step"), pl.col("tokens") * sign)
    )


def _contradictions(traced: pl.DataFrame) -> pl.DataFrame:
    return (
        traced.filter(pl.col("is_contradictory") & pl.col("reason").is_null())
        .with_columns(pl.lit("cached_exceeds_input").alias("reason"))
        .select(
            *_KEEP,
            pl.lit("input_uncached").alias("token_kind"),
            pl.lit(0, pl.Int64).alias("tokens"),
            pl.lit("cache_convention").alias("step"),
        )
    )
