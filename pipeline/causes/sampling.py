"""Sampling: calls whose spans were sampled away, estimated from the calls that were kept."""

import polars as pl

from pipeline.cause import BUCKET, OWNER, Cause, Evidence, claims
from pipeline.facts import claims_from_facts
from pipeline.tokens import unpivot
from schemas.types import KIND_COLUMNS, TOKEN_KINDS

_PLACE = [name for name in BUCKET if name != "token_kind"]
_CELL = [name for name in BUCKET if name != "bucket_start_at"]
_GROUP = [*_CELL, *OWNER, "kept_share"]
_KNOWN = ("recorded", "estimated")

_DEPARTURE = 0.3
"""How far a service's share of a time step may lie from the meter's, relative, one standard deviation."""

_LEAST_ERROR = 0.02
"""Relative error that is left however many calls were kept: the sampler's probability is a nominal one."""

_FEW_TIMES = 3.0
_DEVIATIONS = 6.0


def claim(evidence: Evidence) -> pl.DataFrame:
    """One row per bucket, owner and probability p: 1/p - 1 times the tokens of the calls that were kept.

    Horvitz and Thompson's estimator over the month. The calls that are missing happened at other times than
    those that were kept: at one per cent a day's own estimate from n calls errs by sqrt((1 + cv²) / n), often
    by more than itself. So the month's estimate is given to its time steps by the tokens kept there and by
    the meter's own course, which weighs as much as B / 0.3² kept calls for B time steps: with few calls the
    course of the meter decides, with many their own times do. The error that all rows of a service share is
    on its rate, the rest on each row. Calls without usage, or without their cached
    tokens, count by their expected size. Exact where the
    account's own request log has requests without a span of a service that is sampled.
    """
    exact = claims_from_facts(evidence, "sampling")
    calls = _kept(evidence)
    if calls.is_empty():
        return exact
    return pl.concat([exact, claims(_rows(_spread(_groups(calls), calls, evidence.metered), calls))])


def _kept(evidence: Evidence) -> pl.DataFrame:
    """Billed calls of sampled services whose account has no log of its own, long, with what they used."""
    calls = evidence.calls
    if "kept_share" not in calls.columns:
        return calls.clear()
    calls = calls.filter((pl.col("kept_share") < 1.0) & pl.col("not_billed_reason").is_null())
    if "is_meter" in evidence.requests.columns:
        logs = evidence.requests.filter("is_meter").select("provider", "account")
        calls = calls.join(logs, on=["provider", "account"], how="anti")
    is_known = pl.col("usage_quality").is_in(_KNOWN) & (pl.col("cache_breakdown") != "none")
    wide = [
        pl.when(is_known)
        .then(name)
        .otherwise(pl.coalesce(f"whole_{kind}", name))
        .round(0)
        .cast(pl.Int64)
        .alias(name)
        for kind, name in zip(TOKEN_KINDS, KIND_COLUMNS, strict=True)
        if f"whole_{kind}" in calls.columns
    ]
    keep = ["call_id", *_PLACE, *OWNER, "kept_share", "trace_id", "span_id"]
    return unpivot(calls.with_columns(wide), keep).filter(pl.col("tokens") > 0)


def _groups(calls: pl.DataFrame) -> pl.DataFrame:
    """The month's kept tokens of each cell, owner and probability, with Kish's effective number of calls."""
    tokens = pl.col("tokens").cast(pl.Float64)
    return calls.group_by(_GROUP).agg(
        kept=tokens.sum(), effective=tokens.sum() ** 2 / (tokens**2).sum(), calls=pl.col("call_id").n_unique()
    )


