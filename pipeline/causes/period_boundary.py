"""Period boundary: calls that the traces put into one month and the provider into another."""

from datetime import timedelta

import polars as pl

from pipeline.cause import BUCKET, OWNER, Cause, Evidence, claims
from pipeline.facts import claims_from_facts
from pipeline.metering.zones import day_start, local_day
from pipeline.tokens import unpivot

_PLACE = [name for name in BUCKET if name != "token_kind"]

_SOON = timedelta(minutes=2)
"""Settling takes seconds; what ends this close to the cut may well be booked after it."""

_LATE = timedelta(minutes=15)
"""Longest delay that is believed; see `pipeline/edges.py`."""

_LAST_DAYS = 27
"""From this day of a month in UTC on, the next one can have begun somewhere."""

_PRIORS = {"late_2m": (0.3, 0.3), "late_15m": (0.05, 0.1), "begun": (0.3, 0.3)}
"""Chance that a provider books such a call in the other month, and its standard error. No provider documents
the delay; the drift of the month's first and last bucket decides, over all token kinds of a call together."""

_REASONS = {
    "late_2m": "ended less than 2 minutes before the month did",
    "late_15m": "ended less than 15 minutes before the month did",
    "begun": "began in the month before the one it ended in",
}


def claim(evidence: Evidence) -> pl.DataFrame:
    """One item per call near the cut, by the chance that the provider dates it into the other month.

    Minus what was recorded for calls of this month that the next one may hold (they ended just before the
    cut) or the one before (they began there); plus for calls of the neighbours. All of a call or nothing.
    With a per-request meter exact, call by call, at whatever distance.
    """
    exact = claims_from_facts(evidence, "period_boundary")
    own = _cases(evidence.calls).with_columns(sign=pl.lit(-1))
    parts = [own.select(_COLUMNS)]
    if not evidence.edges.is_empty():
        edges = _cases(evidence.edges)
        is_before = pl.col("ended_at") < pl.col("bucket_start_at")
        fits = is_before == (pl.col("case") != "begun")
        parts.append(edges.filter(fits).with_columns(sign=pl.lit(1)).select(_COLUMNS))
    return pl.concat([exact, claims(_rows(pl.concat(parts)))])


_COLUMNS = ["call_id", *_PLACE, *OWNER, "trace_id", "span_id", "case", "sign", "token_kind", "tokens"]


def _cases(calls: pl.DataFrame) -> pl.DataFrame:
    """Billed calls near a cut that no request log tells of, long, with the case that each is."""
    calls = calls.filter(_may_be_near())
    if "is_matched" in calls.columns:
        calls = calls.filter(~pl.col("is_matched"))
    own = pl.col("month")
    first = pl.format("{}-01", own).str.to_date("%Y-%m-%d")
    left = day_start(first.dt.offset_by("1mo")) - pl.col("ended_at")
    case = (
        pl.when(left <= _SOON)
        .then(pl.lit("late_2m"))
        .when(left <= _LATE)
        .then(pl.lit("late_15m"))
        .when(local_day(pl.col("started_at")).dt.strftime("%Y-%m") != own)
        .then(pl.lit("begun"))
    )
    near = calls.filter(pl.col("not_billed_reason").is_null()).with_columns(case=case).drop_nulls("case")
    keep = ["call_id", *_PLACE, *OWNER, "trace_id", "span_id", "case", "ended_at"]
    return unpivot(near, keep).filter(pl.col("tokens") > 0)


def _may_be_near() -> pl.Expr:
    """Calls that can be near a cut in some zone: in UTC, months turn between noon of day 27 and that of 1."""
    start, end = pl.col("started_at").dt, pl.col("ended_at").dt
    turns = (start.month() != end.month()) | (start.day() == 1) | (end.day() == 1)
    return turns | (end.day() >= _LAST_DAYS)


def _rows(cases: pl.DataFrame) -> pl.DataFrame:
    full = pl.col("sign") * pl.col("tokens")
    prior, error = (
        pl.col("case").replace_strict(
            {case: values[place] for case, values in _PRIORS.items()}, return_dtype=pl.Float64
        )
        for place in (0, 1)
    )
    is_first = pl.struct(-pl.col("tokens"), "token_kind").rank("ordinal").over("call_id") == 1
    return cases.with_columns(
        tokens=(full * prior).round(0),
        tokens_low=pl.min_horizontal(full, 0),
        tokens_high=pl.max_horizontal(full, 0),
        full_tokens=full,
        item=pl.format("lag/{}", "call_id"),
        requests=pl.when(is_first).then(pl.col("sign")).otherwise(0),
        rate=pl.format("lag/{}/{}", "provider", "case"),
        rate_prior=prior,
        rate_error=error,
        rate_low=pl.lit(0.0),
        rate_high=pl.lit(1.0),
        is_chance=pl.lit(value=True),
        basis=pl.lit("estimated"),
        reason=pl.col("case").replace_strict(_REASONS, return_dtype=pl.String),
    )


CAUSE = Cause(
    code="period_boundary",
    title="In another month",
    sentence="The traces date a call by its end and the provider by its own clock: in the first and the "
    "last minutes of a month they put it into different months.",
    advice="Nothing to pay twice: the same tokens stand in the neighbouring month with the other sign.",
    claim=claim,
)
