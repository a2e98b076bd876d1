"""What the billed calls were for: serving, or one of the kinds of work that nobody asked for.

Waste is not drift: what is traced and billed agrees, and may still be money for nothing. Every billed call
has one workload, the first of `RULES` that fits it, so that the workloads add up to the calls' tokens.
"""

from datetime import timedelta
from typing import NamedTuple

import polars as pl

from pipeline.fates import COMPACT_OPERATIONS, with_fates
from pipeline.globs import fits
from pipeline.metering.zones import local_day
from pipeline.period import Month
from pipeline.pricing import RateCard, expected_rates
from pipeline.rates.dollars import with_rates
from pipeline.settings import Settings
from pipeline.tokens import HAS_USAGE, TOTAL, unpivot
from schemas.recon import Anatomy
from schemas.types import ALL, KIND_COLUMNS

SERVING = "serving"

_FAMILY = ("trace_id", "parent_span_id", "provider", "model", "operation", "service")
"""Calls that may be the same request again."""

_LONGEST_WAIT = timedelta(seconds=60)
"""Longest wait before a request is sent again: what the openai and anthropic SDKs accept as retry-after."""

_NO_HUMAN = timedelta(seconds=2)
"""A next turn that comes faster was not typed by anybody."""

_CORRECTION_TOKENS = 600
"""A message that says what was wrong with an answer is shorter than this."""

_SELDOM = 0.2
"""Where answers are corrected in a larger share of the traces of a service, steps are how it works."""

_PING_OUTPUT = 4
_PINGS = 6
_PING_PAUSE = timedelta(seconds=30)
"""A ping asks for no answer to speak of, is sent at least so often, and not more often than this."""

_REGULAR = 0.8
"""Share of pauses within a tenth of the usual one from which on requests come by the clock."""

_WHOLE = ("stop", "end_turn", "completed")
"""Finish reasons of an answer that calls no tool and was not cut."""

_INPUT = [name for name in KIND_COLUMNS if not name.startswith("output")]
_COMPLETED = (pl.col("failure") == "completed") | pl.col("is_doubtful")
_GIVEN_UP = pl.col("failure").is_in(["cancelled", "timeout"])


class Rule(NamedTuple):
    """A workload, how sure it is, what it is told by, and the condition over the columns of `_facts`."""

    workload: str
    basis: str
    reason: str
    applies: pl.Expr


RULES = (
    Rule("evaluation", "exact", "its environment is one of tests", pl.col("is_test_environment")),
    Rule("evaluation", "estimated", "its service is named like tests", pl.col("is_test_service")),
    Rule("embedding", "exact", "its operation is embeddings", pl.col("operation") == "embeddings"),
    Rule(
        "compaction",
        "exact",
        "its operation summarises a conversation",
        pl.col("operation").is_in(COMPACT_OPERATIONS),
    ),
    Rule("retry", "estimated", "it failed and the same request followed", ~_COMPLETED & pl.col("is_resent")),
    Rule("cancelled", "exact", "the client gave up", ~_COMPLETED & _GIVEN_UP),
    Rule("failed", "exact", "it failed and was not sent again", ~_COMPLETED),
    Rule("keep_alive", "estimated", "equal requests at equal pauses for no answer", pl.col("is_ping")),
    Rule(
        "validation_retry",
        "estimated",
        "its answer came back at once with a correction",
        pl.col("is_corrected") & (pl.col("agent_level") == "none"),
    ),
    Rule("sub_agent", "exact", "an agent or a tool called its agent", pl.col("agent_level") == "sub_agent"),
    Rule("background", "exact", "a message started its trace", pl.col("root_kind") == "consumer"),
    Rule("background", "estimated", "no request started its trace", pl.col("root_kind") == "internal"),
    Rule(SERVING, "exact", "nothing says otherwise", pl.lit(value=True)),
)
"""In this order: what a test suite does is testing, also its embeddings, failures and agents."""

_KEYS = ("provider", "account", "model", "team", "service", "workload", "basis", "reason")


