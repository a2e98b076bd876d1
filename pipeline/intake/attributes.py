"""Which attribute of a span goes to which column of raw.span: one table, looked up once an attribute.

Names are in order of trust: the first that a span carries wins. Synonyms that disagree on a count are kept in
`usage_conflict`. What is not here is not read, so that no text of prompts, answers or headers is ever stored.
Sources: the GenAI semantic conventions, old and new, and the instrumentations that CONTRIBUTING.md names.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from pipeline.intake import readers
from pipeline.intake.blobs import BLOBS, PARAMETERS


class Rule(NamedTuple):
    """An attribute feeds a column; the lower rank wins."""

    column: str
    rank: int
    read: Callable[[Any], Any]


LAST_RESORT = 90
"""From this rank on, a value is used only where nothing else is, and never disagrees."""

COUNTS: Mapping[str, tuple[str, ...]] = {
    "input_tokens": (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.usage.prompt_tokens",
        "llm.token_count.prompt",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
        "ai.usage.tokens",
        "llm.token.counts.prompt",
    ),
    "output_tokens": (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.usage.completion_tokens",
        "llm.token_count.completion",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
        "llm.token.counts.completion",
    ),
    "total_tokens": (
        "gen_ai.usage.total_tokens",
        "llm.usage.total_tokens",
        "llm.token_count.total",
        "ai.usage.totalTokens",
        "llm.token.counts.total",
    ),
    "cache_read_tokens": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.input_tokens.cached",
        "gen_ai.usage.cache_read",
        "llm.usage.cache_read_input_tokens",
        "llm.token_count.prompt_details.cache_read",
        "ai.usage.cachedInputTokens",
        "ai.usage.inputTokenDetails.cacheReadTokens",
        "gen_ai.usage.details.cache_read_tokens",
        "gen_ai.usage.details.cache_read_input_tokens",
    ),
    "cache_write_tokens": (
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.cache_write_input_tokens",
        "gen_ai.usage.input_tokens.cache_write",
        "gen_ai.usage.cache_creation",
        "llm.usage.cache_creation_input_tokens",
        "llm.token_count.prompt_details.cache_write",
        "ai.usage.inputTokenDetails.cacheWriteTokens",
        "gen_ai.usage.details.cache_write_tokens",
        "gen_ai.usage.details.cache_creation_input_tokens",
    ),
    "cache_write_5m_tokens": ("anthropic.usage.cache_creation.ephemeral_5m_input_tokens",),
    "cache_write_1h_tokens": ("anthropic.usage.cache_creation.ephemeral_1h_input_tokens",),
    "reasoning_tokens": (
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.output_tokens.reasoning",
        "llm.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
        "ai.usage.reasoningTokens",
        "ai.usage.outputTokenDetails.reasoningTokens",
        "gen_ai.usage.details.reasoning_tokens",
    ),
    "input_audio_tokens": (
        "gen_ai.usage.audio.input_tokens",
        "llm.token_count.prompt_details.audio",
        "gen_ai.usage.details.input_audio_tokens",
    ),
    "output_audio_tokens": (
        "gen_ai.usage.audio.output_tokens",
        "llm.token_count.completion_details.audio",
        "gen_ai.usage.details.output_audio_tokens",
    ),
    "compaction_input_tokens": (
        "anthropic.usage.compaction.input_tokens",
        "gen_ai.usage.details.compaction_input_tokens",
    ),
    "compaction_output_tokens": (
        "anthropic.usage.compaction.output_tokens",
        "gen_ai.usage.details.compaction_output_tokens",
    ),
}

TEXTS: Mapping[str, tuple[str, ...]] = {
    "operation": (
        "gen_ai.operation.name",
        "llm.request.type",
        "openinference.span.kind",
        "ai.operationId",
        "langfuse.observation.type",
        "traceloop.span.kind",
    ),
    "provider_logged": (
        "gen_ai.provider.name",
        "gen_ai.system",
        "llm.provider",
        "llm.system",
        "ai.model.provider",
    ),
    "request_model": (
        "gen_ai.request.model",
        "llm.request.model_name",
        "llm.request_model_name",
        "llm.request.model",
        "ai.model.id",
        "langfuse.observation.model.name",
        "embedding.model_name",
    ),
    "response_model": (
        "gen_ai.response.model",
        "llm.response.model_name",
        "llm.response_model_name",
        "llm.response.model",
        "ai.response.model",
        "llm.model_name",
    ),
    "response_id": ("gen_ai.response.id", "ai.response.id", "llm.response.id"),
    "request_id": (
        "anthropic.request.id",
        "aws.request_id",
        "request_id",
        "http.response.header.x-request-id",
        "http.response.header.request-id",
        "http.response.header.x-amzn-requestid",
        "http.response.header.apim-request-id",
    ),
    "http_method": ("http.request.method", "http.method"),
    "service_tier": (
        "openai.response.service_tier",
        "gen_ai.openai.response.service_tier",
        "anthropic.response.service_tier",
        "gen_ai.response.service_tier",
        "openai.request.service_tier",
        "gen_ai.openai.request.service_tier",
        "anthropic.request.service_tier",
        "gen_ai.request.service_tier",
    ),
    "project_id": ("anthropic.workspace.id", "openai.project.id", "gen_ai.openai.project.id"),
}

CONVERSATIONS = (
    "gen_ai.conversation.id",
    "session.id",
    "conversation.id",
    "langfuse.session.id",
    "traceloop.association.properties.session_id",
    "ai.telemetry.metadata.sessionId",
)
"""Read after the attributes that the configuration names."""

OTHERS: Mapping[str, tuple[Callable[[Any], Any], tuple[str, ...]]] = {
    "finish_reasons": (
        readers.reasons,
        (
            "gen_ai.response.finish_reasons",
            "gen_ai.response.finish_reason",
            "ai.response.finishReason",
            "anthropic.message.stop_reason",
            "llm.finish_reason",
            "llm.response.finish_reason",
            "llm.response.stop_reason",
            "gen_ai.completion.0.finish_reason",
            "llm.completions.0.finish_reason",
            "langfuse.observation.metadata.finish_reason",
        ),
    ),
    "error_type": (readers.error_class, ("error.type",)),
    "server_address": (
        readers.host,
        (
            "server.address",
            "url.full",
            "http.url",
            "net.peer.name",
            "gen_ai.openai.api_base",
            "openai.api_base",
            "http.host",
        ),
    ),
    "url_path": (readers.path, ("url.path", "url.full", "http.url", "http.target")),
    "http_status": (readers.http_status, ("http.response.status_code", "http.status_code")),
    "resend_count": (
        readers.number,
        ("http.request.resend_count", "http.request.header.x-stainless-retry-count", "retry_attempts"),
    ),
    "attempt_count": (readers.number, ("attempt",)),
    "is_stream": (
        readers.flag,
        ("gen_ai.request.stream", "gen_ai.is_streaming", "llm.is_streaming", "gen_ai.request.is_stream"),
    ),
    "cache_hit": (
        readers.flag,
        ("cache_hit", "litellm.cache_hit", "metadata.cache_hit", "gen_ai.cache.hit", "portkey.cache_status"),
    ),
}

FLAT: tuple[tuple[str, Rule], ...] = (
    ("input_tokens", Rule("input_tokens", 30, readers.count)),
    ("output_tokens", Rule("output_tokens", 30, readers.count)),
    ("cache_read_tokens", Rule("cache_read_tokens", 30, readers.count)),
    ("cache_creation_tokens", Rule("cache_write_tokens", 30, readers.count)),
    ("model", Rule("request_model", 30, readers.text)),
    ("status_code", Rule("http_status", 30, readers.http_status)),
    ("query_source", Rule("operation", 30, readers.compact_source)),
    ("error", Rule("error_type", 30, readers.error_phrase)),
)
"""Names without a prefix, read only on spans of Claude Code."""

FLAT_PREFIX = "claude_code."

Rules = dict[str, tuple[Rule, ...]]


def _all_rules() -> list[tuple[str, Rule]]:
    rules = [(key, Rule(column, 20, read)) for key, column, read in PARAMETERS]
    rules.append(("ai.operationId", Rule("is_stream", 20, readers.is_streaming_operation)))
    rules.append(("langfuse.observation.completion_start_time", Rule("is_stream", 20, readers.is_present)))
    for column, keys in COUNTS.items():
        rules += [(key, Rule(column, rank, readers.count)) for rank, key in enumerate(keys)]
    for column, keys in TEXTS.items():
        rules += [(key, Rule(column, rank, readers.text)) for rank, key in enumerate(keys)]
    for column, (read, keys) in OTHERS.items():
        rules += [(key, Rule(column, rank, read)) for rank, key in enumerate(keys)]
    for key, columns in BLOBS.items():
        rules += [(key, Rule(column, LAST_RESORT, read)) for column, read in columns.items()]
    return rules


def _grouped(rules: list[tuple[str, Rule]]) -> Rules:
    grouped: Rules = {}
    for key, rule in rules:
        grouped[key] = (*grouped.get(key, ()), rule)
    return grouped


ATTRIBUTES: Rules = _grouped(_all_rules())
"""Attribute name -> columns that it feeds, with rank and reader: what all spans have in common."""


def conversation_keys(configured: tuple[str, ...]) -> tuple[str, ...]:
    """Return the attributes that hold a conversation id, those of the configuration first."""
    return tuple(dict.fromkeys((*configured, *CONVERSATIONS)))


@lru_cache(maxsize=16)
def rules_for(labels: tuple[str, ...], conversations: tuple[str, ...]) -> tuple[Rules, Rules]:
    """Return the rules for all spans, and for those of Claude Code, with what the configuration asks for.

    A label goes to a column of its own, named after the attribute with a leading `=`.
    """
    asked = conversation_keys(conversations)
    extra = [(key, Rule("conversation_id", rank, readers.text)) for rank, key in enumerate(asked)]
    extra += [(key, Rule(f"={key}", 0, readers.text)) for key in labels]
    own = [(key, rule) for key, rules in ATTRIBUTES.items() for rule in rules] + extra
    return _grouped(own), _grouped([*own, *FLAT])
