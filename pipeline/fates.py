"""What became of each call, in one word: the one cause that may explain its tokens, and how it failed.

The fates exclude one another, the first that fits: not billed; the attempt was not the one whose answer was
kept (retries); the client gave up (cancellations); it wrote a summary and says no usage (summary_compaction);
it completed without usage (missing_usage); its counts are
a local estimate (tokenizer_mismatch); else it agrees.
"""

import polars as pl

from pipeline.timeouts import attempts_in, with_timeout

AGREES = "agrees"

TIMEOUT_WORDS = ("timeout", "deadline")
CANCEL_WORDS = ("cancel", "abandon", "generatorexit", "clientdisconnect", "_other", "abort")
CONNECT_WORDS = ("connect", "remoteprotocol", "unavailable")
THROTTLE_WORDS = ("ratelimit", "rate_limit", "throttl", "toomanyrequests", "resourceexhausted")
SERVER_WORDS = ("internalserver", "serviceunavailable", "server_error", "apistatus", "api_error", "apierror",
                "apicallerror")  # fmt: skip
OVERLOAD_WORDS = ("overloaded",)
REJECT_WORDS = ("badrequest", "invalid_request", "authentication", "permission", "notfound", "unprocessable",
                "clienterror", "validationexception", "too_large")  # fmt: skip

COMPACT_OPERATIONS = ("compact", "compaction")
"""Operations that write the summary of a conversation."""

_SILENT = ("absent", "false_zero")
_CUT = ("partial", "placeholder")
_NEARLY_ALWAYS = 0.95
"""From this share of completed calls on, a missing finish reason means a stream not read to its end."""


def failure_of(status: pl.Expr, error: pl.Expr) -> pl.Expr:
    """Return the failure mode of an HTTP status and an error class; null where neither tells of a failure."""
    word = error.fill_null("").str.to_lowercase().str.replace_all(r"[ .]", "")
    return (
        pl.when(status == 429)
        .then(pl.lit("rate_limited"))
        .when((status == 529) | _has(word, OVERLOAD_WORDS))
        .then(pl.lit("overloaded"))
        .when(status == 408)
        .then(pl.lit("timeout"))
        .when(status >= 500)
        .then(pl.lit("server_error"))
        .when(status >= 400)
        .then(pl.lit("rejected"))
        .when(_has(word, TIMEOUT_WORDS))
        .then(pl.lit("timeout"))
        .when(_has(word, REJECT_WORDS))
        .then(pl.lit("rejected"))
        .when(_has(word, THROTTLE_WORDS))
        .then(pl.lit("rate_limited"))
        .when(_has(word, CANCEL_WORDS))
        .then(pl.lit("cancelled"))
        .when(_has(word, CONNECT_WORDS))
        .then(pl.lit("connect"))
        .when(_has(word, SERVER_WORDS))
        .then(pl.lit("server_error"))
    )


def with_fates(calls: pl.DataFrame) -> pl.DataFrame:
    """Return the calls with `failure`, `fate`, `attempts_made`, `timeout_seconds` and `is_doubtful`.

    `attempts_made`: attempts that are known of, or inferred from the duration of a call that timed out, a
    multiple of the timeout of its service. `is_doubtful`: neither its end nor its reasons tell
    whether a stream without usage was read to the end or given up; it counts as missing usage and as
    cancellation, half and half.
    """
    made = with_timeout(_with_told(calls).with_columns(failure=_failure()).drop("_told"))
    made = made.with_columns(attempts_made=_attempts())
    counted = pl.col("usage_quality").is_in(["recorded", "estimated"])
    recorded = counted & (pl.col("failure") == "completed")
    has_reason = pl.col("finish_reasons").fill_null("") != ""
    kind = ["dialect", pl.col("is_stream").fill_null(value=False)]
    writes_reasons = (has_reason.filter(recorded).mean().over(kind) > _NEARLY_ALWAYS).fill_null(value=False)
    silent = pl.col("usage_quality").is_in(_SILENT) & pl.col("failure").is_in(["completed", "cancelled"])
    doubtful = (
        silent & ~has_reason & pl.col("error_type").is_null() & ~writes_reasons
        & (pl.col("usage_quality") == "absent") & (pl.col("operation") != "embeddings")
    )  # fmt: skip
    return made.with_columns(is_doubtful=doubtful.fill_null(value=False)).with_columns(fate=_fate())


def _attempts() -> pl.Expr:
    lasted = (pl.col("ended_at") - pl.col("started_at")).dt.total_microseconds() / 1e6
    unseen = (pl.col("failure") == "timeout") & ~pl.col("has_http_spans") & (pl.col("attempt_count") == 1)
    return pl.when(unseen).then(attempts_in(lasted).clip(1).fill_null(1)).otherwise("attempt_count")


def _with_told(calls: pl.DataFrame) -> pl.DataFrame:
    """Add `_told`, the failure mode of status and error class: read once for each pair of them."""
    pair = ["http_status", "error_type"]
    failed = pl.when(pl.col("http_status") >= 400).then("http_status")
    words = calls.select(pair).unique().with_columns(_told=failure_of(failed, pl.col("error_type")))
    return calls.join(words, on=pair, how="left", nulls_equal=True, maintain_order="left")


def _failure() -> pl.Expr:
    """How the last attempt of the call ended; a stream without an end was given up.

    A connection that fails once an answer has begun broke it: only a response names a model of its own.
    """
    told = pl.col("_told")
    started = pl.col("usage_quality").is_in(_CUT) | pl.col("response_id").is_not_null()
    began = started | (pl.col("response_model") != pl.col("request_model")).fill_null(value=False)
    streams = pl.col("is_stream").fill_null(value=False) | started
    no_reason = pl.col("finish_reasons").fill_null("").is_in(["", "error"])
    silent = pl.col("usage_quality").is_in(["absent", *_CUT])
    return (
        pl.when((pl.col("status") == "error") & (told == "server_error") & streams)
        .then(pl.lit("broken"))
        .when((pl.col("status") == "error") & (told == "connect") & began)
        .then(pl.lit("broken"))
        .when((pl.col("status") == "error") | told.is_in(["timeout", "cancelled"]))
        .then(pl.coalesce(told, pl.lit("server_error")))
        .when(silent & no_reason & (pl.col("operation") != "embeddings"))
        .then(pl.lit("cancelled"))
        .otherwise(pl.lit("completed"))
    )


def _fate() -> pl.Expr:
    failure = pl.col("failure")
    gave_up = (failure == "timeout") & (pl.col("attempts_made") > 1)
    return (
        pl.when(pl.col("not_billed_reason").is_not_null())
        .then(pl.lit("not_billed"))
        .when(gave_up | ~failure.is_in(["completed", "cancelled", "timeout"]))
        .then(pl.lit("retries"))
        .when(failure.is_in(["cancelled", "timeout"]) & ~pl.col("is_doubtful"))
        .then(pl.lit("cancellations"))
        .when(
            pl.col("usage_quality").is_in([*_SILENT, *_CUT]) & pl.col("operation").is_in(COMPACT_OPERATIONS)
        )
        .then(pl.lit("summary_compaction"))
        .when(pl.col("usage_quality").is_in([*_SILENT, *_CUT]))
        .then(pl.lit("missing_usage"))
        .when(pl.col("usage_quality") == "estimated")
        .then(pl.lit("tokenizer_mismatch"))
        .otherwise(pl.lit(AGREES))
    )


def _has(word: pl.Expr, parts: tuple[str, ...]) -> pl.Expr:
    return word.str.contains_any(list(parts))
