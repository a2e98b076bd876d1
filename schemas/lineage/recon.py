"""Lineage of the recon tables; see `schemas.lineage`."""

from schemas.lineage.words import kinds

_TRACED, _METERED, _CALLED = kinds("core.traced"), kinds("core.metered"), kinds("core.call")
_RATE = "recon.expected_rate.usd_per_token"
_AMOUNT = "core.billed.amount_usd"
_EVIDENCE = f"{_CALLED} {kinds('core.request')} core.correction.tokens core.attempt.http_status"
_WORK = (
    "core.call.operation core.call.environment core.call.service core.call.agent_level core.call.root_kind "
    "core.call.status core.call.error_type core.call.finish_reasons core.call.parent_span_id "
    "core.call.started_at core.call.ended_at"
)
_LEARNED = "recon.claim.claimed_tokens recon.bucket.drift_tokens"
_STEPS = "core.traced.{} recon.claim.{} recon.bucket.{}"
_PRICE_LIST = "the price list, the configured prices and the contracts"
_BY_RULE = "a word of the rule"

FROM = {
    "recon.rate": {
        "steps": "recon.claim.step",
        "posterior posterior_error correlation correlated_with is_separable": _LEARNED,
        "buckets": "recon.bucket.bucket_start_at",
        "full_tokens": "recon.claim.claimed_tokens",
    },
    "recon.expected_rate": {
        "token_kind": f"{_METERED} {_TRACED}",
        "context": "raw.usage.dimensions raw.request.input_uncached_tokens raw.request.cache_read_tokens",
        "geography": "raw.usage.dimensions",
        "valid_from valid_to": "core.metered.bucket_start_at",
    },
    "recon.bucket": {
        "token_kind drift_tokens": f"{_TRACED} {_METERED}",
        "traced_tokens": _TRACED,
        "metered_tokens": _METERED,
    },
    "recon.unmetered": {
        "token_kind tokens": _TRACED,
        "call_count": "core.traced.call_id",
    },
    "recon.claim": {
        "claimed_tokens": _EVIDENCE,
        "tokens tokens_low tokens_high": f"{_EVIDENCE} recon.bucket.drift_tokens",
        "evidence_count": "core.call.call_id core.request.request_id core.attempt.span_id "
        "core.correction.span_id",
    },
    "recon.bridge": {
        "team service feature": "core.traced.{} recon.claim.{}",
        "tokens tokens_low tokens_high": f"{_TRACED} recon.claim.{{}} recon.bucket.drift_tokens",
        "usd": f"{_TRACED} recon.claim.tokens recon.bucket.drift_tokens {_RATE}",
        "evidence_count": "core.traced.span_id recon.claim.evidence_count",
    },
    "recon.tieout": {"usd": f"{_AMOUNT} core.billed.stated_usd {_METERED} {_RATE}"},
    "recon.charge": {
        "line_number": "core.billed.file_id core.billed.line core.billed.position",
        "origin": "core.billed.origin",
        "fee_kind": "core.billed.line_item core.billed.category",
        "billed_unit_price": f"{_AMOUNT} core.billed.quantity",
        "expected_unit_price": _RATE,
        "expected_origin": "recon.expected_rate.origin",
        "expected_usd": f"{_METERED} {_RATE}",
        "quantity_usd": f"core.billed.quantity {_METERED} {_RATE}",
        "price_usd candidates": f"{_AMOUNT} core.billed.quantity {_RATE}",
        "fee_usd minimum_usd credit_usd discount_usd tax_usd": f"{_AMOUNT} core.billed.category",
        "idle_usd": f"{_AMOUNT} core.billed.category {_METERED}",
        "currency_usd": f"{_AMOUNT} core.billed.stated_usd",
        "rounding_usd": f"{_AMOUNT} core.billed.quantity_step {_RATE}",
        "billed_usd": _AMOUNT,
    },
    "recon.accrual": {
        "for_month": "recon.tieout.month raw.invoice.period_start_on",
        "usd": f"{_METERED} recon.tieout.usd raw.invoice.amount",
        "unpriced_tokens": _METERED,
    },
    "recon.prepaid": {
        "expires_on": "raw.invoice.expires_on",
        "usd balance_usd": f"recon.tieout.usd {_AMOUNT} raw.invoice.amount",
    },
    "recon.price_effect": {
        "effect reason": "recon.charge.billed_unit_price recon.charge.expected_unit_price "
        "recon.charge.expected_origin recon.charge.candidates",
        "usd": "recon.charge.price_usd",
    },
    "recon.anatomy": {
        "workload basis reason": _WORK,
        "calls": "core.call.call_id",
        "calls_without_usage": "core.call.usage_quality",
        "tokens usd": _CALLED,
        "delivered_tokens": "core.call.output_tokens core.call.status core.call.finish_reasons",
    },
    "recon.allocation": {
        "team": "core.call.{} core.call.initiating_team recon.bridge.{}",
        "is_pool": "recon.bridge.team recon.charge.category",
        "workload": _WORK,
        "pool method": "recon.charge.category recon.bridge.step",
        "method_details": "recon.charge.billed_usd recon.bridge.usd",
        "tokens": "recon.charge.quantity recon.bridge.tokens",
        "usd": "recon.charge.billed_usd recon.bridge.usd",
    },
    "recon.compaction": {
        "conversation_id": "core.call.conversation_id core.call.trace_id",
        "summaries unrecorded": "core.call.call_id recon.claim.step",
        "context_tokens turns_after saved_tokens": f"core.call.conversation_id {_CALLED}",
        "tokens": f"recon.claim.tokens {_CALLED}",
        "usd": f"recon.claim.tokens {_CALLED} core.call.model",
        "saved_usd": f"core.call.conversation_id {_CALLED} core.call.model",
    },
    "recon.evidence": {"usd": f"recon.claim.tokens {_RATE}"},
    "recon.variance": {
        "prior_month": "recon.bridge.month",
        "line": "recon.bridge.month recon.bridge.tokens",
        "prior_tokens": "recon.bridge.tokens",
        "prior_unpriced_tokens unpriced_tokens": "recon.bridge.tokens recon.bridge.usd",
        "prior_usd": "recon.bridge.usd",
        "price_usd cache_hit_usd mix_usd volume_usd unpriced_usd": "recon.bridge.tokens recon.bridge.usd "
        "recon.bridge.token_kind",
    },
    "recon.history": {
        "history_month": "recon.bridge.month",
        "unpriced_tokens": "recon.bridge.tokens recon.bridge.usd",
    },
    "recon.budget": {
        "awaited_usd": "recon.bridge.usd recon.tieout.account",
        "awaited_unpriced_tokens": "recon.bridge.tokens recon.bridge.usd recon.tieout.account",
        "allocated_usd left_usd": "report.team.billed_usd recon.bridge.usd",
        "metered_to days_elapsed": "core.metered.bucket_end_at",
        "projected_usd over_usd": "report.team.billed_usd recon.bridge.usd core.metered.bucket_end_at",
    },
    "recon.unit_cost": {
        "count": "core.call.call_id core.call.conversation_id core.call.trace_id",
        "priced_count unpriced_count": f"{_CALLED} core.call.model",
        "unrecorded_count": "core.call.usage_quality",
        "calls": "core.call.call_id",
        "tokens tokens_p50 tokens_p95 tokens_p99 tokens_max": _CALLED,
        "usd usd_mean usd_p50 usd_p95 usd_p99 usd_max": f"{_CALLED} core.call.model",
    },
    "recon.costliest": {
        "rank tokens unpriced_tokens usd": f"{_CALLED} core.call.model",
        "workload": _WORK,
        "calls": "core.call.call_id",
    },
}

MADE = {
    "recon.rate": {
        "prior prior_error": "what the registry or the rule expects",
        "low high": "what the rule allows",
    },
    "recon.expected_rate": {
        "usd_per_token list_usd_per_token contract agreed_usd_per_token": _PRICE_LIST,
        "origin price_card_version": "the name of that list or contract",
    },
    "recon.unmetered": {"reason": _BY_RULE},
    "recon.compaction": {"window_tokens": "the list of models (genai-prices)"},
    "recon.claim": {"rate basis": _BY_RULE},
    "recon.tieout": {"component": "the components of every tie-out"},
    "recon.accrual": {"entry reason": "what is posted, in words"},
    "recon.prepaid": {"entry reason": "what is posted, in words"},
    "recon.allocation": {"view": "the two views of every share"},
    "recon.finding": {"code severity message subject": "what is found, in words"},
    "recon.budget": {
        "budget_usd": "the configured budget",
        "days_in_month": "the calendar",
    },
    "recon.unit_cost": {"unit level": "what is counted, and how far it is told apart"},
    "recon.costliest": {"unit": "call or trace: both are listed"},
}
