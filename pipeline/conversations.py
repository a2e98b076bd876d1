"""The saw-tooth of conversations: a context grows from turn to turn, and falls where it was summarised.

Each turn sends the whole conversation again: its input is the context of the turn before and a new message.
Where a service lets the context grow to a limit and its input then falls, something made it smaller: a
summary that a model wrote, or old turns that were thrown away, for which nobody pays.
"""

from typing import NamedTuple

import polars as pl

from pipeline.cause import Evidence
from pipeline.fates import COMPACT_OPERATIONS
from pipeline.grouping import numbers
from pipeline.sizes import INPUT, OUTPUT

SERVICE = ["provider", "account", "service", "model"]
TALK = ["service", "talk_id"]
"""One conversation, over all models; calls without a conversation belong to that of their trace."""

_FALL = 0.7
"""A turn falls where its input is below this share of the context before it, ..."""
_LEAST_FALL = 1000
"""... and by more tokens than this."""
_SLACK = 0.1
"""A context is carried on where no more than this share of it is missing: answers may be stored in part."""
_AHEAD = 12
"""Turns in which a context that comes back shows that the small turn was somebody else's, as a helper's."""
_MOSTLY = 0.6
"""Share of turns that must carry their context on before a fall means anything."""
_MOST_FALLS = 0.35
"""Share of turns above which falls are no saw-tooth: calls that have nothing to do with one another."""
_LEAST_GROWTH = 2
"""Turns that carry the context on before a first fall is believed."""
_NEARLY_ALWAYS = 0.8
"""Share of turns at the limit that must fall before one is believed that was not seen."""
_COMPACT_PATH = "/responses/compact"
"""OpenAI's call that compacts a conversation: billed by itself, and no instrumentation gives it a span."""


def is_labelled() -> pl.Expr:
    """Whether the span says that the call wrote the summary of a conversation."""
    return pl.col("operation").is_in(COMPACT_OPERATIONS)


class Talks(NamedTuple):
    """The conversations of a month: of each trace that names one, and the turns of `turns`."""

    by_trace: pl.DataFrame
    turns: pl.DataFrame


def talks(calls: pl.DataFrame) -> Talks:
    """Return the conversations of calls, as `falls`, `around` and `with_talk` take them."""
    named = calls.lazy().select("service", "trace_id", "conversation_id").drop_nulls("conversation_id")
    by_trace = named.group_by("service", "trace_id").agg(_talk=pl.col("conversation_id").min()).collect()
    return Talks(by_trace, turns(calls, by_trace))


def talks_of(evidence: Evidence) -> Talks:
    """Return `talks` of the calls, worked out once for all causes."""
    names = [f"talks.{name}" for name in Talks._fields]
    if names[0] not in evidence.shared:
        evidence.shared.update(zip(names, talks(evidence.calls), strict=True))
    return Talks(*(evidence.shared[name] for name in names))


def with_talk(rows: pl.DataFrame, by_trace: pl.DataFrame) -> pl.DataFrame:
    """Add `talk_id`: the conversation of the row or of a call in its trace, else the trace."""
    own = pl.col("conversation_id") if "conversation_id" in rows.columns else pl.lit(None, pl.String)
    found = rows.lazy().join(by_trace.lazy(), on=["service", "trace_id"], how="left", maintain_order="left")
    return found.with_columns(talk_id=pl.coalesce(own, "_talk", "trace_id")).drop("_talk").collect()


def compact_requests(attempts: pl.DataFrame) -> pl.DataFrame:
    """Return `trace_id` and `span_id` of the HTTP requests that compacted a conversation."""
    path = pl.col("url_path").fill_null("").str.strip_chars_end("/")
    return attempts.filter(path.str.ends_with(_COMPACT_PATH)).select("trace_id", "span_id")


def turns(calls: pl.DataFrame, by_trace: pl.DataFrame) -> pl.DataFrame:
    """Return the calls of conversations in order, with `talk`, `input`, `visible` and `context`.

    `talk` numbers conversations by model. `context`: tokens that the next turn sends again: input and visible
    answer; null where input is unknown. Calls that wrote a summary are no turns. Services whose conversations
    all have one turn have none.
    """
    known = (pl.col("input_uncached_tokens").is_not_null() & (INPUT > 0)).fill_null(value=False)
    complete = pl.col("usage_quality").is_in(["recorded", "estimated"])
    seen = OUTPUT - pl.col("reasoning_tokens").fill_null(0)
    narrow = calls.lazy().filter(pl.col("operation").ne("embeddings") & ~is_labelled()).select(
        *SERVICE, "call_id", "trace_id", "conversation_id", "started_at", "cache_read_tokens",
        input=pl.when(known).then(INPUT), visible=pl.when(complete & known).then(seen),
    ).collect()  # fmt: skip
    talks = with_talk(narrow, by_trace).drop("trace_id", "conversation_id").sort("started_at", "call_id")
    rows = talks.with_columns(
        numbers(talks, ["account", "model"]).alias("seller"), row=pl.int_range(pl.len())
    )
    rows = rows.with_columns(first=pl.col("row").min().over(TALK)).with_columns(
        talk=pl.col("row").min().over("first", "seller"), is_again=pl.col("row") != pl.col("first")
    )
    several = rows.filter("is_again").select("service").unique()
    usual = pl.col("visible").median().over(SERVICE)
    return (
        rows.drop("is_again", "first", "seller")
        .join(several, on="service", how="semi")
        .sort("talk", maintain_order=True)
        .with_columns(visible=pl.coalesce("visible", usual, 0.0), row=pl.int_range(pl.len()))
        .with_columns(context=pl.col("input") + pl.col("visible"))
    )


