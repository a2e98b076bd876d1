"""Reasoning: thoughts that the provider billed as output, and the recorded output leaves out."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from pipeline.cause import BUCKET, CLAIM_SCHEMA, OWNER, Cause, Evidence, claims
from pipeline.estimates import ESTIMATED, MIXED, UNMATCHED, codes_with, rate_code, scaled, with_estimates
from pipeline.facts import claims_from_facts
from pipeline.model_families import with_family

_WHERE = [name for name in BUCKET if name != "token_kind"] + list(OWNER)
_KEYS = ["dialect", "model", "certainty"]
_REGISTRY, _REGISTRY_ERROR = 2.5, 2.0
"""Thoughts per visible token; measured: 1,901 : 237, 1,935 : 1,015, 6,315 : 1,532, 24,882 : 38,938."""
_HIGH = 40.0
_PRIOR_CALLS = 10.0
"""Calls of siblings that the registry is worth."""
_SPREAD = 1.5
"""Relative standard deviation of thoughts per visible token from call to call."""


def claim(evidence: Evidence) -> pl.DataFrame:
    """Exact rows from a per-request meter; else visible tokens of a thinking model times a rate, by call.

    Of calls whose output leaves thoughts out: where the dialect does so (no count of them is logged), and
    where it is a local estimate, which sees the visible text alone. The rate, thoughts per visible token, is
    by dialect and model; its prior is that of siblings of the model that record thoughts, drawn towards the
    registry.
    """
    if evidence.calls.is_empty():
        return CLAIM_SCHEMA.to_frame()
    siblings = _siblings(evidence.calls)
    rows = _thinking(_lacking(evidence.calls), siblings)
    single = rows.filter(pl.col("certainty") != MIXED).with_columns(evidence_count=pl.lit(1, pl.Int64))
    keys = list(dict.fromkeys([*_WHERE, *_KEYS, "ratio", "calls"]))
    mixed = (
        rows.filter(pl.col("certainty") == MIXED)
        .group_by(keys)
        .agg(pl.col("output_tokens").sum(), evidence_count=pl.len().cast(pl.Int64))
        .with_columns(trace_id=pl.lit(None, pl.String), span_id=pl.lit(None, pl.String))
        .sort(keys)
    )
    known = claims_from_facts(evidence, "reasoning")
    return pl.concat([known, _claims(pl.concat([single.select(mixed.columns), mixed]))])


def _lacking(calls: pl.DataFrame) -> pl.DataFrame:
    """Calls whose output is the visible one, for sure or by a chance."""
    told = calls.filter(
        UNMATCHED
        & pl.col("dialect").is_in(codes_with("output_without_reasoning"))
        & (pl.col("usage_quality") == "recorded")
        & pl.col("reasoning_tokens").is_null()
    )
    kept = [*_WHERE, "trace_id", "span_id", "dialect", "certainty", "is_reasoning_model", "output_tokens"]
    parts = [with_family(told).with_columns(certainty=pl.lit(ESTIMATED)), with_estimates(calls)]
    return pl.concat([part.select(kept) for part in parts]).filter(pl.col("output_tokens") > 0)


def _siblings(calls: pl.DataFrame) -> pl.DataFrame:
    """`model`, `ratio` of thoughts to visible tokens, `calls`: of kinds of spans that record thoughts at all.

    A null among them is a zero: most instrumentations leave a count of none out.
    """
    calls = calls.select(
        "dialect", "model", "is_stream", "usage_quality", "reasoning_tokens", "output_tokens"
    )
    thoughts = pl.col("reasoning_tokens").fill_null(0)
    shows = (pl.col("reasoning_tokens") > 0).any().over("dialect", "model", "is_stream")
    telling = calls.filter(
        shows & (pl.col("usage_quality") == "recorded") & (pl.col("output_tokens") >= thoughts)
        & ~pl.col("dialect").is_in(codes_with("output_without_reasoning"))
    )  # fmt: skip
    sums = telling.group_by("model").agg(
        thoughts=thoughts.sum(), visible=(pl.col("output_tokens") - thoughts).sum(),
        calls=pl.len().cast(pl.Float64),
    )  # fmt: skip
    return sums.filter(pl.col("visible") > 0).select(
        "model", "calls", ratio=(pl.col("thoughts") / pl.col("visible")).clip(0.0, _HIGH)
    )


def _thinking(rows: pl.DataFrame, siblings: pl.DataFrame) -> pl.DataFrame:
    """Rows of models that think, by name or because siblings record it."""
    joined = rows.join(siblings, on="model", how="left", maintain_order="left")
    thinks = pl.col("is_reasoning_model") | (pl.col("ratio") > 0)
    return joined.filter(thinks.fill_null(value=False)).with_columns(
        pl.col("ratio").fill_null(_REGISTRY), pl.col("calls").fill_null(0.0)
    )


def _claims(rows: pl.DataFrame) -> pl.DataFrame:
    rows = rows.with_columns(
        _by=pl.when(pl.col("certainty") != ESTIMATED).then("service").otherwise(pl.lit(""))
    )
    keys = [*_KEYS, "_by", "ratio", "calls"]
    known = rows.select(keys).unique().sort(keys)
    names = ("rate", "rate_prior", "rate_error", "rate_low", "rate_high")
    schema = known.schema | {name: CLAIM_SCHEMA[name] for name in names}
    priors = pl.DataFrame([key | _prior(key) for key in known.rows(named=True)], schema=schema)
    full = pl.col("output_tokens")
    rated = rows.join(priors, on=keys, how="left", maintain_order="left")
    return claims(
        rated.with_columns(
            token_kind=pl.lit("output"),
            full_tokens=full,
            tokens=(full * pl.col("rate_prior")).round(0).cast(pl.Int64),
            tokens_low=pl.lit(0, pl.Int64),
            tokens_high=(full * pl.col("rate_high")).round(0).cast(pl.Int64),
            variance=(full * _SPREAD) ** 2 / pl.col("evidence_count"),
            basis=pl.lit("estimated"),
            reason=pl.lit("the recorded output is the visible one; thoughts are billed with it"),
        )
    )


def _prior(key: Mapping[str, Any]) -> dict[str, object]:
    """The rate of a group: thoughts per visible token, by the chance that they were left out."""
    calls = key["calls"]
    weight = calls / (calls + _PRIOR_CALLS)
    point = weight * key["ratio"] + (1 - weight) * _REGISTRY
    error = weight * point * _SPREAD / (calls + 1) ** 0.5 + (1 - weight) * _REGISTRY_ERROR
    prior, wide = scaled(point, error, key["certainty"])
    return {
        "rate": rate_code(f"reasoning/{key['dialect']}/{key['model']}", key["certainty"], key["_by"]),
        "rate_prior": round(prior, 4),
        "rate_error": round(wide, 4),
        "rate_low": 0.0,
        "rate_high": _HIGH,
    }


CAUSE = Cause(
    code="reasoning",
    title="Thoughts left out of the output",
    sentence="The model thinks before it answers, the provider bills its thoughts as output, and the span "
    "counts the visible answer alone.",
    advice="Move to an instrumentation that records reasoning tokens, and set the effort or the budget of "
    "thinking for what the task needs.",
    first="Begin with {place}: record its reasoning tokens, which are inside output.",
    place="model",
    claim=claim,
)
