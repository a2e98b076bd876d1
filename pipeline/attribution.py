"""The balance: all claims of a bucket at once, so that with `unexplained` they add up to its drift.

Claims move from their point in proportion to their variance, inside their bounds, and `unexplained` competes
with a variance of its own: least squares with one equality and box constraints, solved by a few clipping
passes over all buckets together. What cannot be placed stays unexplained. A claim without variance, exact
arithmetic on recorded facts, never moves.
"""

from collections.abc import Sequence

import polars as pl

from pipeline.cause import BUCKET, CLAIM_SCHEMA, Cause, Evidence
from pipeline.errors import BalanceError

_PASSES = 12
"""Clipping passes; each fixes at least one claim of every bucket that is not settled yet."""

UNEXPLAINED_SHARE = 0.01
"""Standard deviation of the unexplained as a share of a bucket's traced plus metered tokens."""

_ORDER = list(dict.fromkeys([*BUCKET, "step", "trace_id", "span_id", *CLAIM_SCHEMA]))
"""All columns: whatever the order of causes and rows, there is one order of claims."""


def gather(evidence: Evidence, causes: Sequence[Cause]) -> pl.DataFrame:
    """Return the claims of all causes, with `step`, in one order whatever the order of the causes.

    Raises:
        BalanceError: a cause returned other columns, or a point outside its own bounds.
    """
    parts = []
    for cause in causes:
        claim = cause.claim(evidence)
        if claim.schema != CLAIM_SCHEMA:
            raise BalanceError(
                f"Cause {cause.code} returned columns {claim.schema}, not those of CLAIM_SCHEMA."
            )
        wrong = claim.filter(
            ~pl.col("claimed_tokens").is_between(pl.col("tokens_low"), pl.col("tokens_high"))
        )
        if wrong.height:
            raise BalanceError(
                f"Cause {cause.code} has {wrong.height} points outside their bounds: {wrong.row(0)}"
            )
        parts.append(claim.with_columns(step=pl.lit(cause.code)))
    empty = CLAIM_SCHEMA.to_frame().with_columns(step=pl.lit("", pl.String))
    return pl.concat([empty, *parts]).sort(_ORDER, nulls_last=True)


def balance(buckets: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """Return the claims with `tokens`: what the balance places, whole tokens within the bounds.

    `buckets` has one row per bucket with `drift_tokens`, `traced_tokens` and `metered_tokens`; every claim's
    bucket is among them. The drift that the placed tokens leave is the unexplained.
    """
    state = claims.join(
        buckets.select(
            *BUCKET,
            drift=pl.col("drift_tokens").cast(pl.Float64),
            slack=((pl.col("traced_tokens") + pl.col("metered_tokens")) * UNEXPLAINED_SHARE).clip(1.0) ** 2,
        ),
        on=BUCKET,
        how="left",
        maintain_order="left",
    )
    if state["drift"].null_count():
        raise BalanceError(
            f"A claim names a bucket that does not exist: {state.filter(pl.col('drift').is_null()).row(0)}"
        )
    state = state.with_columns(
        placed=pl.col("claimed_tokens").cast(pl.Float64), is_free=pl.col("variance") > 0
    )
    for _ in range(_PASSES):
        if not state["is_free"].any():
            break
        state = _settle(state)
    return state.with_columns(
        tokens=pl.col("placed").round(0).cast(pl.Int64).clip(pl.col("tokens_low"), pl.col("tokens_high"))
    ).drop("drift", "slack", "placed", "is_free")


def _settle(state: pl.DataFrame) -> pl.DataFrame:
    """One pass: spread the residual over what is free, and fix what hits a bound."""
    start = pl.when("is_free").then(pl.col("claimed_tokens").cast(pl.Float64)).otherwise("placed")
    residual = pl.col("drift") - start.sum().over(BUCKET)
    free_variance = pl.when("is_free").then("variance").otherwise(0.0)
    weight = free_variance / (free_variance.sum().over(BUCKET) + pl.col("slack"))
    moved = pl.when("is_free").then(start + residual * weight).otherwise("placed")
    clipped = moved.clip(pl.col("tokens_low").cast(pl.Float64), pl.col("tokens_high").cast(pl.Float64))
    return state.with_columns(wanted=moved, placed=clipped).with_columns(
        is_free=pl.col("is_free") & (pl.col("wanted") == pl.col("placed"))
        & (pl.col("wanted") != pl.col("placed")).any().over(BUCKET)
    ).drop("wanted")  # fmt: skip