def falls(calls: pl.DataFrame, requests: pl.DataFrame, known: Talks | None = None) -> pl.DataFrame:
    """Return one row per fall of a conversation's context without a recorded compaction.

    Each is the first turn with known input after the fall, plus the context before it (`before`), the answer
    before it (`answered`), turns of unknown size in between (`gap`), the call that came next
    (`next_call_id`), what the service's first turns send (`first_input`, `first_error`), what a turn adds
    (`growth`, `answer`), the share of input that is `cached`, the context at which the service's
    conversations fall (`limit`) and `policy`: of the turns that had reached it, the share that fell. A
    conversation that reached the limit and of whose further turns no input is known is a fall with an unknown
    `input`. `requests`: requests to compact a conversation that have no span of a call, with `service`,
    `talk_id` and `started_at`. `known`: those of `talks`, to save making them again.
    """
    known = known or talks(calls)
    pairs = _with_service(_pairs(known.turns, _events(calls, requests, known)))
    grown = pl.col("is_fall") & (pl.col("run") >= _LEAST_GROWTH)
    limit = pl.col("before").filter(grown).quantile(0.1, "nearest").over(SERVICE)
    pairs = pairs.with_columns(is_grown=grown, limit=limit)
    at_limit = (pl.col("before") >= pl.col("limit")).fill_null(value=False)
    fell = pl.col("is_fall") | pl.col("is_recorded")
    pairs = pairs.with_columns(
        policy=((fell & at_limit).sum() / at_limit.sum()).over(SERVICE),
        fall_count=pl.col("is_grown").sum().over(SERVICE),
        at_limit=at_limit,
    ).filter((pl.col("carried") >= _MOSTLY) & (pl.col("fallen") <= _MOST_FALLS) & ~pl.col("is_untold"))
    seen = pairs.filter(pl.col("is_fall") & (pl.col("is_grown") | pl.col("at_limit")))
    rows = pl.concat([seen, _last(pairs).select(seen.columns)]).sort(*TALK, "started_at", "call_id")
    own = calls.join(rows, on="call_id", how="semi")
    rest = own.select("call_id", *[name for name in calls.columns if name not in rows.columns])
    return rows.join(rest, on="call_id", how="left", maintain_order="left")


def around(events: pl.DataFrame, calls: pl.DataFrame, known: Talks) -> pl.DataFrame:
    """Return summaries that are known to have happened with what is known of the conversation around them.

    `events` has `service`, `talk_id` and `started_at`. Added: `before`, `input` of the first turn after, and
    what the service's conversations have in common; null where the conversation has no turns.
    """
    own = known.turns.join(events, on="service", how="semi", maintain_order="left")
    pairs = _with_service(_pairs(own, _events(calls, events, known)))
    common = ["first_input", "first_error", "growth", "answer", "cached"]
    last = pairs.select(*TALK, *common, before="context", at="started_at").sort("at")
    following = pairs.select(*TALK, "input", at="started_at").sort("at")
    rows = events.drop(["input", *common], strict=False).sort("started_at")
    found = rows.join_asof(last, left_on="started_at", right_on="at", by=TALK, check_sortedness=False)
    return found.drop("at").join_asof(
        following,
        left_on="started_at",
        right_on="at",
        by=TALK,
        strategy="forward",
        allow_exact_matches=False,
        check_sortedness=False,
    )


def _last(pairs: pl.DataFrame) -> pl.DataFrame:
    """Conversations that reached the limit and went on without usage: the fall itself was not seen."""
    is_last = pl.col("talk").ne_missing(pl.col("talk").shift(-1))
    reached = (pl.col("context") >= pl.col("limit")) & pl.col("later_call_id").is_not_null()
    reached = reached & (pl.col("policy") >= _NEARLY_ALWAYS)
    return pairs.filter(is_last & reached.fill_null(value=False)).with_columns(
        before="context",
        gap=pl.lit(0, pl.Int64),
        next_call_id="later_call_id",
        input=pl.lit(None, pl.Float64),
    )


