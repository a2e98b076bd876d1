"""Attempts beyond the one whose answer was kept: seen as HTTP spans, counted by the SDK, or told by time.

Each has the size of the call that it belongs to: the same input, and an answer of its own.
"""

import polars as pl

from pipeline.cause import OWNER
from pipeline.fates import failure_of
from pipeline.sizes import WHOLE
from pipeline.timeouts import ATTEMPTS, attempts_in

PLACE = ["provider", "account", "scope", "model", "service_tier"]

_OF_CALL = [
    "call_id", *PLACE, *OWNER, "trace_id", "is_stream", "kept_share", "not_billed_reason",
    "is_matched", *WHOLE, "whole_input_error", "whole_output_error",
]  # fmt: skip

_PARTLY = {"server_error": 0.5, "overloaded": 0.0, "rate_limited": 0.5, "connect": 0.5, "broken": 0.5}
"""Part of an answer that is made before an attempt fails; unknown, hence with an error of half of it."""


def extra_attempts(calls: pl.DataFrame, attempts: pl.DataFrame) -> pl.DataFrame:
    """Return one row per attempt that was not kept, with the columns of its call, to be placed by `ended_at`.

    Columns: those of the place and owner, `call_id`, `trace_id`, `span_id`, `item`, `failure`, `ended_at`,
    `reason`, `whole_<kind>` and their errors. `calls` has fates and sizes; `attempts` are core.attempt.
    """
    no_answer = (pl.col("fate") == "retries") & (pl.col("failure") != "broken")
    extra = pl.when(no_answer).then("attempts_made").otherwise(pl.col("attempts_made") - 1)
    is_slow = pl.col("excess_seconds").is_not_null() & (pl.col("attempts_made") == 1)
    table = calls.select(
        *_OF_CALL, "span_id", "fate", "failure", "attempts_made", "has_http_spans", "excess_seconds",
        "timeout_seconds", "started_at", "ended_at", extra=extra,
    ).filter((pl.col("extra") > 0) | is_slow)  # fmt: skip
    seen = _seen(table.filter("has_http_spans"), attempts)
    counted = _counted(table.filter(~pl.col("has_http_spans") & (pl.col("extra") > 0)))
    hidden = _hidden(table.filter(is_slow))
    rows = pl.concat([seen, counted, hidden])
    part = pl.col("failure").replace_strict(_PARTLY, default=1.0, return_dtype=pl.Float64)
    return rows.with_columns(
        whole_output=pl.col("whole_output") * part,
        whole_output_error=(
            pl.col("whole_output_error") ** 2
            + (pl.col("whole_output") * pl.when(part < 1).then(0.5).otherwise(_OWN_ANSWER)) ** 2
        ).sqrt(),
    )


_LONG = 20.0
"""Seconds from which on a delay is a timeout: pauses between attempts are 8 s at most, unless asked for."""

_OWN_ANSWER = 0.3
"""Relative spread of a second answer to the same request."""

_COLUMNS = [*_OF_CALL, "span_id", "item", "failure", "ended_at", "reason"]


def _seen(calls: pl.DataFrame, attempts: pl.DataFrame) -> pl.DataFrame:
    """HTTP spans of a call but the last, and the last too where the call has no answer."""
    own = calls.select(*_OF_CALL, "fate", "extra", call_failure="failure")
    found = attempts.select("call_id", "span_id", "attempt_number", "ended_at", "http_status", "error_type")
    found = found.join(own, on="call_id").filter(pl.col("attempt_number") <= pl.col("extra"))
    failed = pl.when(pl.col("http_status") >= 400).then("http_status")
    return found.with_columns(
        failure=pl.coalesce(failure_of(failed, pl.col("error_type")), pl.lit("validation")),
        item=pl.format("attempt/{}/{}", "trace_id", "span_id"),
        reason=pl.lit("HTTP span of an attempt that was not kept"),
    ).select(_COLUMNS)


def _counted(calls: pl.DataFrame) -> pl.DataFrame:
    """Attempts that the SDK counted, or that a call's duration tells of; how they failed, time may tell."""
    waits = attempts_in(pl.col("excess_seconds")).fill_null(0)
    numbers = pl.int_ranges(1, pl.col("extra") + 1).alias("number")
    rows = calls.with_columns(numbers, waits=waits).explode("number", empty_as_null=False)
    lasted = pl.col("ended_at") - pl.col("started_at")
    part = pl.col("number") / pl.max_horizontal("attempts_made", "number")
    known = pl.col("failure").is_in(["timeout", "rate_limited", "server_error", "connect", "overloaded"])
    return rows.with_columns(
        ended_at=pl.col("started_at") + lasted * part,
        failure=pl.when(known)
        .then("failure")
        .when(pl.col("number") <= pl.col("waits"))
        .then(pl.lit("timeout"))
        .otherwise(pl.lit("hidden")),
        item=pl.format("attempt/{}/{}", "call_id", "number"),
        reason=pl.lit("attempt that the span counts and that was not kept"),
    ).select(_COLUMNS)


def _hidden(calls: pl.DataFrame) -> pl.DataFrame:
    """Calls that took longer than their answer explains, by one or more of their service's timeouts."""
    waits = attempts_in(pl.col("excess_seconds")).clip(0, ATTEMPTS - 1)
    rows = calls.with_columns(waits=waits.fill_null(1)).filter(pl.col("waits") > 0)
    rows = rows.with_columns(pl.int_ranges(1, pl.col("waits") + 1).alias("number"))
    return (
        rows.explode("number", empty_as_null=False)
        .with_columns(
            failure=pl.when(pl.col("timeout_seconds").is_null() & (pl.col("excess_seconds") < _LONG))
            .then(pl.lit("hidden"))
            .otherwise(pl.lit("timeout")),
            item=pl.format("attempt/{}/{}", "call_id", "number"),
            reason=pl.lit("the call took longer than its answer explains: an attempt timed out before"),
        )
        .select(_COLUMNS)
    )
