"""Retries: billed attempts other than the one whose usage the trace recorded."""

import polars as pl

from pipeline.cause import Cause, Evidence
from pipeline.expected import claims_of, lacking, with_rules
from pipeline.facts import claims_from_facts
from pipeline.unseen_requests import unseen_requests


def claim(evidence: Evidence) -> pl.DataFrame:
    """One item per attempt that was not kept, of the size of its call, by the chance that it was billed.

    Attempts are HTTP spans, counted by the SDK, or told by a call's duration; a call that gave up has only
    such attempts. A stream that the provider broke counts as well: its answer was not kept either. Where no
    HTTP spans are traced, requests that only the meter counts are one item a bucket and owner.
    """
    attempts = with_rules(evidence.attempts, evidence.rules).with_columns(
        whole_output=pl.when(pl.col("output_rule") == "none").then(0.0).otherwise("whole_output")
    )
    broken = lacking(evidence.calls.filter((pl.col("fate") == "retries") & (pl.col("failure") == "broken")))
    broken = with_rules(broken, evidence.rules).with_columns(
        reason=pl.lit("stream that the provider broke: its answer was not kept")
    )
    exact = claims_from_facts(evidence, "retries")
    unseen = unseen_requests(evidence)
    return pl.concat([exact, claims_of(_weighted(attempts)), claims_of(broken), claims_of(unseen)])


def _weighted(attempts: pl.DataFrame) -> pl.DataFrame:
    """A kept attempt of a sampled service stands for those of traces that were not kept."""
    weight = 1 / pl.col("kept_share").fill_null(1.0)
    wide = [name for name in attempts.columns if name.startswith("whole_")]
    return attempts.with_columns(
        *[(pl.col(name) * weight).alias(name) for name in wide],
        requests=weight,
        basis=pl.lit("estimated"),
        evidence_count=pl.lit(1),
    )


CAUSE = Cause(
    code="retries",
    title="Billed retries",
    sentence="An SDK, a framework or a wrapper sent the request again after a failure, and the provider "
    "billed an attempt whose usage no span holds.",
    advice="Give timeouts more room than the slowest answers need, retry in one layer only, and trace HTTP "
    "requests so that attempts can be counted.",
    first="Begin with {place}: give its client `max_retries=0` where a layer above it retries "
    "already, and a timeout that its slowest answers keep.",
    is_avoidable=True,
    claim=claim,
)
