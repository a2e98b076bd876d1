"""Summary compaction: context summaries that the provider billed and the trace did not record."""

from datetime import timedelta

import polars as pl

from pipeline.cause import BUCKET, CLAIM_SCHEMA, OWNER, Cause, Evidence, claims
from pipeline.conversations import SERVICE, Talks, around, falls, is_labelled, talks_of, with_talk
from pipeline.dialects import DIALECTS
from pipeline.expected import claims_of
from pipeline.facts import claims_from_facts, without_told_iterations
from pipeline.sizes import INPUT, WHOLE
from schemas.types import KIND_COLUMNS

_PLACE = [name for name in BUCKET if name != "token_kind"]
_INCLUDING = [dialect.code for dialect in DIALECTS if dialect.includes_compaction]

_SIZES = (*WHOLE, "whole_input_error", "whole_output_error")
_RATE = ("rate", "rate_prior", "rate_error", "rate_low", "rate_high")

_INPUT_ERROR = 0.1
"""Relative error of a summary's input: an instruction is added, and the system prompt may be left out."""
_OUTPUT_ERROR = 0.35
_CACHED = (0.1, 0.3)
"""How much of the conversation's usual cache share a summary reads, and its error: most agents send it with
another system prompt and without tools, so that no prefix fits; some keep the prefix."""
_LEAST_SUMMARY, _USUAL_SUMMARY, _MOST_SUMMARY = 50.0, 0.1, 0.5
"""Tokens; share of the context; share of the context."""
_SURE, _UNSURE, _TRACED, _DROPPED = (0.93, 0.06), (0.5, 0.3), (0.1, 0.1), (0.06, 0.06)
"""Chance that a fall was an untraced summary, and its error: for services whose contexts fall whenever
they reach a limit, to somewhat more than what a first turn sends; for others; for those whose summaries are
traced as ordinary answers; and for those whose contexts fall back to what a first turn sends and a message:
nothing is left that a summary would have said."""
_LEAST_FALLS, _ENOUGH = 3, 8
_MOSTLY = 0.5
_MOST_LEFT = 0.4
"""Share of the context that a summary leaves at most; where more is left, old turns were dropped instead."""
_ALIKE = 0.8
"""Correlation of the answers before falls with the inputs after them."""


def claim(evidence: Evidence) -> pl.DataFrame:
    """Compaction iterations on spans, seen summaries without usage, and summaries that only a fall shows.

    Iterations are exact, but for the kind of their input where the service uses a cache: then bounded. The
    others are estimated: the input of a summary is the context before it, its output what the next turn
    sends beyond what first turns send.
    """
    exact = claims_from_facts(evidence, "summary_compaction")
    known = talks_of(evidence)
    requests = _requests(evidence, known)
    return pl.concat(
        [exact, _iterations(evidence), _known(evidence, requests, known), _unseen(evidence, requests, known)]
    )


def _iterations(evidence: Evidence) -> pl.DataFrame:
    """What the provider's own compactions used, where the span says so beside its counts."""
    outside = (
        ~pl.col("dialect").is_in(_INCLUDING).fill_null(value=False) & pl.col("not_billed_reason").is_null()
    )
    said = pl.sum_horizontal("compaction_input_tokens", "compaction_output_tokens") > 0
    told = without_told_iterations(evidence.calls.filter(outside & said), evidence)
    read = pl.col("cache_read_tokens").sum() / INPUT.sum()
    names = ["call_id", *SERVICE, *KIND_COLUMNS]
    siblings = evidence.calls.select(names).join(told, on=SERVICE, how="semi")
    shares = without_told_iterations(siblings, evidence).group_by(SERVICE).agg(_cached=read.fill_nan(0.0))
    told = told.join(shares, on=SERVICE, how="left", maintain_order="left")
    rows = told.select(
        *_PLACE, *OWNER, "trace_id", "span_id", "_cached",
        input_uncached="compaction_input_tokens", output="compaction_output_tokens",
        item=pl.format("compaction/{}", "call_id"),
        reason=pl.lit("compaction iteration, billed beside the counts of the span"),
    ).unpivot(
        on=["input_uncached", "output"],
        index=[*_PLACE, *OWNER, "trace_id", "span_id", "_cached", "item", "reason"],
        variable_name="token_kind", value_name="tokens",
    )  # fmt: skip
    read = (pl.col("token_kind") == "input_uncached") & (pl.col("_cached") > 0)
    least = (pl.col("tokens") * (1 - pl.col("_cached"))).floor().cast(pl.Int64)
    return claims(
        rows.filter(pl.col("tokens") > 0).with_columns(
            tokens_low=pl.when(read).then(least).otherwise("tokens"),
            basis=pl.when(read).then(pl.lit("bounded")).otherwise(pl.lit("exact")),
        )
    )


