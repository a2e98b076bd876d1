"""Lineage of the core tables; see `schemas.lineage`."""

from schemas.lineage.words import KINDS

_SPAN_SCOPE = "raw.span.account raw.span.provider_logged raw.span.service raw.span.project_id"
_SPAN_OWNER = "raw.span.labels raw.span.resource_labels raw.span.service raw.span.project_id"
_SPAN_USAGE = (
    "raw.span.input_tokens raw.span.output_tokens raw.span.total_tokens raw.span.cache_read_tokens "
    "raw.span.cache_write_tokens raw.span.cache_write_5m_tokens raw.span.cache_write_1h_tokens"
)
_CALL_ID = "raw.span.trace_id raw.span.span_id"
_MONTH = "the month that is closed"
_OWNED = {
    "provider": "raw.span.provider_logged raw.span.server_address raw.span.request_model",
    "account scope": f"{_SPAN_SCOPE} core.metered.account",
    "model": "raw.span.response_model raw.span.request_model core.metered.model",
    "service_tier": "raw.span.service_tier",
    "team": _SPAN_OWNER,
    "service": "raw.span.service",
    "feature": "raw.span.labels raw.span.resource_labels",
}
_LEAVES = {
    "input_uncached_tokens": "raw.span.input_tokens raw.span.total_tokens raw.span.cache_read_tokens "
    "raw.span.cache_write_tokens raw.span.input_audio_tokens",
    "cache_read_tokens cache_write_5m_tokens cache_write_1h_tokens": "raw.span.{}",
    "cache_write_other_tokens": "raw.span.cache_write_tokens raw.span.cache_write_5m_tokens "
    "raw.span.cache_write_1h_tokens",
    "output_tokens": "raw.span.output_tokens raw.span.total_tokens raw.span.reasoning_tokens "
    "raw.span.output_audio_tokens",
    "input_audio_tokens output_audio_tokens": "raw.span.{}",
}
_STEPS = {
    "bucket_start_at": "raw.usage.{} raw.request.started_at raw.cost.{} raw.invoice.period_start_on",
    "bucket_end_at": "raw.usage.{} raw.request.started_at raw.cost.{} raw.invoice.period_end_on",
}
_METERED_SCOPE = "raw.usage.account raw.usage.project_id raw.usage.api_key_id"
_LOGGED_SCOPE = "raw.request.account raw.request.project_id raw.request.api_key_id"

FROM = {
    "core.metered": {
        "scope": f"{_METERED_SCOPE} {_LOGGED_SCOPE} raw.cost.account raw.cost.project_id raw.invoice.account",
        **_STEPS,
        "request_count": "raw.usage.{} raw.request.part",
        KINDS: "raw.usage.{} raw.request.{} raw.cost.quantity raw.invoice.quantity",
    },
    "core.coverage": _STEPS,
    "core.request": {"scope": _LOGGED_SCOPE},
    "core.billed": {
        "category": "raw.invoice.category raw.cost.cost_type",
        "billed_on": "raw.cost.bucket_start_at",
        "line_item": "raw.cost.line_item raw.invoice.description",
        "quantity quantity_step": "raw.cost.quantity raw.cost.quantity_unit raw.invoice.quantity "
        "raw.invoice.quantity_unit",
        "amount_usd": "raw.cost.amount raw.cost.currency raw.invoice.amount raw.invoice.currency "
        "raw.invoice.exchange_rate",
        "exchange_rate exchange_rate_source": "raw.cost.currency raw.invoice.currency "
        "raw.invoice.exchange_rate",
        "stated_usd": "raw.invoice.amount raw.invoice.exchange_rate",
        "charge_class": "raw.cost.dimensions raw.invoice.reference_invoice_id",
    },
    "core.traced": {
        **_OWNED,
        **_LEAVES,
        "month": "raw.span.ended_at",
        "call_id": _CALL_ID,
        "dialect": "raw.span.scope_name raw.span.scope_version",
    },
    "core.call": {
        **_OWNED,
        **_LEAVES,
        "month": "raw.span.ended_at",
        "call_id": _CALL_ID,
        "dialect": "raw.span.scope_name raw.span.scope_version",
        "initiating_team": f"{_SPAN_OWNER} raw.span.parent_span_id",
        "initiating_service": "raw.span.service raw.span.parent_span_id",
        "root_kind": "raw.span.kind raw.span.parent_span_id",
        "agent_level": "raw.span.operation raw.span.parent_span_id",
        "attempt_count": "raw.span.attempt_count raw.span.resend_count raw.span.http_method",
        "has_http_spans": "raw.span.http_method",
        "span_count": "raw.span.span_id",
        "usage_quality": f"{_SPAN_USAGE} raw.span.status",
        "cache_breakdown": "raw.span.scope_name raw.span.cache_read_tokens raw.span.cache_write_tokens",
        "not_billed_reason": "raw.span.service raw.span.cache_hit raw.span.status raw.span.http_status",
    },
    "core.attempt": {
        "month": "raw.span.ended_at",
        "call_id": "raw.span.trace_id raw.span.parent_span_id",
        "provider": "raw.span.server_address",
        "attempt_number": "raw.span.started_at",
    },
    "core.correction": {
        **_OWNED,
        "month": "raw.span.ended_at",
        "call_id": _CALL_ID,
        "tokens": _SPAN_USAGE,
    },
    "core.silence": {
        "month": "raw.span.ended_at",
        "has_http_span": "raw.span.http_method raw.span.server_address",
        "expected_calls": "raw.span.name raw.span.service core.call.call_id",
    },
    "core.unmapped": {
        "value": "raw.usage.model raw.usage.provider raw.cost.line_item raw.cost.model "
        "raw.invoice.description raw.invoice.model",
        "rows": "raw.usage.line raw.cost.line raw.invoice.line",
        "tokens": " ".join(f"raw.usage.{name}" for name in KINDS.split()) + " raw.cost.quantity",
        "usd": "raw.cost.amount raw.invoice.amount",
    },
}

MADE = {
    "core.metered": {"month": _MONTH, "meter": "which kind of source counts for the account"},
    "core.coverage": {"month": _MONTH, "meter": "which kind of source counts for the account"},
    "core.request": {"month": _MONTH},
    "core.billed": {"month": _MONTH, "origin": "whether the line is of raw.cost or raw.invoice"},
    "core.traced": dict.fromkeys(("input_image_tokens", "output_image_tokens"), "no dialect tells of images"),
    "core.call": dict.fromkeys(("input_image_tokens", "output_image_tokens"), "no dialect tells of images"),
    "core.correction": {
        "step": "the step to which the rule belongs",
        "token_kind": "the kind that the rule corrects",
        "reason": "the rule",
    },
    "core.unmapped": {
        "month": _MONTH,
        "subject": "what kind of word is not known",
        "origin": "the kind of source that says it",
        "advice": "a sentence for the subject",
    },
}
