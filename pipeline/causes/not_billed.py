"""Not billed: tokens traced for calls that the provider did not bill, so that the trace reads high."""

import polars as pl

from pipeline.cause import Cause, Evidence, claims_from_corrections


def claim(evidence: Evidence) -> pl.DataFrame:
    """One row per unbilled call and token kind: minus what it logged. Exact."""
    return claims_from_corrections(evidence.corrections, "not_billed")


CAUSE = Cause(
    code="not_billed",
    title="Traced but not billed",
    sentence="The traces hold tokens of calls that no provider bills: answers from a gateway's cache, "
    "mock or self-hosted endpoints, refused calls.",
    advice="Nothing to pay. Mark test and self-hosted endpoints with their own environment, so that "
    "dashboards leave them out.",
    claim=claim,
)