def _requests(evidence: Evidence, known: Talks) -> pl.DataFrame:
    """HTTP requests to compact a conversation that have no span of a call, by the chance of their place."""
    silences = evidence.silences
    if silences.is_empty():
        nobody = with_talk(evidence.calls.clear(), known.by_trace)
        return nobody.with_columns(expected_calls=pl.lit(1.0))
    return with_talk(silences.filter(is_labelled() & pl.col("error_type").is_null()), known.by_trace)


def _known(evidence: Evidence, requests: pl.DataFrame, known: Talks) -> pl.DataFrame:
    """Summaries that are seen and say no usage: labelled calls, and requests to compact a conversation.

    Of a conversation without turns nothing is known but what calls of the service usually use.
    """
    calls = evidence.calls
    columns = [
        *_PLACE, *OWNER, "talk_id", "started_at", "trace_id", "span_id", *_SIZES, "expected_calls"
    ]  # fmt: skip
    silent = calls.filter((pl.col("fate") == "summary_compaction") & ~pl.col("is_matched"))
    labelled = with_talk(silent, known.by_trace).with_columns(expected_calls=pl.lit(1.0))
    events = pl.concat([labelled.select(columns), requests.select(columns)])
    if events.is_empty():
        return CLAIM_SCHEMA.to_frame()
    sized = _sized(around(events, calls, known).with_columns(after=pl.lit(0, pl.Int64), early=pl.lit(0.0)))
    is_told = pl.col("before").is_not_null()
    size = [pl.when(is_told).then(f"own_{name}").otherwise(name) for name in _SIZES]
    return claims_of(
        sized.with_columns(
            *[
                (value * pl.col("expected_calls")).alias(name)
                for value, name in zip(size, _SIZES, strict=True)
            ],
            *[pl.lit(None, CLAIM_SCHEMA[name]).alias(name) for name in _RATE],
            is_chance=pl.lit(value=False),
            item=pl.format("summary/{}/{}", "trace_id", "span_id"),
            requests="expected_calls",
            basis=pl.lit("estimated"),
            evidence_count=pl.lit(1),
            reason=pl.lit("a summary of the conversation whose span has no usage"),
        )
    )


def _unseen(evidence: Evidence, requests: pl.DataFrame, known: Talks) -> pl.DataFrame:
    """Summaries of which only the fall of the context tells, at the start of the call that came next."""
    found = falls(evidence.calls, requests, known)
    if found.is_empty():
        return CLAIM_SCHEMA.to_frame()
    step = pl.col("growth") + pl.col("answer")
    passed = (pl.col("before") >= pl.col("limit")).fill_null(value=True) | (pl.col("gap") == 0)
    sized = _sized(
        found.with_columns(
            after=pl.when(passed).then("gap").otherwise(0),
            early=pl.when(passed).then(0.0).otherwise(pl.col("gap") * step),
            next_call_id=pl.when(passed).then("next_call_id").otherwise("call_id"),
        )
    )
    return claims_of(
        _placed(_with_chance(sized), evidence).with_columns(
            *[pl.col(f"own_{name}").alias(name) for name in _SIZES],
            item=pl.format("summary/{}/{}", "talk_id", "next_call_id"),
            requests=pl.lit(1.0),
            basis=pl.lit("estimated"),
            evidence_count=pl.lit(1),
            reason=pl.lit("the conversation's context fell and no summary call was traced"),
        )
    )


def _placed(found: pl.DataFrame, evidence: Evidence) -> pl.DataFrame:
    """Move each row to the time step in which the call that came next started; calls stand where they end."""
    calls = evidence.calls
    step = (
        pl.col("bucket_end_at") - pl.col("bucket_start_at")
        if "bucket_end_at" in calls.columns
        else timedelta(days=1)
    )
    at = calls.select(
        "trace_id", "span_id", "bucket_start_at", _step=step, _at="started_at", next_call_id="call_id",
    )  # fmt: skip
    first = pl.lit(evidence.metered["bucket_start_at"].min(), CLAIM_SCHEMA["bucket_start_at"])
    rows = found.drop("bucket_start_at", "trace_id", "span_id").join(
        at, on="next_call_id", maintain_order="left"
    )
    late = (pl.col("bucket_start_at") - pl.col("_at")).dt.total_microseconds().clip(0)
    steps = (late / pl.col("_step").dt.total_microseconds()).ceil().cast(pl.Int64)
    earlier = pl.col("bucket_start_at") - pl.col("_step") * steps
    return rows.with_columns(
        bucket_start_at=pl.when(earlier >= first).then(earlier).otherwise("bucket_start_at")
    )


