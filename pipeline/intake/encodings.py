"""What differs between dumps of JSON and of protobuf behind the scan: how the bytes that it found are read.

Each is read as the exact decoder of that encoding reads it.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
from google.protobuf.message import DecodeError

from pipeline import otlp_wire as wire
from pipeline.intake import scan_values as at
from pipeline.intake import span_fields
from pipeline.intake.readers import SpanError
from pipeline.otlp import Resource, Scope, Span, Status, read_span
from pipeline.traces import messages

Field = tuple[str, Callable[[bytes], Any]]
"""A column, and the reader of what feeds it."""


class Encoding(NamedTuple):
    """Readers of what a scan found; they raise ValueError or RecursionError on what they cannot read."""

    attribute: Callable[[bytes], Any]
    """Returns the value of an attribute as `span_fields.value` takes it."""
    fields: Mapping[int, Field]
    """Fields of a span that are read like attributes, by their key among the hits."""
    resource: Callable[[bytes], Resource | None]
    scope: Callable[[bytes], Scope | None]
    span: Callable[[bytes], Span | SpanError]
    """Reads a span in doubt alone."""


_STATUS = msgspec.json.Decoder(Status | None)
_TEXT = msgspec.json.Decoder(str | None)
_WORD = msgspec.json.Decoder(int | str | None)


def _kind(item: bytes) -> str:
    return span_fields.word(_WORD.decode(item), span_fields.KINDS)


def _status(item: bytes) -> str:
    status = _STATUS.decode(item)
    return span_fields.word(status.code if status else None, span_fields.STATUSES)


def _threshold(item: bytes) -> str | None:
    return span_fields.threshold(_TEXT.decode(item))


JSON = Encoding(
    msgspec.Raw,
    {
        at.KIND: ("kind", _kind),
        at.STATUS: ("status", _status),
        at.TRACE_STATE: ("sampling_threshold", _threshold),
    },
    msgspec.json.Decoder(Resource | None).decode,
    msgspec.json.Decoder(Scope | None).decode,
    read_span,
)


def _parsed(message: Any, item: bytes) -> Any:
    try:
        return message.FromString(item)
    except DecodeError as error:
        raise ValueError(str(error)) from None


def _resource(item: bytes) -> Resource:
    return Resource(_parsed(wire.RESOURCE, item).attributes)


def _scope(item: bytes) -> Scope:
    scope = _parsed(wire.SCOPE, item)
    return Scope(scope.name, scope.version)


PROTOBUF = Encoding(
    bytes,
    {
        at.STATUS: ("status", lambda item: span_fields.word(item[0], span_fields.STATUSES)),
        at.TRACE_STATE: ("sampling_threshold", lambda item: span_fields.threshold(item.decode())),
    },
    _resource,
    _scope,
    messages.read_span,
)
"""Of a status the scan keeps the one byte of its code."""
