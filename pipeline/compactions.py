"""The conversations that were summarised: how often, how long they were by then, and what it cost.

Recorded summaries are no drift and money all the same; those that no span holds are the claims of the cause.
"""

import polars as pl

from pipeline.conversations import TALK, Talks, is_labelled, talks, with_talk
from pipeline.dialects import DIALECTS
from pipeline.metering.zones import local_day
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
    events = _with_context(_named(_events(long, month, card), calls, known), known)
    windows = {
        (provider, model): context_window(card.prices_id(provider), model)
        for provider, model in events.select("provider", "model").unique().rows()
    }
    rows = events.group_by(_ROW).agg(
        pl.len().cast(pl.Int64).alias("summaries"),
        (~pl.col("is_recorded")).sum().cast(pl.Int64).alias("unrecorded"),
        pl.col("context").median().round(0).cast(pl.Int64).alias("context_tokens"),
        pl.col("tokens").sum(),
        pl.when(pl.col("usd").is_not_null().all()).then(pl.col("usd").sum()).alias("usd"),
    )
    window = [windows[key] for key in rows.select("provider", "model").rows()]
    named = rows.with_columns(pl.Series("window_tokens", window, pl.Int64), pl.lit(str(month)).alias("month"))
    return named.select(_SCHEMA.names()).cast(_SCHEMA).sort(_ROW)


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
    told = long.with_columns(context=pl.lit(ALL), geography=pl.lit(ALL))
    usd = (pl.col("tokens") * pl.col("usd_per_token")).cast(_SCHEMA["usd"])
    priced = with_rates(told, expected_rates(told, month, card)).with_columns(usd.alias("usd"))
    whole = pl.when(pl.col("usd").is_not_null().all()).then(pl.col("usd").sum()).alias("usd")
    return priced.group_by(_EVENT).agg(pl.col("tokens").sum(), whole)


def _named(events: pl.DataFrame, calls: pl.DataFrame, known: Talks) -> pl.DataFrame:
    """Add the conversation, and when the call that the summary is known by began."""
    own = calls.select("trace_id", "span_id", "conversation_id", "started_at")
    found = events.join(own, on=["trace_id", "span_id"], how="left", maintain_order="left")
    return with_talk(found, known.by_trace)


def _with_context(events: pl.DataFrame, known: Talks) -> pl.DataFrame:
    """Add `context`: what the turn before the summary left behind, of the same model where there is one."""
    turns = known.turns.drop_nulls("context").select(
        *TALK, "account", "model", "context", at="started_at"
    ).sort("at", "context")  # fmt: skip
    rows = events.sort("started_at", *_EVENT, nulls_last=True)
    for by, name in (([*TALK, "account", "model"], "_own"), (TALK, "_any")):
        before = turns.select(*by, "at", pl.col("context").alias(name))
        rows = rows.join_asof(
            before, left_on="started_at", right_on="at", by=by, allow_exact_matches=False,
            check_sortedness=False,
        ).drop("at")  # fmt: skip
    return rows.with_columns(context=pl.coalesce("_own", "_any"), conversation_id=pl.col("talk_id"))
