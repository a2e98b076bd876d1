"""Cancellations: what the provider billed of calls that were given up, beyond what the trace recorded."""

import polars as pl

from pipeline.cause import Cause, Evidence
from pipeline.expected import claims_of, lacking, shared, silent, with_rules
from pipeline.facts import claims_from_facts


def claim(evidence: Evidence) -> pl.DataFrame:
    """One item per call that was given up: its input, and its output as far as the provider bills it.

    Where the provider stops with the client, that is what was made until the call ended, by its duration;
    where it does not, the whole answer. Streams of which nothing tells whether they were read to the end,
    and calls without any span of their own, count by the chance that they were given up.
    """
    calls = evidence.calls
    given_up = pl.concat(
        [
            lacking(calls.filter(pl.col("fate") == "cancellations")),
            shared(
                lacking(calls.filter((pl.col("fate") == "missing_usage") & pl.col("is_doubtful"))),
                pl.col("given_up"),
            ).drop("_part"),
        ]
    )
    billed = with_rules(given_up, evidence.rules)
    made = pl.when(pl.col("output_rule") == "streamed").then("made_rest").otherwise("whole_output")
    silences = with_rules(silent(evidence.silences, "cancellations"), evidence.rules)
    return pl.concat(
        [
            claims_from_facts(evidence, "cancellations"),
            claims_of(billed.with_columns(whole_output=made, reason=pl.lit("the client gave the call up"))),
            claims_of(silences),
        ]
    )


CAUSE = Cause(
    code="cancellations",
    title="Given up by the client",
    sentence="The client closed a stream, cancelled a task or ran into a timeout; the provider went on, or "
    "had done the work already, and billed it.",
    advice="Cancel at the provider and not only on the page, cap the length of answers, and record the "
    "usage of streams that end early.",
    first="Begin with {place}: hand the cancel on to the provider, and cap the length of its answers.",
    is_avoidable=True,
    claim=claim,
)
