"""Values of span attributes as what a raw column may hold: bounded, of one type, and never free text.

A reader takes the value of an attribute as JSON gives it and returns what to store, or null. Only counts are
strict: a count that is not one raises, because a wrong number is worse than none.
"""

import re
from typing import Any
from urllib.parse import urlsplit

import msgspec

MAX_TEXT = 128
"""Characters of an id, a name or a label that are kept."""

MAX_COUNT = 100_000_000
"""Tokens of one span beyond which a count is absurd: a hundred of the largest context windows."""

_INTEGER = re.compile(r"(-?[0-9]+)(?:\.0*)?")
_ERROR_CLASS = re.compile(r"[\w.:$<>/-]+", re.ASCII)
_HOST = re.compile(r"[a-z0-9._:-]+")
_SECRET = re.compile(r"(?=[^/:]*\d)(?=[^/:]*[A-Z])[^/:]{16,}|[0-9a-fA-F]{20,}|[^/:]{65,}")
_YES = frozenset({"true", "1", "yes", "hit", "semantic hit", "semantic_hit"})
_NO = frozenset({"false", "0", "no", "miss"})


class SpanError(Exception):
    """A span that cannot be kept: the code of the reason and the reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def count(value: Any) -> int:
    """Return a token count; numbers, whole floats and numbers in text are fine.

    Raises:
        SpanError: the value is no whole number, is negative, or is absurd. Text is never repeated in it.
    """
    number = _whole(value)
    if number is None:
        shown = f"{value}" if isinstance(value, float) else _described(value)
        raise SpanError("count_not_integer", f"is {shown}, not a whole number")
    if number < 0:
        raise SpanError("count_negative", f"is {number}, below 0")
    if number > MAX_COUNT:
        shown = str(number) if number < 10**18 else "more than 10^18"
        raise SpanError("count_absurd", f"is {shown}, above {MAX_COUNT}")
    return number


def _whole(value: Any) -> int | None:
    if type(value) is int:
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    match = _INTEGER.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    return int(match[1]) if len(match[1]) <= 19 else 10**18 * (-1 if match[1][0] == "-" else 1)


def _described(value: Any) -> str:
    if isinstance(value, str):
        return f"text of {len(value)} characters"
    names = {bool: "true or false", list: "a list"}
    return names.get(type(value), "a structure")


def number(value: Any) -> int | None:
    """Return a small non-negative number (a status, a counter of attempts), or null for anything else."""
    whole = _whole(value[0] if isinstance(value, list) and value else value)
    return whole if whole is not None and 0 <= whole <= 1_000_000 else None


def http_status(value: Any) -> int | None:
    """Return an HTTP status code, or null for anything else."""
    whole = number(value)
    return whole if whole is not None and 100 <= whole <= 599 else None


def text(value: Any) -> str | None:
    """Return text of at most MAX_TEXT characters; the first item of a list; null when there is none."""
    if isinstance(value, str):
        return value.strip()[:MAX_TEXT] or None
    if isinstance(value, list):
        return text(value[0]) if value else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)[:MAX_TEXT] if isinstance(value, int | float) else None


def flag(value: Any) -> bool | None:
    """Return a truth value; gateways also write hit and miss."""
    word = (text(value) or "").lower()
    return True if word in _YES else False if word in _NO else None


def reasons(value: Any) -> str | None:
    """Return finish reasons joined by commas; an empty list is the empty string. Lists in JSON are read."""
    if isinstance(value, str) and value.startswith(("[", '"')):
        value = from_json(value, list[Any] | str)
    if isinstance(value, list):
        return ",".join(text(item) or "" for item in value)[:MAX_TEXT]
    return text(value)


def error_class(value: Any) -> str | None:
    """Return the class of an error; what looks like a message becomes `_OTHER`."""
    word = text(value)
    return word if word is None or _ERROR_CLASS.fullmatch(word) else "_OTHER"


_PHRASES = (("timed out", "timeout"), ("timeout", "timeout"), ("abort", "aborted"), ("cancel", "cancelled"))


def error_phrase(value: Any) -> str | None:
    """Return one word for an error that is written as a sentence; its class where it is one."""
    said = value.lower() if isinstance(value, str) else ""
    known = next((word for part, word in _PHRASES if part in said), None)
    return known or error_class(value)


def host(value: Any) -> str | None:
    """Return the host of an address or URL, without user, password and port."""
    name = value.strip() if isinstance(value, str) else ""
    try:
        found = urlsplit(name if "://" in name else f"//{name}").hostname or ""
    except ValueError:
        return None
    return found[:MAX_TEXT] if _HOST.fullmatch(found) else None


def path(value: Any) -> str | None:
    """Return the path of a URL without query; what looks like a key in it becomes `*`."""
    name = value.strip() if isinstance(value, str) else ""
    try:
        found = urlsplit(name if "://" in name else f"//host/{name.lstrip('/')}").path
    except ValueError:
        return None
    return _SECRET.sub("*", found)[:MAX_TEXT] or None


def is_streaming_operation(value: Any) -> bool | None:
    """Return true for the streaming operations of the Vercel AI SDK, null for the others."""
    return True if isinstance(value, str) and "stream" in value.lower() else None


def is_present(value: Any) -> bool | None:
    """Return true where there is a value at all: a time of the first token is there on streams alone."""
    return True if value else None


def compact_source(value: Any) -> str | None:
    """Return `compact` for a query source that marks a compaction call, null for the others."""
    return "compact" if value == "compact" else None


def from_json(value: Any, kind: Any) -> Any:
    """Return what a JSON text holds, or null when it is no text or not of that kind."""
    if not isinstance(value, str):
        return None
    try:
        return msgspec.json.decode(value, type=kind)
    except (ValueError, RecursionError):
        return None
