"""Duplicate spans: tokens that the trace holds more than once, so that it reads high."""

import polars as pl

from pipeline.cause import Cause, Evidence, claims, claims_from_corrections
from pipeline.estimates import UNMATCHED, codes_with
from pipeline.facts import claims_from_facts

_POINT, _ERROR, _LEAST, _MOST = 2.5, 1.0, 1, 8
"""Placeholder of `message_start` in tokens: 1 to 8 in recordings, rarely more."""
_SCATTER = 0.8
"""Its standard deviation from call to call, relative to the mean."""


def claim(evidence: Evidence) -> pl.DataFrame:
    """One row per repeated span occurrence and token kind: minus what it logged. Exact.

    And a bounded row for each finished stream whose span counts the placeholder of its first frame beside the
    whole output.
    """
    repeated = claims_from_corrections(evidence.corrections, "duplicate_spans")
    told = claims_from_facts(evidence, "duplicate_spans")
    return pl.concat([repeated, told, _placeholders(evidence.calls)])


def _placeholders(calls: pl.DataFrame) -> pl.DataFrame:
    streams = calls.filter(
        UNMATCHED
        & pl.col("dialect").is_in(codes_with("output_plus_placeholder"))
        & pl.col("is_stream").fill_null(value=False)
        & (pl.col("usage_quality") == "recorded")
        & (pl.col("output_tokens") > _LEAST)
    )
    return claims(
        streams.with_columns(
            token_kind=pl.lit("output"),
            tokens=pl.lit(-round(_POINT), pl.Int64),
            tokens_low=-pl.min_horizontal(pl.col("output_tokens"), _MOST),
            tokens_high=pl.lit(-_LEAST, pl.Int64),
            full_tokens=pl.lit(-1, pl.Int64),
            variance=pl.lit(_SCATTER**2),
            rate=pl.format("placeholder/{}", "dialect"),
            rate_prior=pl.lit(_POINT),
            rate_error=pl.lit(_ERROR),
            rate_low=pl.lit(float(_LEAST)),
            rate_high=pl.lit(float(_MOST)),
            basis=pl.lit("bounded"),
            reason=pl.lit("the stream's output holds the placeholder of its first frame as well"),
        )
    )


CAUSE = Cause(
    code="duplicate_spans",
    title="Counted twice in the traces",
    sentence="The same tokens were traced more than once: a span exported twice, an agent's total beside its "
    "calls, or two instrumentations on one call.",
    advice="In your dashboards add up only the innermost span of each call, and switch off the second "
    "instrumentation of the services in the evidence.",
    first="Begin with {place}: switch off its second instrumentation or exporter, or leave its "
    "totals out of the sum.",
    claim=claim,
)
