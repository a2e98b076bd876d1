"""Fields of a span that are not attributes: ids, times, enums and the class of an exception, all checked."""

import re
from typing import Any

import msgspec

from pipeline.intake.readers import SpanError, error_class
from pipeline.otlp import Attribute, Span
from pipeline.otlp_wire import any_value

_EARLIEST, _LATEST = 946_684_800 * 10**9, 4_102_444_800 * 10**9  # 2000-01-01 and 2100-01-01
_TRACE_ID, _SPAN_ID = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{16}")
_DIGITS = re.compile(r"[0-9]{1,20}")
_THRESHOLD = re.compile(r"(?:^|,)\s*ot=(?:[^,]*;)?th:([0-9a-f]{1,14})(?:[;,]|\s*$)")
KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")
_VALUE = msgspec.json.Decoder(Any)


class _Event(msgspec.Struct):
    attributes: list[Attribute] | None = None


_EVENTS = msgspec.json.Decoder(list[_Event])


def ids(span: Span) -> tuple[str, str]:
    """Return trace id and span id in lower case."""
    trace_id, span_id = (span.trace_id or "").lower(), (span.span_id or "").lower()
    if not _TRACE_ID.fullmatch(trace_id) or trace_id == "0" * 32:
        raise SpanError("bad_trace_id", f"The trace id {_flaw(trace_id, 32)}")
    if not _SPAN_ID.fullmatch(span_id) or span_id == "0" * 16:
        raise SpanError("bad_span_id", f"The span id {_flaw(span_id, 16)}")
    return trace_id, span_id


def parent(span: Span, span_id: str) -> str | None:
    """Return the id of the parent; null on a root, where exporters write nothing, "" or zeros."""
    parent = (span.parent_span_id or "").lower()
    if parent in ("", "0" * 16):
        return None
    if not _SPAN_ID.fullmatch(parent):
        raise SpanError("bad_parent_id", f"The id of the parent {_flaw(parent, 16)}")
    if parent == span_id:
        raise SpanError("own_parent", "The span names itself as its parent")
    return parent


def _flaw(value: str, digits: int) -> str:
    if not value:
        return "is missing"
    if len(value) != digits:
        return f"has {len(value)} characters where {digits} hex digits belong"
    return "is all zeros" if value == "0" * digits else "has characters that are not hex digits"


def times(span: Span) -> tuple[int, int]:
    """Return start and end in microseconds."""
    start, end = (
        _nanoseconds(value, name)
        for name, value in (("start", span.start_time_unix_nano), ("end", span.end_time_unix_nano))
    )
    if end < start:
        raise SpanError("ends_before_start", f"The span ends at {end} ns, before it starts at {start} ns")
    return start // 1000, end // 1000


def _nanoseconds(value: Any, name: str) -> int:
    if type(value) is str and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        state = "is missing" if value in (None, "") else "is not a number of nanoseconds"
        raise SpanError("bad_time", f"The {name} time {state}")
    if not _EARLIEST <= value < _LATEST:
        raise SpanError("bad_time", f"The {name} time, {value} ns, lies outside the years 2000 to 2099")
    return value


def word(value: Any, words: tuple[str, ...]) -> str:
    """Return the word of an enum that is written as number, as number in text, or by name."""
    if isinstance(value, str):
        last = value.rsplit("_", 1)[-1].lower()
        value = int(last) if last in ("0", "1", "2", "3", "4", "5") else last
    if isinstance(value, int):
        return words[value] if 0 <= value < len(words) else words[0]
    return value if value in words else words[0]


def threshold(trace_state: str | None) -> str | None:
    """Return the `th` value of the entry `ot` of a W3C tracestate."""
    match = _THRESHOLD.search(trace_state) if trace_state else None
    return match[1] if match else None


def exception(span: Span) -> str | None:
    """Return the class of the last recorded exception; its message and stack are not looked at."""
    if b"exception.type" not in (data := bytes(span.events)):
        return None
    try:
        events = _EVENTS.decode(data)
        pairs = [pair for event in events for pair in event.attributes or () if pair.key == "exception.type"]
        return error_class(value(pairs[-1])) if pairs else None
    except (ValueError, RecursionError, SpanError):
        return None


def value(pair: Attribute) -> Any:
    """Return the value of an attribute as JSON gives it: null, text, number, truth, list, or a structure.

    It is held as JSON of OTLP, as bytes of OTLP's protobuf, or, where a format has no types, as it is.
    """
    held: Any = pair.value
    try:
        if type(held) is bytes:
            return any_value(held)
        return _plain(_VALUE.decode(held)) if type(held) is msgspec.Raw else held
    except UnicodeDecodeError:
        raise SpanError("invalid_utf8", f"Attribute {pair.key} holds bytes that are not UTF-8") from None
    except (ValueError, RecursionError):
        raise SpanError("wrong_shape", f"The value of attribute {pair.key} cannot be read") from None


def _plain(value: Any) -> Any:
    if not isinstance(value, dict):
        return None
    for key, found in value.items():
        if key == "arrayValue":
            items = found.get("values") if isinstance(found, dict) else None
            return [_plain(item) for item in items] if isinstance(items, list) else []
        if found is not None:
            return found
    return None
