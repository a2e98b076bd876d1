"""Attributes that hold a JSON object: the counts and flags that are taken out of it, and nothing else."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pipeline.intake import readers

_INPUT_PARTS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def inside(*keys: str) -> Callable[[Any], int | None]:
    """Return a reader of a count in a JSON object: the first dotted key that is there."""

    def read(value: Any) -> int | None:
        found = readers.from_json(value, dict[str, Any]) or {}
        return next((readers.count(item) for key in keys if (item := _dig(found, key)) is not None), None)

    return read


def _dig(found: Any, dotted: str) -> Any:
    for key in dotted.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def raw_input(value: Any) -> int | None:
    """Return the input of a provider's usage object, cached tokens included; Anthropic leaves them out."""
    found = readers.from_json(value, dict[str, Any]) or {}
    parts = ("prompt_tokens",) if "prompt_tokens" in found else _INPUT_PARTS
    counts = [readers.count(found[key]) for key in parts if found.get(key) is not None]
    return sum(counts) if counts else None


def disjoint_input(value: Any) -> int | None:
    """Return the input of Langfuse's usage details without cached tokens.

    Its own buckets are disjoint; its OpenAI client passes the provider's object on, which includes them.
    """
    found = readers.from_json(value, dict[str, Any]) or {}
    name = next(
        (key for key in ("input", "prompt_tokens", "input_tokens") if found.get(key) is not None), None
    )
    if name is None:
        return None
    cached = _dig(found, f"{name}_details.cached_tokens")
    whole, rest = readers.count(found[name]), readers.count(cached or 0)
    return whole - rest if whole is not None and rest is not None else whole


def compaction(*keys: str) -> Callable[[Any], int | None]:
    """Return a reader of OpenInference's `metadata`: the sum of keys over its compaction iterations."""

    def read(value: Any) -> int | None:
        if not isinstance(value, str) or "usage_iterations" not in value:
            return None
        found = (readers.from_json(value, dict[str, Any]) or {}).get("usage_iterations")
        found = readers.from_json(found, list[Any]) if isinstance(found, str) else found
        items = found if isinstance(found, list) else []
        rounds = [item for item in items if isinstance(item, dict) and item.get("type") == "compaction"]
        counts = [readers.count(item[key]) for item in rounds for key in keys if item.get(key) is not None]
        return sum(counts) if counts else None

    return read


class _Parameters(msgspec.Struct):
    model: str | None = None
    stream: bool | None = None


def parameter_model(value: Any) -> str | None:
    """Return the model in a JSON object of request parameters."""
    found = readers.from_json(value, _Parameters)
    return readers.text(found.model) if found else None


def parameter_stream(value: Any) -> bool | None:
    """Return whether a JSON object of request parameters asks for a stream."""
    found = readers.from_json(value, _Parameters)
    return found.stream if found else None


BLOBS: Mapping[str, Mapping[str, Callable[[Any], Any]]] = {
    "langfuse.observation.usage_details": {
        "input_tokens": disjoint_input,
        "output_tokens": inside("output", "completion_tokens", "output_tokens"),
        "total_tokens": inside("total", "total_tokens"),
        "cache_read_tokens": inside(
            "input_cache_read",
            "cache_read_input_tokens",
            "input_cached_tokens",
            "prompt_tokens_details.cached_tokens",
            "input_tokens_details.cached_tokens",
        ),
        "cache_write_tokens": inside("input_cache_creation", "cache_creation_input_tokens"),
        "reasoning_tokens": inside(
            "output_reasoning", "output_reasoning_tokens", "completion_tokens_details.reasoning_tokens"
        ),
    },
    "gen_ai.usage.raw": {
        "input_tokens": raw_input,
        "output_tokens": inside("completion_tokens", "output_tokens"),
        "total_tokens": inside("total_tokens"),
        "cache_read_tokens": inside(
            "prompt_tokens_details.cached_tokens",
            "input_tokens_details.cached_tokens",
            "cache_read_input_tokens",
        ),
        "cache_write_tokens": inside("cache_creation_input_tokens"),
        "cache_write_5m_tokens": inside("cache_creation.ephemeral_5m_input_tokens"),
        "cache_write_1h_tokens": inside("cache_creation.ephemeral_1h_input_tokens"),
        "reasoning_tokens": inside(
            "completion_tokens_details.reasoning_tokens", "output_tokens_details.reasoning_tokens"
        ),
    },
}
"""JSON objects of counts, read as a last resort."""

PARAMETERS: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("llm.invocation_parameters", "is_stream", parameter_stream),
    ("llm.invocation_parameters", "request_model", parameter_model),
    ("metadata", "compaction_input_tokens", compaction(*_INPUT_PARTS)),
    ("metadata", "compaction_output_tokens", compaction("output_tokens")),
)
"""Attribute, column and reader of what else stands in JSON objects."""
