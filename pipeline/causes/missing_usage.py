"""Missing usage: the call finished, the provider billed it, and the span recorded no tokens."""

import polars as pl

from pipeline.cause import Cause, Evidence, claims_from_corrections
from pipeline.expected import claims_of, lacking, shared, silent, sized
from pipeline.facts import claims_from_facts


def claim(evidence: Evidence) -> pl.DataFrame:
    """One item per completed call without usage, of the size of its siblings or of its conversation's turn.

    Exact from the run total of an agent that exceeds its calls by just this one, and from a per-request meter
    that names the same response or request. Calls that left no span of their own, because it never ended or
    was lost, count by the chance that they completed.
    """
    calls = evidence.calls.filter(pl.col("fate") == "missing_usage")
    told = evidence.corrections.filter(pl.col("step") == "missing_usage")["call_id"]
    calls = calls.filter(~pl.col("call_id").is_in(told.implode()))
    certain = lacking(calls.filter(~pl.col("is_doubtful")))
    doubtful = shared(lacking(calls.filter("is_doubtful")), 1 - pl.col("given_up"))
    rows = pl.concat([certain, doubtful.drop("_part")])
    rows = rows.with_columns(reason=pl.lit("the call completed and its span has no usage"))
    return pl.concat(
        [
            claims_from_corrections(evidence.corrections, "missing_usage"),
            claims_from_facts(evidence, "missing_usage"),
            claims_of(sized(rows, "missing_usage")),
            claims_of(sized(silent(evidence.silences, "missing_usage"), "lost_span")),
        ]
    )


CAUSE = Cause(
    code="missing_usage",
    title="Usage never recorded",
    sentence="The call finished and was billed, but its span carries no token counts.",
    advice='Ask for usage on streams (`stream_options={"include_usage": true}`), and end spans in a '
    "`finally` block, in the services listed in the evidence.",
    first='Begin with {place}: set `stream_options={"include_usage": true}` on its streams.',
    claim=claim,
)
