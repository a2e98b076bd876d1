"""The conversations that were summarised: how often, how long they were by then, what it cost and saved.

Recorded summaries are no drift and money all the same; those that no span holds are the claims of the cause.
A summary saves what the turns after it do not send again: k turns of a conversation that was C tokens long
and goes on with s send k times C - s tokens less.
"""

from decimal import Decimal, localcontext
from typing import Literal

import polars as pl

from pipeline.conversations import SERVICE, TALK, Talks, is_labelled, talks, with_talk
from pipeline.dialects import DIALECTS
from pipeline.kind_shares import INPUT_KINDS
from pipeline.metering.zones import local_day
from pipeline.money import TINY
from pipeline.period import Month
from pipeline.pricing import RateCard, expected_rates
from pipeline.rates.dollars import with_rates
from pipeline.rates.list_prices import context_window
from pipeline.tokens import unpivot
from schemas.compaction import Compaction
from schemas.types import ALL

_SCHEMA = pl.Schema(Compaction.empty().schema)
_OWNER = ["team", "service", "provider", "account", "model"]
_EVENT = [*_OWNER, "trace_id", "span_id", "is_recorded"]
_LONG = [*_EVENT, "service_tier", "day", "token_kind", "tokens"]
_INCLUDING = [dialect.code for dialect in DIALECTS if dialect.includes_compaction]
_LIKELY = 0.5
"""A summary that only a fall of the context tells of counts where it is more likely than not."""
_ROW = ["team", "service", "provider", "account", "model", "conversation_id"]


def compactions(
    calls: pl.DataFrame, claims: pl.DataFrame, rates: pl.DataFrame, month: Month, card: RateCard
) -> pl.DataFrame:
    """Return recon.compaction of core.call, recon.claim and recon.rate."""
    long = pl.concat([_claimed(claims, rates, month), _recorded(calls, month)])
    if long.is_empty():
        return _SCHEMA.to_frame()
    known = talks(calls)
    events = _with_turns(_named(_events(long, month, card), calls, known), known)
    rows = events.group_by(_ROW).agg(
        pl.len().cast(pl.Int64).alias("summaries"),
        (~pl.col("is_recorded")).sum().cast(pl.Int64).alias("unrecorded"),
        pl.col("context").median().round(0).cast(pl.Int64).alias("context_tokens"),
        pl.col("tokens", "turns_after", "saved_tokens").sum(),
        pl.when(pl.col("usd").is_not_null().all()).then(pl.col("usd").sum()).alias("usd"),
    )
    named = rows.with_columns(
        pl.Series("window_tokens", _windows(rows, card), pl.Int64),
        pl.Series("saved_usd", _saved(rows, _input_rates(calls, rows, month, card)), _SCHEMA["saved_usd"]),
        pl.lit(str(month)).alias("month"),
    )
    return named.select(_SCHEMA.names()).cast(_SCHEMA).sort(_ROW)


def _windows(rows: pl.DataFrame, card: RateCard) -> list[int | None]:
    keys = rows.select("provider", "model").rows()
    return [context_window(card.prices_id(provider), model) for provider, model in keys]


def _saved(rows: pl.DataFrame, rates: dict[tuple[str, ...], tuple[int, Decimal]]) -> list[Decimal | None]:
    found = []
    with localcontext(prec=50):
        for *key, tokens in rows.select(*SERVICE, "saved_tokens").iter_rows():
            count, usd = rates.get(tuple(key), (0, Decimal(0)))
            found.append((tokens * usd / count).quantize(TINY) if count else None)
    return found


def _input_rates(
    calls: pl.DataFrame, rows: pl.DataFrame, month: Month, card: RateCard
) -> dict[tuple[str, ...], tuple[int, Decimal]]:
    """Input tokens of each service and model, and their dollars; nothing where a part has no price."""
    day = local_day(pl.col("ended_at")).clip(month.first_day, month.last_day)
    mine = calls.join(rows, on=SERVICE, how="semi").with_columns(day.alias("day"))
    long = unpivot(mine, [*SERVICE, "service_tier", "day"]).filter(
        pl.col("token_kind").is_in(INPUT_KINDS), pl.col("tokens") > 0
    )
    keys = [*SERVICE, "service_tier", "day", "token_kind"]
    sums = _priced(long.group_by(keys).agg(pl.col("tokens").sum()), month, card).group_by(SERVICE)
    found = sums.agg(pl.col("tokens").sum(), pl.col("usd").sum(), known=pl.col("usd").is_not_null().all())
    return {tuple(row[:4]): (row[4], row[5]) for row in found.filter("known").iter_rows()}