def _sized(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `own_whole_<kind>` and errors: what the summary of a conversation of this size used.

    `early`: what the conversation grew by between the last known turn and the summary. `after`: turns of
    unknown size between the summary and the next known one.
    """
    size = pl.col("before") + pl.col("early")
    step = pl.col("growth") + pl.col("answer")
    beyond = pl.col("input") - pl.col("first_input") - pl.col("after") * step
    usual = pl.when(beyond > _LEAST_SUMMARY).then(beyond).median().over(SERVICE)
    output = pl.coalesce(pl.when(beyond > _LEAST_SUMMARY).then(beyond), usual, _USUAL_SUMMARY * size).clip(
        _LEAST_SUMMARY, pl.max_horizontal(_MOST_SUMMARY * size, _LEAST_SUMMARY)
    )
    cached = pl.col("cached").fill_null(0.0)
    rows = rows.with_columns(_size=size, _summary=output, _cached=cached)
    wide = {f"own_{name}": pl.lit(0.0) for name in WHOLE}
    wide["own_whole_input_uncached"] = pl.col("_size") * (1 - _CACHED[0] * pl.col("_cached"))
    wide["own_whole_cache_read"] = pl.col("_size") * _CACHED[0] * pl.col("_cached")
    wide["own_whole_output"] = pl.col("_summary")
    relative = (_INPUT_ERROR**2 + (_CACHED[1] * pl.col("_cached")) ** 2).sqrt()
    spread = (pl.col("first_error").fill_null(0.0) ** 2 + (_OUTPUT_ERROR * pl.col("_summary")) ** 2).sqrt()
    return rows.with_columns(
        **wide,
        own_whole_input_error=((pl.col("_size") * relative) ** 2 + (pl.col("early") / 2) ** 2).sqrt(),
        own_whole_output_error=spread,
    )


def _with_chance(rows: pl.DataFrame) -> pl.DataFrame:
    """Add the rate: the share of a service's falls that were summaries outside the trace.

    Where the turn after a fall is as long as the answer before it makes it, that answer was the summary: its
    call was traced like any other.
    """
    beyond = pl.col("input") - pl.col("first_input")
    is_sure = (
        (pl.col("policy") >= _MOSTLY)
        & (pl.col("fall_count") >= _LEAST_FALLS)
        & (beyond.median() > _LEAST_SUMMARY)
        & ((beyond / pl.col("before")).median() <= _MOST_LEFT)
        & pl.col("dialect").is_in(_INCLUDING).any().not_()
    )
    is_traced = (pl.corr("answered", "input").fill_nan(0.0) > _ALIKE) & (pl.col("fall_count") >= _ENOUGH)
    is_dropped = (beyond.median() <= pl.col("growth").median() + _LEAST_SUMMARY) & (
        pl.col("fall_count") >= _ENOUGH
    )
    rows = rows.with_columns(
        _dropped=is_dropped.fill_null(value=False).over(SERVICE),
        _sure=is_sure.fill_null(value=False).over(SERVICE),
        _traced=is_traced.fill_null(value=False).over(SERVICE),
    ).with_columns(pl.col("_sure", "_traced", "_dropped").all().over("service"))
    prior, error = (
        pl.when("_traced")
        .then(_TRACED[n])
        .when("_dropped")
        .then(_DROPPED[n])
        .when("_sure")
        .then(_SURE[n])
        .otherwise(_UNSURE[n])
        for n in (0, 1)
    )
    return rows.with_columns(
        rate=pl.format("summary/unseen/{}", "service"),
        rate_prior=prior,
        rate_error=error,
        rate_low=pl.lit(0.02),
        rate_high=pl.lit(0.98),
        is_chance=pl.lit(value=True),
    )


CAUSE = Cause(
    code="summary_compaction",
    title="Summaries of long conversations",
    sentence="A model was asked to shorten a long conversation; the provider billed the whole conversation "
    "once more, and the trace holds no usage of it.",
    advice="Send summary calls through the traced client and label them, and summarise with a cheaper model "
    "or later.",
    first="Begin with {place}: let its conversations grow longer before they are summarised, or "
    "give summaries to a cheaper model.",
    is_avoidable=True,
    claim=claim,
)