def _spread(groups: pl.DataFrame, calls: pl.DataFrame, metered: pl.DataFrame) -> pl.DataFrame:
    """The groups by bucket, with `share`: expected part of the month's tokens in each, adding up to one.

    The mean of a Dirichlet distribution with the meter's course as base and the kept tokens as counts.
    """
    own = calls.group_by([*_GROUP, "bucket_start_at"]).agg(
        here=pl.col("tokens").sum().cast(pl.Float64),
        evidence_count=pl.col("call_id").n_unique(),
        largest=pl.struct("trace_id", "span_id").sort_by("tokens", "trace_id", "span_id").last(),
    )
    course = metered.filter(pl.col("tokens") > 0).select(
        *_CELL, "bucket_start_at", course=pl.col("tokens") / pl.col("tokens").sum().over(_CELL)
    )
    steps = pl.concat(
        [
            own.select(*_GROUP, "bucket_start_at"),
            groups.select(_GROUP).join(course.select(*_CELL, "bucket_start_at"), on=_CELL),
        ]
    ).unique()
    rows = (
        steps.join(groups, on=_GROUP)
        .join(own, on=[*_GROUP, "bucket_start_at"], how="left")
        .join(course, on=[*_CELL, "bucket_start_at"], how="left")
        .with_columns(pl.col("here", "course", "evidence_count").fill_null(0))
    )
    has_course = pl.col("course").sum().over(_GROUP) > 0
    weight = pl.when(has_course).then(pl.len().over(_GROUP) / _DEPARTURE**2).otherwise(0.0)
    whole = pl.col("effective") + weight
    share = (pl.col("effective") * pl.col("here") / pl.col("kept") + weight * pl.col("course")) / whole
    return rows.with_columns(share=share).with_columns(
        spread=pl.col("share") * (1 - pl.col("share")) / (whole + 1)
    )


def _rows(steps: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """Claims of the steps; `requests` stands on the largest row of an item."""
    odds = 1 / pl.col("kept_share") - 1
    rates = calls.group_by("service", "call_id", "kept_share").agg(pl.col("tokens").sum().cast(pl.Float64))
    gone = (1 - pl.col("kept_share")) / pl.col("kept_share") ** 2 * pl.col("tokens") ** 2
    rates = rates.group_by("service").agg(
        rate_error=(gone.sum().sqrt() / (odds * pl.col("tokens")).sum()).clip(_LEAST_ERROR, 1.0)
    )
    month = odds * pl.col("kept")
    sampled = 1 / (pl.col("effective") * (1 - pl.col("kept_share")))
    own = (sampled - pl.col("rate_error") ** 2).clip(0.0)
    variance = month**2 * (pl.col("spread") + pl.col("share") ** 2 * own)
    tokens = (month * pl.col("share")).round(0)
    whole = (variance + (tokens * pl.col("rate_error")) ** 2).sqrt()
    item = ["kept_share", *_PLACE, *OWNER]
    is_first = pl.struct(-pl.col("tokens"), "token_kind").rank("ordinal").over(item) == 1
    return (
        steps.join(rates, on="service", how="left")
        .with_columns(tokens=tokens, variance=variance, whole=whole)
        .filter(pl.col("tokens") > 0)
        .unnest("largest")
        .with_columns(
            tokens_low=pl.lit(0),
            tokens_high=pl.max_horizontal(
                _FEW_TIMES * pl.col("tokens"), pl.col("tokens") + _DEVIATIONS * pl.col("whole")
            ).ceil(),
            full_tokens=pl.col("tokens"),
            item=pl.concat_str(
                pl.lit("sampling"), *[pl.col(name).cast(pl.String) for name in item], separator="/"
            ),
            requests=pl.when(is_first).then(odds * pl.col("calls") * pl.col("share")).otherwise(0.0),
            rate=pl.format("sampling/{}", "service"),
            rate_prior=pl.lit(1.0),
            rate_low=pl.lit(0.0),
            rate_high=pl.lit(_FEW_TIMES),
            basis=pl.lit("estimated"),
            reason=pl.format(
                "spans kept with probability {}: estimated from {} kept calls of the month",
                pl.col("kept_share").round(6),
                "calls",
            ),
        )
        .sort(*BUCKET, *OWNER, "kept_share")
    )


CAUSE = Cause(
    code="sampling",
    title="Sampled away",
    sentence="The service keeps the spans of some of its traces only; the provider billed all of its calls.",
    advice="Record usage outside the sampler, for example as a metric or a log line of each call, or keep "
    "every trace that has a model call.",
    first="Begin with {place}: record its usage outside the sampler.",
    claim=claim,
)
