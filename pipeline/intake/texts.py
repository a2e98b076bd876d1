"""Texts of prompts and answers inside JSON of any provider or instrumentation, to be counted and forgotten.

What is not text to a model is left out: ids, types, roles, addresses, media, signatures, and thoughts, which
are shown in part and billed whole.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec

MAX_CHARACTERS = 400_000
"""Characters of one side of a call that are counted; the rest is taken to count like them."""

_DEPTH = 24
_SKIPPED = frozenset((
    "role", "type", "id", "call_id", "callId", "tool_call_id", "toolCallId", "toolUseId", "tool_use_id",
    "finish_reason", "stop_reason", "data", "url", "uri", "image", "image_url", "input_audio", "audio",
    "file", "file_data",
    "source", "blob", "inlineData", "inline_data", "fileData", "signature", "thoughtSignature",
    "thought_signature", "encrypted_content", "mime_type", "mimeType", "media_type", "modality",
    "cache_control", "cachePoint", "annotations", "citations", "logprobs", "index", "model", "object",
    "status", "usage", "toolCallType", "providerOptions", "providerMetadata", "safety_ratings",
))  # fmt: skip
_STRUCTURES = frozenset(("arguments", "args", "input", "parameters", "response", "result", "output", "json"))
_THOUGHTS = frozenset(("reasoning", "thinking", "redacted_thinking"))
_CALLS = frozenset(("tool_call", "tool_use", "tool-call", "function_call", "function"))
_CALL_KEYS = frozenset(("functionCall", "function_call", "toolUse"))
_SYSTEMS = ("system", "instructions", "systemInstruction", "system_instruction", "preamble")
_PROMPTS = ("messages", "contents", "chat_history", "history", "input", "prompt", "message", "inputText",
            "texts", "inputs")  # fmt: skip
_SCHEMAS = ("response_format", "output_format", "text")
_ANSWERS = ("choices", "candidates", "content", "output", "results", "generations", "completion", "text",
            "outputText", "message")  # fmt: skip


@dataclass
class Texts:
    """Texts of one side of a call, with what has a price of its own beside its words."""

    parts: list[str] = field(default_factory=list)
    characters: int = 0
    """Of all texts, those beyond MAX_CHARACTERS included."""
    kept: int = 0
    """Characters of `parts`."""
    messages: int = 0
    tool_calls: int = 0

    def add(self, text: str) -> None:
        """Keep a text as far as there is room."""
        self.characters += len(text)
        if part := text[: MAX_CHARACTERS - self.kept]:
            self.parts.append(part)
            self.kept += len(part)

    def walk(self, value: Any, depth: int = 0) -> None:
        """Add the texts inside a JSON value."""
        if isinstance(value, str):
            self.add(value)
        elif depth < _DEPTH and isinstance(value, list):
            for item in value:
                self.walk(item, depth + 1)
        elif depth < _DEPTH and isinstance(value, dict):
            self._walk_object(value, depth)

    def _walk_object(self, value: dict[str, Any], depth: int) -> None:
        kind = value.get("type")
        if kind in _THOUGHTS or value.get("thought") is True:
            return
        self.tool_calls += (kind in _CALLS and "description" not in value) or bool(_CALL_KEYS & value.keys())
        for key, item in value.items():
            if key in _STRUCTURES and isinstance(item, dict):
                self.add(msgspec.json.encode(item).decode())
            elif key not in _SKIPPED:
                self.walk(item, depth + 1)

    def walk_messages(self, value: Any) -> None:
        """Add messages: a list of them, or one."""
        for item in value if isinstance(value, list) else [value]:
            before = self.characters
            self.walk(item)
            self.messages += isinstance(item, dict) or self.characters > before


def request_texts(value: Any, texts: Texts, tools: Texts) -> None:
    """Add the prompt of a request body, or of a bare list of messages, and its tool definitions."""
    if not isinstance(value, dict) or "role" in value:
        texts.walk_messages(value)
        return
    for key in _SYSTEMS:
        if value.get(key):
            before = texts.characters
            texts.walk(value[key])
            texts.messages += texts.characters > before
    for key in _PROMPTS:
        if value.get(key):
            texts.walk_messages(value[key])
    config = value.get("toolConfig")
    found = value.get("tools") or value.get("functions") or (config or {}).get("tools")
    tool_texts(found, tools)
    for key in _SCHEMAS:
        found = value.get(key)
        form = found.get("format") if isinstance(found, dict) and key == "text" else found
        if isinstance(form, dict) and form.get("type") == "json_schema":
            schema_text(form, tools)


def schema_text(value: Any, tools: Texts) -> None:
    """Add the schema that the answer must follow: billed like a tool definition, and no tool."""
    tools.add(value if isinstance(value, str) else msgspec.json.encode(value).decode())


def answer_texts(value: Any, texts: Texts) -> None:
    """Add the answer in a response body, or in a bare list of messages."""
    if isinstance(value, dict) and "role" not in value:
        for key in _ANSWERS:
            texts.walk(value.get(key))
    else:
        texts.walk(value)


def tool_texts(value: Any, tools: Texts) -> None:
    """Add tool definitions as JSON, each one counted as a message of `tools`."""
    for item in value if isinstance(value, list) else []:
        inside = item.get("functionDeclarations") if isinstance(item, dict) else None
        for tool in inside if isinstance(inside, list) else [item]:
            tools.add(tool if isinstance(tool, str) else msgspec.json.encode(tool).decode())
            tools.messages += 1