def with_workloads(calls: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Return the billed calls of core.call with `workload`, and the basis and rule that tell it."""
    return _judged(_facts(calls.filter(pl.col("not_billed_reason").is_null()), settings))


def anatomy(judged: pl.DataFrame, month: Month, card: RateCard) -> pl.DataFrame:
    """Return recon.anatomy of calls with their workloads, tokens as their spans record them.

    `judged` is what `with_workloads` returns. Dollars are at the expected rate, null where a part of the
    tokens has no known price. Delivered tokens are the output of completed calls: what reached the
    application of the others is not known.
    """
    counts = judged.group_by(_KEYS).agg(
        pl.len().cast(pl.Int64).alias("calls"),
        (~HAS_USAGE).sum().cast(pl.Int64).alias("calls_without_usage"),
        TOTAL.sum().alias("tokens"),
        pl.when((_COMPLETED & pl.col("output_tokens").is_not_null()).any())
        .then(pl.col("output_tokens").filter(_COMPLETED).sum())
        .alias("delivered_tokens"),
    )
    priced = _dollars(judged, month, card)
    rows = counts.join(priced, on=_KEYS, how="left").with_columns(month=pl.lit(str(month)))
    return rows.select(Anatomy.empty().columns).cast(Anatomy.empty().schema).sort(pl.all())


def _judged(facts: pl.DataFrame) -> pl.DataFrame:
    """The calls with the first rule that fits each."""
    number = pl.coalesce(
        [pl.when(rule.applies.fill_null(value=False)).then(place) for place, rule in enumerate(RULES)]
    )
    names = ("workload", "basis", "reason")
    table = pl.DataFrame([rule[:3] for rule in RULES], schema=names, orient="row").with_row_index("rule")
    placed = facts.with_columns(number.cast(pl.UInt32).alias("rule"))
    return placed.join(table, on="rule", how="left", maintain_order="left")


def _dollars(judged: pl.DataFrame, month: Month, card: RateCard) -> pl.DataFrame:
    day = local_day(pl.col("ended_at")).clip(month.first_day, month.last_day)
    kept = [*_KEYS, "service_tier", "day"]
    sums = judged.with_columns(day=day).group_by(kept).agg(pl.col(KIND_COLUMNS).sum())
    used = unpivot(sums, kept).filter(pl.col("tokens") != 0)
    usd = (pl.col("tokens") * pl.col("usd_per_token")).cast(pl.Decimal(38, 12))
    told = used.with_columns(context=pl.lit(ALL), geography=pl.lit(ALL))
    priced = with_rates(told, expected_rates(told, month, card)).with_columns(usd.alias("usd"))
    whole = pl.col("usd").is_not_null().all()
    return priced.group_by(_KEYS).agg(pl.when(whole).then(pl.col("usd").sum()).alias("usd"))


def _facts(calls: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Calls with what the rules ask for beside the columns of core.call and `failure`."""
    named = with_fates(calls).with_columns(pl.col("environment").str.to_lowercase().alias("_environment"))
    is_known = pl.any_horizontal([pl.col(name).is_not_null() for name in _INPUT])
    facts = named.with_columns(
        fits(named["_environment"], settings.anatomy.evaluation_environments).alias("is_test_environment"),
        fits(named["service"], settings.anatomy.evaluation_services).alias("is_test_service"),
        pl.when(is_known).then(pl.sum_horizontal(_INPUT)).cast(pl.Int64).alias("input"),
    ).sort(*_FAMILY, "started_at", "call_id", nulls_last=True)
    same = pl.all_horizontal([pl.col(name).eq_missing(pl.col(name).shift(1)) for name in _FAMILY])
    facts = facts.with_columns((~same).cum_sum().alias("family"))
    has_next = pl.col("family") == pl.col("family").shift(-1)
    facts = facts.with_columns(
        pl.when(has_next).then(pl.col("started_at").shift(-1) - pl.col("ended_at")).alias("wait"),
        pl.when(has_next).then(pl.col("input").shift(-1) - pl.col("input")).alias("growth"),
    )
    facts = facts.with_columns(is_resent=_is_resent(), is_corrected=_is_corrected().fill_null(value=False))
    return _with_pings(facts.with_columns(is_corrected=pl.col("is_corrected") & _is_rare("is_corrected")))


def _is_resent() -> pl.Expr:
    """Whether the next call of the family asks the same: as much input, after a failure."""
    same = pl.col("growth").abs() <= pl.max_horizontal(pl.lit(16), pl.col("input") // 50)
    return same & pl.col("wait").is_between(timedelta(0), _LONGEST_WAIT)


def _is_corrected() -> pl.Expr:
    """Whether the next call of the family repeats this one with its whole answer and a little more."""
    output, growth = pl.col("output_tokens"), pl.col("growth")
    is_longer = (output > 0) & (growth >= output) & (growth <= output + _CORRECTION_TOKENS)
    is_whole = _COMPLETED & pl.col("finish_reasons").str.to_lowercase().is_in(_WHOLE)
    at_once = pl.col("wait").is_between(timedelta(0), _NO_HUMAN)
    return is_whole & is_longer & at_once & pl.col("parent_span_id").is_not_null()


def _is_rare(name: str) -> pl.Expr:
    """Whether few families of the service have such a call: else steps are how it works."""
    kind, family = ("service", "model", "operation"), pl.col("family")
    return family.filter(pl.col(name)).n_unique().over(kind) <= family.n_unique().over(kind) * _SELDOM


def _with_pings(facts: pl.DataFrame) -> pl.DataFrame:
    """`is_ping`: completed calls of a service with equal input and next to no output, at equal pauses."""
    alike = ("provider", "account", "model", "team", "service", "input")
    pause = pl.col("started_at").diff().over(alike).dt.total_microseconds().alias("pause")
    usual = pl.col("pause").median().over(alike)
    is_usual = ((pl.col("pause") - usual).abs() <= usual / 10).mean().over(alike)
    is_slow = usual >= _PING_PAUSE.total_seconds() * 1e6
    small = facts.filter(_COMPLETED, pl.col("output_tokens") <= _PING_OUTPUT, pl.col("input").is_not_null())
    small = small.sort("started_at", "call_id").with_columns(pause)
    pings = small.filter((pl.len().over(alike) >= _PINGS) & is_slow & (is_usual >= _REGULAR))
    return facts.with_columns(pl.col("call_id").is_in(pings["call_id"].implode()).alias("is_ping"))