def _claimed(claims: pl.DataFrame, rates: pl.DataFrame, month: Month) -> pl.DataFrame:
    """Tokens of summaries that no span holds, as the balance placed them."""
    mine = claims.filter(
        pl.col("step") == "summary_compaction", pl.col("tokens") != 0, pl.col("trace_id").is_not_null()
    )
    learned = mine.join(rates.select("rate", "posterior"), on="rate", how="left", maintain_order="left")
    likely = learned.filter(pl.col("posterior").fill_null(1.0) >= _LIKELY)
    day = pl.col("bucket_start_at").dt.date().clip(month.first_day, month.last_day)
    return likely.with_columns(day.alias("day"), is_recorded=pl.lit(value=False)).select(_LONG)


def _recorded(calls: pl.DataFrame, month: Month) -> pl.DataFrame:
    """Tokens of summaries that spans hold: calls of their own, or steps that a call counts among its own."""
    day = local_day(pl.col("ended_at")).clip(month.first_day, month.last_day)
    billed = calls.filter(pl.col("not_billed_reason").is_null()).with_columns(
        day.alias("day"), is_recorded=pl.lit(value=True)
    )
    keys = [name for name in _LONG if name not in ("token_kind", "tokens")]
    labelled = unpivot(billed.filter(is_labelled()), keys)
    within = billed.filter(pl.col("dialect").is_in(_INCLUDING), ~is_labelled()).select(
        *keys, input_uncached="compaction_input_tokens", output="compaction_output_tokens"
    )
    steps = within.unpivot(index=keys, variable_name="token_kind", value_name="tokens")
    both = pl.concat([labelled.select(_LONG), steps.select(_LONG)])
    return both.filter(pl.col("tokens") > 0)


def _events(long: pl.DataFrame, month: Month, card: RateCard) -> pl.DataFrame:
    """A row a summary, with its tokens and dollars."""
    whole = pl.when(pl.col("usd").is_not_null().all()).then(pl.col("usd").sum()).alias("usd")
    return _priced(long, month, card).group_by(_EVENT).agg(pl.col("tokens").sum(), whole)


def _priced(long: pl.DataFrame, month: Month, card: RateCard) -> pl.DataFrame:
    told = long.with_columns(context=pl.lit(ALL), geography=pl.lit(ALL))
    usd = (pl.col("tokens") * pl.col("usd_per_token")).cast(_SCHEMA["usd"])
    return with_rates(told, expected_rates(told, month, card)).with_columns(usd.alias("usd"))


def _named(events: pl.DataFrame, calls: pl.DataFrame, known: Talks) -> pl.DataFrame:
    """Add the conversation, and when the call that the summary is known by began."""
    own = calls.select("trace_id", "span_id", "conversation_id", "started_at")
    found = events.join(own, on=["trace_id", "span_id"], how="left", maintain_order="left")
    return with_talk(found, known.by_trace)


def _with_turns(events: pl.DataFrame, known: Talks) -> pl.DataFrame:
    """Add `context`, what the turn before a summary left behind, and what the turns after it did not send."""
    turns = known.turns.drop_nulls("context").sort("started_at", "call_id").select(
        *TALK, "account", "model", "context", "input", at="started_at",
        number=pl.int_range(1, pl.len() + 1).over(TALK),
    )  # fmt: skip
    rows = events.sort("started_at", *_EVENT, nulls_last=True)
    for by, name in (([*TALK, "account", "model"], "_own"), (TALK, "_any")):
        rows = _beside(rows, turns.select(*by, "at", pl.col("context").alias(name)), by)
    rows = _beside(rows, turns.select(*TALK, "at", before="number"), TALK)
    rows = _beside(rows, turns.select(*TALK, "at", after="input"), TALK, strategy="forward")
    count = turns.group_by(TALK).agg(turns=pl.len().cast(pl.Int64))
    rows = rows.join(count, on=TALK, how="left", maintain_order="left")
    before = pl.col("before").fill_null(0)
    next_one = pl.coalesce(before.shift(-1).over(TALK), "turns", 0)
    rows = rows.with_columns(
        context=pl.coalesce("_own", "_any"),
        conversation_id=pl.col("talk_id"),
        turns_after=(next_one - before).clip(0).cast(pl.Int64),
    )
    less = (pl.col("context") - pl.col("after")).fill_null(0).clip(0)
    return rows.with_columns(saved_tokens=(pl.col("turns_after") * less).round(0).cast(pl.Int64))


def _beside(
    rows: pl.DataFrame,
    turns: pl.DataFrame,
    by: list[str],
    strategy: Literal["backward", "forward"] = "backward",
) -> pl.DataFrame:
    """The turn before each summary, or the first one after it: a fall stands at the start of that one."""
    return rows.join_asof(
        turns, left_on="started_at", right_on="at", by=by, strategy=strategy,
        allow_exact_matches=strategy == "forward", check_sortedness=False,
    ).drop("at")  # fmt: skip
