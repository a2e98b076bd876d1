"""Calls that their provider did not bill: rules as data, each with its source; a doubt bills."""

from collections.abc import Sequence
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
    FreeFailure("anthropic", (400, 401, 403, 404, 413, 422, 429), "support article 8114526: not charged"),
    FreeFailure("azure.ai.openai", (401, 429), "Azure OpenAI manage-costs page; 400 and 408 may be charged"),
    FreeFailure("aws.bedrock", (400, 401, 403, 404, 429), "billed for actual token usage only"),
    FreeFailure("gcp.vertex_ai", (400, 401, 403, 404, 429), "Vertex AI pricing: only 200 is charged"),
    FreeFailure("gcp.gemini", (400, 401, 403, 404, 429), "Gemini API billing: 400 and 500 are not charged"),
)
"""Timeouts and 5xx are left out: they may come after the work was done."""

FREE_REFUSALS = {"anthropic": "refusal"}
"""Provider -> finish reason of a refusal. Before any output it is not billed, though usage shows counts; one in
the middle of a stream is (Claude API documentation, handling stop reasons)."""

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
    "request_too_large": 413,
    "unprocessableentityerror": 422,
    "ratelimiterror": 429,
    "rate_limit_error": 429,
}
"""Error classes of the SDKs and error types of the APIs -> HTTP status."""


def not_billed_reason(
    unbilled_services: Sequence[str] = (), free_failures: Sequence[FreeFailure] = FREE_FAILURES
) -> pl.Expr:
    """Return why the provider did not bill a call; null when it did, or when that is not certain.

    `unbilled_services` are names of services that the configuration says talk to nobody's meter.
    """
    status = pl.coalesce(pl.col("http_status"), _status_of_error())
    failed = (pl.col("status") == "error") & (status >= 400)
    is_free = pl.any_horizontal(
        [(pl.col("provider") == rule.provider) & status.is_in(list(rule.statuses)) for rule in free_failures]
    )
    maybe = pl.any_horizontal(
        [(pl.col("provider") == slug) & status.is_in(list(known)) for slug, known in MAYBE_CHARGED.items()]
    )
    no_output = pl.col("output_tokens").fill_null(0) == 0
    refused = pl.any_horizontal(
        [
            (pl.col("provider") == slug) & pl.col("finish_reasons").str.split(",").list.contains(word)
            for slug, word in FREE_REFUSALS.items()
        ]
    )
    has_input = pl.col("usage_quality").is_in(["absent", "false_zero"]).not_()
    return (
        pl.when(pl.col("cache_hit").fill_null(False))
        .then(pl.lit("gateway_cache_hit"))
        .when(pl.col("provider") == SELF_HOSTED)
        .then(pl.lit("self_hosted"))
        .when(pl.col("service").is_in(list(unbilled_services)))
        .then(pl.lit("configured_as_unbilled"))
        .when((refused & no_output).fill_null(False))
        .then(pl.lit("refused_before_output"))
        .when((failed & is_free & no_output).fill_null(False))
        .then(pl.lit("rejected_before_output"))
        .when((failed & has_input & no_output & ~maybe & (status != 408)).fill_null(False))
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
