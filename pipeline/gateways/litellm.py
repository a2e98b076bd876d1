"""LiteLLM's log: the table LiteLLM_SpendLogs of its proxy, as CSV or as JSON, one record a call.

Read from LiteLLM 1.110 (`litellm/proxy/schema.prisma`, `spend_tracking/spend_tracking_utils.py`).
`prompt_tokens` holds what was read from and written to caches; how much stands in `metadata`, under
`additional_usage_values` and `usage_object`. Times are UTC. `spend` is LiteLLM's own estimate and no bill: it
is left aside, as are the texts of requests and answers and everything about persons.

An answer from LiteLLM's own cache repeats the tokens of the first and is billed by nobody: its row is kept as
part `cache_hit` with zero tokens, so that its call is one that the log does not list. Earlier attempts of a
call are rows of their own, `<id>-attempt-<n>`.
"""

import re
from collections.abc import Mapping
from typing import Any

from pipeline.errors import SourceError
from pipeline.gateways.requests import disjoint, from_csv, from_json, instant
from pipeline.parsing.csv_records import Layout
from pipeline.parsing.csv_rows import header_of
from pipeline.parsing.export_values import count, required_count, shown, text
from pipeline.parsing.pages import DECODER
from pipeline.provider import ExportFormat, Parsed
from pipeline.providers import PROVIDERS
from schemas.types import KIND_COLUMNS

_REQUIRED = ("request_id", "starttime", "model", "custom_llm_provider", "prompt_tokens", "completion_tokens")
_COUNTS = frozenset(("prompt_tokens", "completion_tokens"))
_CACHED_ANSWER = re.compile(r"_cache_hit\d")
_SLUGS = {
    word: provider.slug for provider in PROVIDERS for word in (*provider.logged_names, provider.slug)
} | {
    "anthropic_text": "anthropic",
    "azure": "azure.ai.openai",
    "azure_text": "azure.ai.openai",
    "bedrock_converse": "aws.bedrock",
    "cohere_chat": "cohere",
    "gemini": "gcp.gemini",
    "text-completion-openai": "openai",
    "vertex_ai": "gcp.vertex_ai",
    "vertex_ai_beta": "gcp.vertex_ai",
}
"""LiteLLM's words for who answers; `azure_ai` sells many vendors' models and is not Azure OpenAI."""


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    prompt, completion = (required_count(record, name) for name in ("prompt_tokens", "completion_tokens"))
    request_id = text(record, "request_id")
    is_cached = str(record.get("cache_hit")).lower() == "true" or bool(
        _CACHED_ANSWER.search(request_id or "")
    )
    provider = _provider(record)
    return {
        "provider": provider,
        "response_id": request_id,
        "request_id": text(record, "litellm_call_id"),
        "part": "cache_hit" if is_cached else "message",
        "api_key_id": text(record, "api_key"),
        "model": _model(record),
        "started_at": instant(record, "starttime"),
        **(dict.fromkeys(KIND_COLUMNS, 0) if is_cached else _kinds(record, prompt, completion)),
    }


def _provider(record: Mapping[str, Any]) -> str:
    word = text(record, "custom_llm_provider")
    if word is None:
        status = text(record, "status") or "unknown"
        raise SourceError(
            "no_provider",
            f"custom_llm_provider is blank (status {shown(status)}): the log does not say who was asked.",
            "Nothing to do where the call failed before it was sent, or was no call of a model.",
        )
    return _SLUGS.get(word.lower(), word.lower())


def _model(record: Mapping[str, Any]) -> str | None:
    """The model without the provider's name in front, which some deployments of LiteLLM carry."""
    model, word = text(record, "model"), text(record, "custom_llm_provider")
    return model.removeprefix(f"{word}/") if model else None


def _kinds(record: Mapping[str, Any], prompt: int, completion: int) -> dict[str, Any]:
    usage = _usage(record)
    inputs, outputs = _details(usage, "prompt_tokens_details"), _details(usage, "completion_tokens_details")
    written = count(usage, "cache_creation_input_tokens")
    if written is None:
        written = count(inputs, "cache_write_tokens")
    by_life = _details(inputs, "cache_creation_token_details")
    short, long = (count(by_life, f"ephemeral_{life}_input_tokens") for life in ("5m", "1h"))
    read = count(usage, "cache_read_input_tokens")
    known = (short or 0) + (long or 0)
    inside = {
        "cache_read_tokens": count(inputs, "cached_tokens") if read is None else read,
        "cache_write_5m_tokens": short,
        "cache_write_1h_tokens": long,
        "cache_write_other_tokens": None if written is None else max(written - known, 0),
        "input_audio_tokens": count(inputs, "audio_tokens"),
        "output_audio_tokens": count(outputs, "audio_tokens"),
    }
    return {
        **disjoint(prompt, completion, inside),
        "reasoning_tokens": count(outputs, "reasoning_tokens"),
    }


def _usage(record: Mapping[str, Any]) -> dict[str, Any]:
    """The provider's usage as LiteLLM keeps it; in CSV the metadata is JSON in a cell."""
    metadata = record.get("metadata") or {}
    try:
        metadata = DECODER.decode(metadata) if isinstance(metadata, str) else metadata
    except (ValueError, RecursionError):
        metadata = None
    if not isinstance(metadata, dict):
        raise SourceError(
            "bad_metadata",
            "metadata is no JSON object: how many tokens were cached is not known.",
            "Export the column metadata as JSON, as Postgres writes it.",
        )
    usages = [_details(metadata, name) for name in ("usage_object", "additional_usage_values")]
    return {name: value for usage in usages for name, value in usage.items() if value is not None}


def _details(holder: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def parse_csv(content: bytes) -> Parsed:
    """Read the table as CSV, as Postgres' COPY and other tools write it."""
    return from_csv(content, Layout(_REQUIRED, _COUNTS, _row))


def parse_json(content: bytes) -> Parsed:
    """Read the table as JSON lines or as a list of records."""
    return from_json(content, lambda record: _row({name.lower(): value for name, value in record.items()}))


def _is_csv(head: bytes) -> bool:
    return {"request_id", "call_type", "prompt_tokens"} <= header_of(head)


def _is_json(head: bytes) -> bool:
    """By columns that stand before the long texts, in the table's order and in that of the alphabet."""
    names = (rb'"call_type"\s*:', rb'"completion_tokens"\s*:', rb'"custom_llm_provider"\s*:')
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    return start in (b"{", b"[") and all(re.search(name, head) for name in names)


FORMATS = (
    ExportFormat("litellm_spend_logs_csv", "requests", "raw.request", _is_csv, parse_csv),
    ExportFormat("litellm_spend_logs_json", "requests", "raw.request", _is_json, parse_json),
)
