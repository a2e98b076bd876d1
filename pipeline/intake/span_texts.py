"""Which attributes of a span hold text of prompts, answers and tool definitions, for the local count alone.

Sources: the GenAI conventions; OpenInference; OpenLLMetry and LiteLLM (`gen_ai.prompt.N`); the Vercel AI SDK;
Langfuse. The same text often stands on a span twice, so the first family that has any is counted alone.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from pipeline.intake import span_fields
from pipeline.intake.readers import SpanError
from pipeline.intake.texts import Texts, answer_texts, request_texts, schema_text, tool_texts
from pipeline.otlp import Attribute

_SCHEMA = "gen_ai.request.structured_output_schema"
_INPUTS = {
    "gen_ai.input.messages": 0,
    "gen_ai.system_instructions": 0,
    "ai.prompt.messages": 3,
    "ai.value": 3,
    "ai.values": 3,
    "gen_ai.prompt": 4,
    "llm.prompts": 4,
    "ai.prompt": 5,
    "langfuse.observation.input": 6,
    "traceloop.entity.input": 7,
    "input.value": 8,
}
_OUTPUTS = {
    "gen_ai.output.messages": 0,
    "ai.response.text": 3,
    "ai.response.toolCalls": 3,
    "ai.response.object": 3,
    "gen_ai.completion": 4,
    "langfuse.observation.output": 6,
    "traceloop.entity.output": 7,
    "output.value": 8,
}
_TOOLS = {"gen_ai.tool.definitions": 0, _SCHEMA: 0, "ai.prompt.tools": 3}
_INDEXED = (
    (re.compile(r"llm\.input_messages\.\d+\.message\.(.+)"), "input", 1),
    (re.compile(r"embedding\.embeddings\.\d+\.embedding\.(text)"), "input", 1),
    (re.compile(r"gen_ai\.prompt\.\d+\.(.+)"), "input", 2),
    (re.compile(r"llm\.prompts\.\d+\.(?:prompt\.)?(.+)"), "input", 4),
    (re.compile(r"llm\.output_messages\.\d+\.message\.(.+)"), "output", 1),
    (re.compile(r"gen_ai\.completion\.\d+\.(.+)"), "output", 2),
    (re.compile(r"llm\.choices\.\d+\.(?:completion\.)?(.+)"), "output", 4),
    (re.compile(r"llm\.tools\.\d+\.tool\.(json_schema)"), "tools", 1),
    (re.compile(r"llm\.request\.functions\.\d+\.(name|description|parameters)"), "tools", 2),
)
TEXT_NAMES = (
    *_INPUTS, *_OUTPUTS, *_TOOLS,
    "llm.input_messages", "embedding.embeddings", "llm.output_messages", "llm.choices", "llm.tools",
    "llm.request.functions",
)  # fmt: skip
"""Attributes that hold text; the indexed ones up to the dot before their number."""
_TEXT = re.compile(r"(?:^|\.)(?:content|text|user|arguments|name|json_schema|description|parameters)$")
_TOOL_CALL = re.compile(r"tool_calls\.\d+(\.tool_call\.function)?\.name|function_call\.name")
_REPEATED = re.compile(r"contents\.\d+\.tool_call\.")
"""OpenInference writes tool calls a second time among the contents."""
_PREFIXES = (
    "gen_ai.",
    "llm.",
    "ai.",
    "input.value",
    "output.value",
    "traceloop.entity",
    "langfuse.obs",
    "embedding.",
)

_CONTINUED = re.compile(rb"""previous_(?:response|interaction)_id\\?["']:\s*\\?["']""")
_CONTINUES = ("gen_ai.request.previous_response.id", "gen_ai.openai.request.previous_response_id")
_REQUESTS = ("llm.invocation_parameters", "input.value")


class SpanTexts(NamedTuple):
    """What a span says: prompt, answer and tool definitions."""

    input: Texts
    output: Texts
    tools: Texts


class _Hit(NamedTuple):
    key: str
    tail: str
    """What follows the number of an indexed key; empty on the others."""
    value: Any


def continues_at_provider(attributes: Iterable[Attribute]) -> bool:
    """Return whether the provider keeps earlier turns, so that the span has a part of the prompt only."""
    return any(
        pair.key in _CONTINUES or (pair.key in _REQUESTS and _CONTINUED.search(bytes(pair.value)) is not None)
        for pair in attributes
    )


def span_texts(attributes: Iterable[Attribute]) -> SpanTexts:
    """Return the texts on a span; values that cannot be read hold none."""
    hits: dict[str, dict[int, list[_Hit]]] = {"input": {}, "output": {}, "tools": {}}
    for pair in attributes:
        place = _place(pair.key) if pair.key.startswith(_PREFIXES) else None
        if place is None:
            continue
        side, rank, tail = place
        try:
            value = span_fields.value(pair)
        except SpanError:
            continue
        if isinstance(value, str | list) and value:
            hits[side].setdefault(rank, []).append(_Hit(pair.key, tail, value))
    told = SpanTexts(Texts(), Texts(), Texts())
    for side, target in zip(("input", "output", "tools"), told, strict=True):
        for _, found in sorted(hits[side].items()):
            _read(found, side, target, told.tools)
            if target.characters:
                break
    return told


def _place(key: str) -> tuple[str, int, str] | None:
    for side, exact in (("input", _INPUTS), ("output", _OUTPUTS), ("tools", _TOOLS)):
        if key in exact:
            return side, exact[key], ""
    for pattern, side, rank in _INDEXED:
        if match := pattern.fullmatch(key):
            return side, rank, match[1]
    return None


def _read(hits: list[_Hit], side: str, target: Texts, tools: Texts) -> None:
    for hit in hits:
        if hit.tail:
            _read_indexed(hit, side, target)
            continue
        value = _json(hit.value)
        if hit.key == _SCHEMA:
            schema_text(hit.value, target)
        elif side == "tools":
            tool_texts([_json(item) for item in value] if isinstance(value, list) else [value], target)
        elif side == "input":
            spare = Texts() if tools.characters else tools
            _read_prompt(hit.key, value, target, spare)
        else:
            answer_texts(value, target)


def _read_prompt(key: str, value: Any, target: Texts, tools: Texts) -> None:
    if key == "gen_ai.system_instructions":
        target.walk(value)
        target.messages += 1
    else:
        request_texts(value, target, tools)


def _read_indexed(hit: _Hit, side: str, target: Texts) -> None:
    """One field of a message or of a tool."""
    if _REPEATED.search(hit.tail):
        return
    target.messages += hit.tail in (("json_schema", "name") if side == "tools" else ("role", "text"))
    target.tool_calls += _TOOL_CALL.fullmatch(hit.tail) is not None
    is_text = _TEXT.search(hit.tail) and (side == "tools" or hit.tail != "name")
    if is_text and isinstance(hit.value, str):
        target.walk(_json(hit.value) if hit.value.startswith('[{"type"') else hit.value)


def _json(value: Any) -> Any:
    """Return what a JSON text holds; other text is itself."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        return msgspec.json.decode(value)
    except (ValueError, RecursionError):
        return value
