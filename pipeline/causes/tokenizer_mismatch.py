"""Tokenizer mismatch: billed minus recorded where the recorded count is a local estimate.

A counter on the client knows neither the provider's vocabulary, nor what it adds for tools and templates.
"""

from typing import NamedTuple

import polars as pl

from pipeline.cause import BUCKET, CLAIM_SCHEMA, OWNER, Cause, Evidence, claims
from pipeline.estimates import ESTIMATED, MIXED, RECORDED_INPUT, rate_code, scaled, with_estimates
from pipeline.facts import claims_from_facts
from pipeline.token_ratios import learned_ratio

_PLACE = [name for name in BUCKET if name not in ("token_kind", "bucket_start_at")]
_WHERE = [*_PLACE, "bucket_start_at", *OWNER]
_LOW, _HIGH = -0.5, 2.0
"""Bounds of billed over recorded, less one: the largest known gap is 60 to 70 % at the worst twentieth."""
_FAR = 3.3
"""Standard errors of a recount within which its claim may move."""


class _Counter(NamedTuple):
    """How far a client's counter is from the text alone in the nearest public vocabulary, by side."""

    input: float
    output: float
    error: float
    scatter: float
    """Standard error of a single call around the ratio of all."""


_COUNTERS = {
    "litellm": _Counter(0.05, 0.02, 0.12, 0.08),
    "openllmetry_openai_old": _Counter(0.08, 0.02, 0.10, 0.08),
    "otel_botocore_bedrock": _Counter(0.40, 0.40, 0.15, 0.15),
}
"""LiteLLM counts the chat template but not what tools add; older OpenLLMetry counts the text alone; botocore
takes six characters for a token, where English has about 4.2."""
_UNKNOWN = _Counter(0.08, 0.05, 0.2, 0.15)


def claim(evidence: Evidence) -> pl.DataFrame:
    """One row per estimated call and side: what a per-request meter tells, exact, else a recount of its text.

    Without text its recorded tokens times the usual gap of this counter and family: a rate, learned by
    dialect, family and side. Streams that may be estimates or not are one row a bucket and owner, at the gap
    times the chance.
    """
    if evidence.calls.is_empty():
        return CLAIM_SCHEMA.to_frame()
    rows = _sides(with_estimates(evidence.calls))
    recounted = rows.filter((pl.col("certainty") == ESTIMATED) & pl.col("recount").is_not_null())
    others = rows.join(recounted.select("call_id", "side"), on=["call_id", "side"], how="anti")
    single = others.filter(pl.col("certainty") != MIXED).with_columns(evidence_count=pl.lit(1, pl.Int64))
    parts = [claims_from_facts(evidence, "tokenizer_mismatch"), _recounts(recounted)]
    parts += [_rates(part) for part in (single, _mixed(others)) if part.height]
    return pl.concat(parts)


def _sides(calls: pl.DataFrame) -> pl.DataFrame:
    """One row per call and side, with `recorded` tokens and the recount."""
    kept = [*_WHERE, "call_id", "trace_id", "span_id", "dialect", "family", "certainty"]
    parts = [
        calls.select(
            *kept,
            side=pl.lit(side),
            token_kind=pl.lit(kind),
            recorded=recorded.cast(pl.Int64),
            recount=f"recount_{side}_tokens",
            recount_error=f"recount_{side}_error",
        )
        for side, kind, recorded in (
            ("input", "input_uncached", RECORDED_INPUT),
            ("output", "output", pl.col("output_tokens")),
        )
    ]
    return pl.concat(parts).filter(pl.col("recorded") > 0)


def _recounts(rows: pl.DataFrame) -> pl.DataFrame:
    tokens = pl.col("recount") - pl.col("recorded")
    error = pl.max_horizontal(pl.col("recount") * pl.col("recount_error"), pl.lit(1.0))
    point = tokens.round(0)
    return claims(
        rows.with_columns(
            tokens=point.cast(pl.Int64),
            tokens_low=(point - _FAR * error).floor().cast(pl.Int64),
            tokens_high=(point + _FAR * error).ceil().cast(pl.Int64),
            variance=error**2,
            basis=pl.lit("estimated"),
            reason=pl.lit(
                "recount of the text on the span, with template and tools, less the local estimate"
            ),
        )
    )


def _mixed(rows: pl.DataFrame) -> pl.DataFrame:
    """Streams that cannot be told apart, summed: no single one of them is evidence."""
    keys = [*_WHERE, "dialect", "family", "certainty", "side", "token_kind"]
    return (
        rows.filter(pl.col("certainty") == MIXED)
        .group_by(keys)
        .agg(pl.col("recorded").sum(), evidence_count=pl.len().cast(pl.Int64))
        .with_columns(trace_id=pl.lit(None, pl.String), span_id=pl.lit(None, pl.String))
        .sort(keys)
    )


def _rates(rows: pl.DataFrame) -> pl.DataFrame:
    rows = rows.with_columns(
        _by=pl.when(pl.col("certainty") != ESTIMATED).then("service").otherwise(pl.lit(""))
    )
    keys = ["dialect", "family", "side", "certainty", "_by"]
    known = rows.select(keys).unique().sort(keys)
    priors = pl.DataFrame(
        [key | _prior(*key.values()) for key in known.rows(named=True)],
        schema={
            **dict.fromkeys(keys, pl.String()),
            **{
                name: CLAIM_SCHEMA[name]
                for name in ("rate", "rate_prior", "rate_error", "rate_low", "rate_high")
            },
            "scatter": pl.Float64(),
        },
    )
    full, rate = pl.col("recorded"), pl.col("rate_prior")
    bounds = [(full * pl.col(name)).round(0).cast(pl.Int64) for name in ("rate_low", "rate_high")]
    return claims(
        rows.join(priors, on=keys, how="left", maintain_order="left").with_columns(
            full_tokens=full,
            tokens=(full * rate).round(0).cast(pl.Int64),
            tokens_low=bounds[0],
            tokens_high=bounds[1],
            variance=(full * pl.col("scatter")) ** 2 / pl.col("evidence_count"),
            basis=pl.lit("estimated"),
            reason=pl.format(
                "{} count of {}: usual gap between such counts and the bill", "certainty", "side"
            ),
        )
    )


def _prior(dialect: str, family: str, side: str, certainty: str, service: str) -> dict[str, object]:
    """The rate of a group. Its scatter is that of tokens before the rate, hence the division."""
    counter = _COUNTERS.get(dialect, _UNKNOWN)
    ratio, low, high = learned_ratio(family, side)
    bias = counter.input if side == "input" else counter.output
    gap = (1 + bias) * ratio - 1
    error = (counter.error**2 + ((high - low) / 3.29) ** 2) ** 0.5
    prior, wide = scaled(gap, error, certainty)
    return {
        "rate": rate_code(f"ratio/{dialect}/{family}/{side}", certainty, service),
        "rate_prior": round(prior, 4),
        "rate_error": round(wide, 4),
        "rate_low": _LOW,
        "rate_high": _HIGH,
        "scatter": round(counter.scatter / max(abs(gap), 0.05), 4),
    }


CAUSE = Cause(
    code="tokenizer_mismatch",
    title="Counted by another tokenizer",
    sentence="The span holds an estimate that the client counted itself: the provider's tokenizer cuts text "
    "otherwise and adds templates, tools and system prompts.",
    advice="Record the usage that the provider sends, on streams as well "
    '(`stream_options={"include_usage": true}`), and take local counts for limits only.',
    first="Begin with {place}: record the counts that its provider sends, and not its own.",
    claim=claim,
)
