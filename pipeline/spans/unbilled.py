"""Calls that their provider did not bill, by the registry of billing rules; a doubt bills."""

import polars as pl

from pipeline.billing_rules import is_doubtful_status, is_free_finish, is_free_status
from pipeline.spans.biller import SELF_HOSTED

ERROR_STATUS = {
    "google.genai.errors.clienterror": 400,
    "badrequesterror": 400,
    "invalid_request_error": 400,
    "authenticationerror": 401,
    "authentication_error": 401,
    "permissiondeniederror": 403,
    "permission_error": 403,
    "notfounderror": 404,
    "not_found_error": 404,
    "overloaded_error": 529,
    "request_too_large": 413,
    "unprocessableentityerror": 422,
    "ratelimiterror": 429,
    "rate_limit_error": 429,
}
"""Error classes of the SDKs and error types of the APIs -> HTTP status."""


def not_billed_reason(is_configured: pl.Expr) -> pl.Expr:
    """Return why the provider did not bill a call; null when it did, or when that is not certain.

    `is_configured`: the configuration says that the call's service talks to nobody's meter.
    """
    return (
        pl.when(pl.col("cache_hit").fill_null(False))
        .then(pl.lit("gateway_cache_hit"))
        .when(pl.col("provider") == SELF_HOSTED)
        .then(pl.lit("self_hosted"))
        .when(is_configured)
        .then(pl.lit("configured_as_unbilled"))
        .otherwise(_reason_of_failure())
    )


def _reason_of_failure() -> pl.Expr:
    """Why a call without output was free: refused, rejected, or failed with a local count of its input."""
    status = pl.coalesce(pl.col("http_status"), _status_of_error())
    failed = (pl.col("status") == "error") & (status >= 400)
    is_certain = ~is_doubtful_status(status) & (status != 408)
    has_input = pl.col("usage_quality").is_in(["absent", "false_zero"]).not_()
    no_output = pl.col("output_tokens").fill_null(0) == 0
    return (
        pl.when((is_free_finish() & no_output).fill_null(False))
        .then(pl.lit("refused_before_output"))
        .when((failed & is_free_status(status) & no_output).fill_null(False))
        .then(pl.lit("rejected_before_output"))
        .when((failed & has_input & no_output & is_certain).fill_null(False))
        .then(pl.lit("failed_before_output"))
    )


def _status_of_error() -> pl.Expr:
    """The HTTP status that an error's name stands for: a number, or a class after its module."""
    path = pl.col("error_type").str.to_lowercase()
    word = path.str.split(".").list.last()
    return pl.coalesce(
        path.replace_strict(ERROR_STATUS, default=None, return_dtype=pl.Int64),
        word.replace_strict(ERROR_STATUS, default=None, return_dtype=pl.Int64),
        pl.when(word.str.contains(r"^[45]\d\d$")).then(word).cast(pl.Int64, strict=False),
    )
