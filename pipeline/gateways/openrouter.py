"""OpenRouter's generations: its activity as CSV, and the records of its API as JSON; one record a request.

Read from a real CSV (`parisneto/anticharon`, `docs/sample/openrouter_activity_2026-09-15.csv`) and from the
model `GenerationResponseData` of openrouter 1.3.84. Prompts hold their cached tokens, completions their
reasoning; `tokens_reasoning` is an estimate that may exceed the completion. Generation records count with one
tokenizer for all models, and natively: billed is the native count. Cache writes are counted nowhere, only
priced (`cost_cache` above zero): they stay inside the plain input. Times are UTC; `cost_total` is dollars,
with six decimals, and holds `cost_cache` already.

Who bills is OpenRouter, but for generations with the customer's own key at a provider: those are that
provider's.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pipeline.gateways.requests import disjoint, from_csv, from_json, instant
from pipeline.parsing.csv_records import Layout, csv_records
from pipeline.parsing.csv_rows import header_of
from pipeline.parsing.export_values import count, money, required_count, text
from pipeline.parsing.pages import grouped
from pipeline.parsing.raw_rows import parsed
from pipeline.provider import ExportFormat, Parsed
from schemas.types import KIND_COLUMNS

_COUNTS = ("tokens_prompt", "tokens_completion", "tokens_reasoning", "tokens_cached")
_OWN_KEY = "byok_usage_inference"
_UPSTREAM = {
    "amazon bedrock": "aws.bedrock",
    "anthropic": "anthropic",
    "azure": "azure.ai.openai",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "google": "gcp.vertex_ai",
    "google ai studio": "gcp.gemini",
    "groq": "groq",
    "mistral": "mistral_ai",
    "openai": "openai",
    "perplexity": "perplexity",
    "together": "together",
    "xai": "x_ai",
}


def _generation(cells: dict[str, Any]) -> dict[str, Any]:
    inside = {"cache_read_tokens": count(cells, "tokens_cached")}
    prompt, completion = required_count(cells, "tokens_prompt"), required_count(cells, "tokens_completion")
    return {
        **_seller(cells, is_own_key=_is_own_key(cells)),
        "response_id": text(cells, "generation_id"),
        "part": "message",
        "api_key_id": text(cells, "api_key_name"),
        "model": _variant(text(cells, "model_permaslug"), text(cells, "variant")),
        "started_at": instant(cells, "created_at"),
        **disjoint(prompt, completion, inside),
        "reasoning_tokens": count(cells, "tokens_reasoning"),
    }


def _record(record: dict[str, Any]) -> dict[str, Any]:
    is_copy = text(record, "response_cache_source_id") is not None
    prompt, completion = (count(record, f"native_tokens_{side}") for side in ("prompt", "completion"))
    inside = {"cache_read_tokens": count(record, "native_tokens_cached")}
    return {
        **_seller(record, is_own_key=record.get("is_byok") is True),
        "response_id": text(record, "id"),
        "request_id": text(record, "request_id"),
        "part": "cache_hit" if is_copy else "message",
        "project_id": text(record, "workspace_id"),
        "model": text(record, "model"),
        "service_tier": text(record, "service_tier"),
        "started_at": instant(record, "created_at"),
        **(dict.fromkeys(KIND_COLUMNS, 0) if is_copy else disjoint(prompt, completion, inside)),
        "reasoning_tokens": count(record, "native_tokens_reasoning"),
    }


def _is_own_key(cells: Mapping[str, Any]) -> bool:
    cost = cells.get(_OWN_KEY)
    return cost is not None and money(cost, _OWN_KEY) > 0


def _seller(record: Mapping[str, Any], *, is_own_key: bool) -> dict[str, str]:
    """Who bills: OpenRouter, or the provider whose key the customer brought."""
    name = text(record, "provider_name") if is_own_key else None
    return {"provider": _UPSTREAM.get(name.lower(), name.lower()) if name else "openrouter"}


def _variant(model: str | None, variant: str | None) -> str | None:
    """The model as it is asked for: `deepseek/deepseek-r1:free` is the free variant."""
    return f"{model}:{variant}" if model and variant and variant != "standard" else model


def _charge(cells: dict[str, Any]) -> dict[str, Any]:
    """What a generation cost; with the customer's own key only OpenRouter's fee."""
    start = instant(cells, "created_at").replace(hour=0, minute=0, second=0, microsecond=0)
    model = _variant(text(cells, "model_permaslug"), text(cells, "variant"))
    sent = {"model": model, **{name: text(cells, name) for name in ("api_key_name", "generation_id")}}
    return {
        "bucket_start_at": start,
        "bucket_end_at": start + timedelta(days=1),
        "is_empty": False,
        "provider": "openrouter",
        "model": model,
        "cost_type": "fee" if _is_own_key(cells) else "tokens",
        "amount": money(cells.get("cost_total"), "cost_total"),
        "currency": "USD",
        "dimensions": {name: value for name, value in sent.items() if value is not None},
    }


def parse_activity(content: bytes) -> Parsed:
    """Read the activity CSV: one row per generation, in disjoint kinds."""
    required = ("generation_id", "created_at", "model_permaslug", "tokens_prompt", "tokens_completion")
    return from_csv(content, Layout(required, frozenset((*_COUNTS, _OWN_KEY)), _generation))


def parse_charges(content: bytes) -> Parsed:
    """Read what the generations of an activity CSV cost: dollars with six decimals, by day."""
    required = ("generation_id", "created_at", "model_permaslug", "cost_total")
    layout = Layout(required, frozenset(("cost_total", _OWN_KEY)), _charge)
    found, rejects = csv_records(content, layout)
    return parsed("raw.cost", grouped(found, {}), rejects)


def parse_records(content: bytes) -> Parsed:
    """Read generation records: answers of `/api/v1/generation`, one a line or in a list."""
    return from_json(content, _record)


def _is_activity(head: bytes) -> bool:
    return {"generation_id", "created_at", "model_permaslug"} <= header_of(head)


def _is_records(head: bytes) -> bool:
    return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") and b'"native_tokens_prompt"' in head


FORMATS = (
    ExportFormat("openrouter_activity_csv", "requests", "raw.request", _is_activity, parse_activity),
    ExportFormat("openrouter_generations_json", "requests", "raw.request", _is_records, parse_records),
    ExportFormat("openrouter_activity_cost_csv", "cost", "raw.cost", _is_activity, parse_charges),
)
