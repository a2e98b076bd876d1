"""Requests of an account's own log that are no call's: the step of the bridge and the owner of each."""

import polars as pl

from pipeline.assignment import Sides, assign
from pipeline.cause import OWNER
from pipeline.fates import failure_of
from pipeline.onesided import family

_ACCOUNT = ["provider", "account"]
_MODEL = ["provider", "account", "scope", "model"]
_KEY = ["provider", "account", "family"]
_SLACK = pl.duration(seconds=2)
_GIVEN_UP = ["cancelled", "timeout"]


def placed_leftovers(
    leftovers: pl.DataFrame, calls: pl.DataFrame, silences: pl.DataFrame, owners: dict[str, str]
) -> pl.DataFrame:
    """Return the requests of logs that meter their account with `step`, owner, span ids and `reason`.

    A request during an application span without its call: cancellations where the span failed by a timeout or
    a cancellation, else missing_usage. Else by its scope and model: sampling where calls of it were sampled
    away, missing_usage where it is traced. Left out is what is never traced: `uninstrumented` claims it.
    An owner is named where all such calls have one; else the scope's owner, else the pool `unowned`.
    """
    rows = leftovers.filter("is_meter").with_row_index("right").with_columns(pl.col("right").cast(pl.Int64))
    told = _during_silences(rows, silences)
    traced = _owners(calls, owners)
    sampled = _owners(calls.filter(pl.col("kept_share") < 1.0), owners)
    keys = [*OWNER, "trace_id", "span_id", "step", "reason"]
    rest = rows.join(told, on="right", how="anti")
    lost = rest.join(sampled, on=_MODEL, how="anti")
    missing = pl.lit(None, pl.String)
    parts = [
        rows.join(told, on="right"),
        rest.join(sampled, on=_MODEL).with_columns(
            step=pl.lit("sampling"), reason=pl.lit("per-request meter: no span, and its service is sampled")
        ),
        lost.join(traced, on=_MODEL).with_columns(
            step=pl.lit("missing_usage"), reason=pl.lit("per-request meter: a request that left no span")
        ),
    ]
    columns = [*rows.columns, *keys]
    spanless = [part.with_columns(trace_id=missing, span_id=missing) for part in parts[1:]]
    return pl.concat([part.select(columns) for part in (parts[0], *spanless)]).drop("right").sort("request")


def _owners(calls: pl.DataFrame, owners: dict[str, str]) -> pl.DataFrame:
    """The owner of each scope and model: of all its billed calls, or the scope's, or nobody."""
    billed = calls.lazy().filter(pl.col("not_billed_reason").is_null()).select(*_MODEL, *OWNER).unique()
    alone = [pl.when(pl.len() == 1).then(pl.col(name).min()).alias(name) for name in OWNER]
    found = billed.group_by(_MODEL).agg(alone).collect()
    scope = pl.col("scope").replace_strict(owners, default="unowned", return_dtype=pl.String)
    return found.with_columns(
        team=pl.coalesce("team", scope),
        service=pl.col("service").fill_null("unknown"),
        feature=pl.col("feature").fill_null(""),
    )


def _during_silences(rows: pl.DataFrame, silences: pl.DataFrame) -> pl.DataFrame:
    """`right`, owner, span ids, step and reason of requests that began during a span without its call."""
    if "span_id" not in silences.columns or rows.is_empty():
        silences = _NOBODY
    spans = (
        silences.sort("trace_id", "span_id")
        .with_row_index("left")
        .with_columns(pl.col("left").cast(pl.Int64), family=family("model"))
    )
    lasted = (pl.col("ended_at") - pl.col("started_at")).dt.total_microseconds() / 1e6
    left = spans.select(
        "left", "provider", "model", "family", name="left",
        key=pl.struct(_KEY), from_at=pl.col("started_at") - _SLACK, to_at=pl.col("ended_at") + _SLACK,
        expected_at="started_at", spread=1.0 + lasted, input=pl.lit(None, pl.Int64),
        output=pl.lit(None, pl.Int64), is_estimate=pl.lit(value=False),
    )  # fmt: skip
    messages = rows.filter(pl.col("part") == "message").with_columns(family=family("model"))
    right = messages.select(
        "right", "provider", "model", "family",
        key=pl.struct(_KEY), at="started_at", input="input_uncached_tokens", output="output_tokens",
    )  # fmt: skip
    failure = failure_of(pl.lit(None, pl.Int64), pl.col("error_type"))
    return (
        assign(Sides(left, right))
        .join(spans, on="left")
        .select(
            "right",
            *OWNER,
            "trace_id",
            "span_id",
            step=pl.when(failure.is_in(_GIVEN_UP))
            .then(pl.lit("cancellations"))
            .otherwise(pl.lit("missing_usage")),
            reason=pl.lit("per-request meter: a request during a span that lacks its call"),
        )
    )


_NOBODY = pl.Schema(
    {
        **dict.fromkeys([*_MODEL, *OWNER, "trace_id", "span_id", "error_type"], pl.String()),
        **dict.fromkeys(["started_at", "ended_at"], pl.Datetime("us", "UTC")),
    }
).to_frame()
