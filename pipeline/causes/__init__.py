"""The drift causes. Each is independent of the others; the balance makes them compete for the same tokens."""

from pipeline.cause import Cause
from pipeline.causes import (
    cache_convention,
    cancellations,
    duplicate_spans,
    missing_usage,
    not_billed,
    period_boundary,
    reasoning,
    retries,
    sampling,
    summary_compaction,
    tokenizer_mismatch,
    uninstrumented,
)

CAUSES: tuple[Cause, ...] = (
    duplicate_spans.CAUSE,
    not_billed.CAUSE,
    cache_convention.CAUSE,
    sampling.CAUSE,
    retries.CAUSE,
    cancellations.CAUSE,
    missing_usage.CAUSE,
    tokenizer_mismatch.CAUSE,
    summary_compaction.CAUSE,
    reasoning.CAUSE,
    uninstrumented.CAUSE,
    period_boundary.CAUSE,
)
"""In the order of the page; the order means nothing else."""
