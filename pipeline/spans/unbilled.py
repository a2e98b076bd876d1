"""Calls that their provider did not bill: rules as data, each with its source; a doubt bills."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from pipeline.spans.biller import SELF_HOSTED


@dataclass(frozen=True)
class FreeFailure:
    """HTTP statuses with which a provider fails without a charge."""

    provider: str
    statuses: tuple[int, ...]
    source: str


FREE_FAILURES: tuple[FreeFailure, ...] = (
    FreeFailure(
        "openai", (400, 401, 403, 404, 422, 429), "rejected before inference; the error has no usage"
    ),
    FreeFailure(
        "anthropic",
        (400, 401, 403, 404, 413, 422, 429, 529),
        "support article 8114526: in general, failed requests are not charged",
    ),
    FreeFailure("azure.ai.openai", (401, 429), "Azure OpenAI manage-costs page; 400 and 408 may be charged"),
    FreeFailure("aws.bedrock", (400, 401, 403, 404, 429), "billed for actual token usage only"),
    FreeFailure(
        "gcp.vertex_ai",
        (400, 401, 403, 404, 429, 499, 500, 502, 503, 504),
        "Vertex AI pricing: only 200 is charged",
    ),
    FreeFailure(
        "gcp.gemini", (400, 401, 403, 404, 429, 500), "Gemini API billing: 400 and 500 are not charged"
    ),
    FreeFailure(
        "openrouter",
        (400, 401, 402, 403, 404, 429, 500, 502, 503),
        "OpenRouter zero completion insurance: errors without output are not billed",
    ),
)
"""Timeouts, and 5xx where no rule frees them, are left out: they may come after the work was done."""

FREE_REFUSALS = {"anthropic": "refusal"}
"""Provider -> finish reason of a refusal. Before any output it is not billed, though usage shows counts;
one in the middle of a stream is (Claude API documentation, handling stop reasons)."""

MAYBE_CHARGED = {"azure.ai.openai": (400, 408)}
"""Statuses below 500 with which a provider may charge, though nothing came back."""

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
    refused = pl.any_horizontal(
        [
            (pl.col("provider") == slug) & pl.col("finish_reasons").str.split(",").list.contains(word)
            for slug, word in FREE_REFUSALS.items()
        ]
    )
    is_free = _has_status(status, {rule.provider: rule.statuses for rule in FREE_FAILURES})
    is_certain = ~_has_status(status, MAYBE_CHARGED) & (status != 408)
    has_input = pl.col("usage_quality").is_in(["absent", "false_zero"]).not_()
    no_output = pl.col("output_tokens").fill_null(0) == 0
    return (
        pl.when((refused & no_output).fill_null(False))
        .then(pl.lit("refused_before_output"))
        .when((failed & is_free & no_output).fill_null(False))
        .then(pl.lit("rejected_before_output"))
        .when((failed & has_input & no_output & is_certain).fill_null(False))
        .then(pl.lit("failed_before_output"))
    )


def _has_status(status: pl.Expr, of_provider: Mapping[str, Sequence[int]]) -> pl.Expr:
    return pl.any_horizontal(
        [(pl.col("provider") == slug) & status.is_in(list(known)) for slug, known in of_provider.items()]
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
