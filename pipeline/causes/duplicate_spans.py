"""Duplicate spans: tokens that the trace holds more than once, so that it reads high."""

import polars as pl

from pipeline.cause import Cause, Evidence, claims_from_corrections


def claim(evidence: Evidence) -> pl.DataFrame:
    """One row per repeated span occurrence and token kind: minus what it logged. Exact."""
    return claims_from_corrections(evidence.corrections, "duplicate_spans")


CAUSE = Cause(
    code="duplicate_spans",
    title="Counted twice in the traces",
    sentence="The same tokens were traced more than once: a span exported twice, an agent's total beside its "
    "calls, or two instrumentations on one call.",
    advice="In your dashboards add up only the innermost span of each call, and switch off the second "
    "instrumentation of the services in the evidence.",
    claim=claim,
)
