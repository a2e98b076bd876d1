"""Missing usage: the call finished, the provider billed it, and the span recorded no tokens."""

import polars as pl

from pipeline.cause import BUCKET, OWNER, Cause, Evidence, claims, claims_from_corrections
from pipeline.expected import claims_of, halved, lacking, silent, sized
from pipeline.tokens import unpivot
from schemas.types import KIND_COLUMNS

_PLACE = [name for name in BUCKET if name != "token_kind"]
_SILENT = ("absent", "false_zero", "partial", "placeholder")


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
    rows = pl.concat([certain, halved(lacking(calls.filter("is_doubtful")))])
    rows = rows.with_columns(reason=pl.lit("the call completed and its span has no usage"))
    return pl.concat(
        [
            claims_from_corrections(evidence.corrections, "missing_usage"),
            _from_requests(evidence),
            claims_of(sized(rows, "missing_usage")),
            claims_of(sized(silent(evidence.silences, "missing_usage"), "lost_span")),
        ]
    )


def _from_requests(evidence: Evidence) -> pl.DataFrame:
    explained = evidence.corrections.filter(pl.col("step") == "missing_usage")["call_id"]
    silent = evidence.calls.filter(
        pl.col("usage_quality").is_in(_SILENT)
        & pl.col("not_billed_reason").is_null()
        & ~pl.col("call_id").is_in(explained.implode())
    )
    matched = pl.concat([_matched(silent, evidence, name) for name in ("response_id", "request_id")])
    rows = unpivot(
        matched.unique("call_id", keep="first", maintain_order=True), [*_PLACE, *OWNER, "trace_id", "span_id"]
    )
    return claims(
        rows.filter(pl.col("tokens") != 0).with_columns(
            reason=pl.lit("the request log has this call's tokens under the same id")
        )
    )


def _matched(silent: pl.DataFrame, evidence: Evidence, name: str) -> pl.DataFrame:
    """Return calls whose id is theirs alone and names exactly one request, with the tokens that they lack."""
    keys = ["provider", "account", name]
    alone = (pl.len().over(keys) == 1) & pl.col(name).is_not_null()
    metered = evidence.requests.filter(alone)
    owners = evidence.calls.filter(alone).select(keys)
    pairs = silent.join(owners, on=keys, how="semi").join(
        metered.select([*keys, *KIND_COLUMNS]), on=keys, suffix="_metered"
    )
    missing = [pl.col(f"{kind}_metered").fill_null(0) - pl.col(kind).fill_null(0) for kind in KIND_COLUMNS]
    return pairs.select(
        "call_id", *_PLACE, *OWNER, "trace_id", "span_id",
        *[tokens.alias(kind) for kind, tokens in zip(KIND_COLUMNS, missing, strict=True)],
    )  # fmt: skip


CAUSE = Cause(
    code="missing_usage",
    title="Usage never recorded",
    sentence="The call finished and was billed, but its span carries no token counts.",
    advice='Ask for usage on streams (`stream_options={"include_usage": true}`), and end spans in a '
    "`finally` block, in the services listed in the evidence.",
    claim=claim,
)