def _events(calls: pl.DataFrame, requests: pl.DataFrame, known: Talks) -> pl.DataFrame:
    """When conversations were compacted as far as it is recorded: by a call, on a span, or by a request."""
    happened = is_labelled() | (pl.col("compaction_input_tokens").fill_null(0) > 0)
    names = [*TALK, "started_at"]
    recorded = with_talk(calls.filter(happened), known.by_trace)
    return pl.concat([recorded.select(names), requests.select(names)]).sort("started_at", *TALK)


def _before(name: str) -> pl.Expr:
    """The value of the turn before in the same conversation."""
    return pl.when(pl.col("talk") == pl.col("talk").shift(1)).then(pl.col(name).shift(1))


def _pairs(found: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Turns of known size, each beside the one before it in its conversation."""
    later = pl.when(pl.col("talk") == pl.col("talk").shift(-1)).then(pl.col("call_id").shift(-1))
    known = found.with_columns(later_call_id=later).filter(pl.col("context").is_not_null())
    known = known.with_columns(
        before=_before("context"),
        began=_before("started_at"),
        answered=_before("visible"),
        gap=(pl.col("row") - _before("row") - 1).cast(pl.Int64),
        next_call_id=_before("later_call_id"),
        opens=pl.col("talk").ne_missing(pl.col("talk").shift(1)),
    )
    lost = pl.col("before") - pl.col("input")
    fell = (pl.col("input") < _FALL * pl.col("before")) & (lost > _LEAST_FALL)
    known = known.with_columns(
        carries=(lost <= _SLACK * pl.col("before")).fill_null(value=False),
        fell=fell.fill_null(value=False),
    )
    known = _with_events(_with_return(known), events)
    recorded = pl.col("fell") & pl.col("has_event")
    is_fall = pl.col("fell") & ~recorded & ~pl.col("is_back")
    carried = pl.col("carries").cast(pl.Int64).cum_sum()
    restarts = pl.col("opens") | (is_fall | recorded).shift(1)
    run = carried - pl.when(restarts).then(carried - pl.col("carries").cast(pl.Int64)).forward_fill()
    return known.with_columns(is_fall=is_fall, is_recorded=recorded, run=run)


def _with_return(known: pl.DataFrame) -> pl.DataFrame:
    """Add `is_back`: the context before a fall is sent again soon, by a leap and not by growth."""
    known = known.with_row_index("index")
    leaps = known.filter(pl.col("input") > pl.col("before") / _FALL + _LEAST_FALL)
    ahead = pl.DataFrame({"ahead": range(1, _AHEAD + 1)}, schema={"ahead": pl.UInt32})
    fell = known.filter("fell").select("talk", "before", "index").join(ahead, how="cross")
    back = fell.with_columns(later=pl.col("index") + pl.col("ahead")).join(
        leaps.select("talk", "input", later="index"), on=["talk", "later"]
    )
    back = back.filter(pl.col("input") >= (1 - _SLACK) * pl.col("before"))
    return known.with_columns(is_back=pl.col("index").is_in(back["index"].implode()))


def _with_events(known: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Add `has_event`, a recorded compaction since the turn before, and `is_untold`.

    `is_untold`: the service records compactions in conversations of which no turn is known, so that a fall
    says nothing about what is not recorded.
    """
    loose = events.join(known, on=TALK, how="anti")["service"].unique()
    latest = events.select(*TALK, "started_at", event_at="started_at")
    close = known.select(*TALK, "index", "started_at", "began").join(events, on=TALK, how="semi")
    found = close.sort("started_at", "index").join_asof(
        latest, on="started_at", by=TALK, check_sortedness=False
    )
    after = found.filter(pl.col("event_at") > pl.col("began"))["index"]
    return known.with_columns(
        has_event=pl.col("index").is_in(after.implode()),
        is_untold=pl.col("service").is_in(loose.implode()),
    )


def _with_service(pairs: pl.DataFrame) -> pl.DataFrame:
    """Add what the service's conversations have in common."""
    follows = pl.col("before").is_not_null()
    first = pl.col("input").filter("opens")
    step = (pl.col("input") - pl.col("before")).filter(pl.col("carries") & (pl.col("gap") == 0))
    read = pl.col("cache_read_tokens").fill_null(0).sum() / pl.col("input").sum()
    return pairs.with_columns(
        carried=(pl.col("carries").sum() / follows.sum()).over(SERVICE),
        fallen=((pl.col("fell") & ~pl.col("is_recorded")).sum() / follows.sum()).over(SERVICE),
        first_input=first.median().over(SERVICE),
        first_error=(1.25 * first.std().fill_null(0.0) / first.count().sqrt()).round(6).over(SERVICE),
        growth=step.median().clip(0.0).over(SERVICE).fill_null(0.0),
        answer=pl.col("visible").median().over(SERVICE),
        cached=read.over(SERVICE),
    )
