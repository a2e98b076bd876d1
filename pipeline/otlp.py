"""OTLP/JSON trace dumps: framing of records, and spans one by one, typed where the dump is as it should be.

A record is one TracesData or ExportTraceServiceRequest: a line, as the collector's file exporter writes it,
or a pretty-printed document over many lines, alone, in a row or in an array. The fast path decodes a record
whole; one that does not fit is taken apart, so that a bad span never loses its line.
Format: opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding".
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from pipeline.content import MAX_LINE_BYTES, Line
from pipeline.intake.readers import SpanError


class Attribute(Struct, gc=False, rename="camel"):
    """A key and its value, which stays unread until somebody wants it."""

    key: str = ""
    value: Raw = Raw(b"null")


class Status(Struct, gc=False, rename="camel"):
    """How a span ended."""

    code: int | str | None = None


class Span(Struct, rename="camel"):
    """The parts of a span that are read; everything else is skipped."""

    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    trace_state: str | None = None
    name: str | None = None
    kind: int | str | None = None
    start_time_unix_nano: int | str | float | None = None
    end_time_unix_nano: int | str | float | None = None
    attributes: list[Attribute] | None = None
    events: Raw = Raw(b"")
    status: Status | None = None


class Scope(Struct, rename="camel"):
    """The instrumentation that wrote a span."""

    name: str | None = None
    version: str | None = None


class Resource(Struct, rename="camel"):
    """What produced the spans."""

    attributes: list[Attribute] | None = None


class _ScopeSpans(Struct, rename="camel"):
    scope: Scope | None = None
    instrumentation_library: Scope | None = None
    spans: list[Span] | None = None


class _ResourceSpans(Struct, rename="camel"):
    resource: Resource | None = None
    scope_spans: list[_ScopeSpans] | None = None
    instrumentation_library_spans: list[_ScopeSpans] | None = None


class _Request(Struct, rename="camel"):
    resource_spans: list[_ResourceSpans] | UnsetType | None = UNSET


class _LooseScopeSpans(Struct, rename="camel"):
    scope: Scope | None = None
    instrumentation_library: Scope | None = None
    spans: list[Raw] | None = None


class _LooseResourceSpans(Struct, rename="camel"):
    resource: Resource | None = None
    scope_spans: list[Raw] | None = None
    instrumentation_library_spans: list[Raw] | None = None


class _LooseRequest(Struct, rename="camel"):
    resource_spans: list[Raw] | UnsetType | None = UNSET


class Found(NamedTuple):
    """A span with its surroundings, or the reason why there is none."""

    span: Span | SpanError
    scope: Scope
    resource: Resource


_NO_SCOPE, _NO_RESOURCE = Scope(), Resource()
_REQUEST = msgspec.json.Decoder(_Request)
_REQUESTS = msgspec.json.Decoder(list[_Request])
_LOOSE_REQUESTS = msgspec.json.Decoder(list[Raw])
_LOOSE_REQUEST = msgspec.json.Decoder(_LooseRequest)
_LOOSE_RESOURCE_SPANS = msgspec.json.Decoder(_LooseResourceSpans)
_LOOSE_SCOPE_SPANS = msgspec.json.Decoder(_LooseScopeSpans)
_SPAN = msgspec.json.Decoder(Span)
_NOT_JSON_NUMBER = re.compile(rb"(:\s*)(?:NaN|-?Infinity)(?=\s*[,}\]])")
_UNFIT = (msgspec.ValidationError, UnicodeDecodeError)


class Framer:
    """Lines to records: one per line that is not blank, and one per pretty-printed document.

    A document opens with a line that starts at the margin and ends in an open bracket; it is closed by a line
    that starts at the margin with a closing bracket, and broken off by a new record that starts there.
    """

    def __init__(self) -> None:
        self._opened: list[Line] = []
        self._size = 0

    def add(self, line: Line) -> Iterator[Line]:
        """Return the records that a line completes."""
        data = line.data
        starts = data[:1] in (b"{", b"[")
        if starts:
            yield from self.flush()
        if self._opened or (starts and data[-1:] in (b"{", b"[")):
            self._size = line.size_bytes + (self._size if self._opened else 0)
            self._opened.append(line)
            if self._size > MAX_LINE_BYTES:
                self._opened = [self._opened[0]._replace(data=b"", size_bytes=self._size)]
            if data[:1] in (b"}", b"]"):
                yield from self.flush()
        elif data not in (b"", b"]", b",", b"],") or line.size_bytes > MAX_LINE_BYTES:
            yield line._replace(data=_unwrapped(data))

    def flush(self) -> list[Line]:
        """Return the document that is open as it stands: a new record starts, or the file ends."""
        opened, self._opened = self._opened, []
        return list(_joined(opened))


def frame(lines: Iterable[Line]) -> Iterator[Line]:
    """Return the records of lines."""
    framer = Framer()
    for line in lines:
        yield from framer.add(line)
    yield from framer.flush()


def _joined(lines: list[Line]) -> Iterator[Line]:
    """Return the record that lines make up; none, if they are but the bracket of an array."""
    size = sum(line.size_bytes for line in lines)
    data = b"\n".join(line.data for line in lines) if size <= MAX_LINE_BYTES else b""
    if lines and data not in (b"[", b"[{"):
        yield lines[0]._replace(data=_unwrapped(data), size_bytes=size)


def _unwrapped(data: bytes) -> bytes:
    """Return a record without the comma and the brackets of an array that spans several lines."""
    data = data.removesuffix(b",")
    if data.startswith(b"[") and not data.endswith(b"]"):
        return data[1:]
    if data.endswith(b"]") and data.startswith(b"{"):
        return data[:-1]
    return data


def spans_of(record: Line) -> Iterator[Found]:
    """Return the spans of a record in order; a part that cannot be read is one SpanError in its place."""
    data = record.data
    try:
        requests = _requests(data)
    except _UNFIT:
        yield from _loose_record(data)
        return
    except msgspec.DecodeError as error:
        repaired = _NOT_JSON_NUMBER.sub(rb"\1{}", data)
        if repaired == data:
            yield _refused(_json_error(record, error))
        else:
            yield from spans_of(record._replace(data=repaired))
        return
    except RecursionError:
        yield _refused(SpanError("nested_too_deep", "The record is nested too deeply to be read"))
        return
    for request in requests:
        yield from _spans(request)


def _requests(data: bytes) -> list[_Request]:
    return _REQUESTS.decode(data) if data[:1] == b"[" else [_REQUEST.decode(data)]


def _spans(request: _Request) -> Iterator[Found]:
    if request.resource_spans is UNSET:
        yield _no_spans()
        return
    for part in request.resource_spans or ():
        resource = part.resource or _NO_RESOURCE
        for group in (*(part.scope_spans or ()), *(part.instrumentation_library_spans or ())):
            scope = group.scope or group.instrumentation_library or _NO_SCOPE
            for span in group.spans or ():
                yield Found(span, scope, resource)


def _loose_record(data: bytes) -> Iterator[Found]:
    whole = _decoded(_LOOSE_REQUESTS, data, "record") if data[:1] == b"[" else [data]
    if isinstance(whole, SpanError):
        yield _refused(whole)
        return
    for item in whole:
        request = _decoded(_LOOSE_REQUEST, item, "record")
        if isinstance(request, SpanError):
            yield _refused(request)
        elif request.resource_spans is UNSET:
            yield _no_spans()
        else:
            for part in request.resource_spans or ():
                yield from _loose_resource_spans(part)


def _loose_resource_spans(data: Raw) -> Iterator[Found]:
    part = _decoded(_LOOSE_RESOURCE_SPANS, data, "resourceSpans")
    if isinstance(part, SpanError):
        yield _refused(part)
        return
    for item in (*(part.scope_spans or ()), *(part.instrumentation_library_spans or ())):
        group = _decoded(_LOOSE_SCOPE_SPANS, item, "scopeSpans")
        if isinstance(group, SpanError):
            yield _refused(group)
            continue
        scope = group.scope or group.instrumentation_library or _NO_SCOPE
        for span in group.spans or ():
            yield Found(_decoded(_SPAN, span, "span"), scope, part.resource or _NO_RESOURCE)


def _decoded(decoder: msgspec.json.Decoder, data: bytes | Raw, what: str) -> Any:
    """Return what the decoder makes of the data, or a SpanError; messages of msgspec repeat no content."""
    try:
        return decoder.decode(data)
    except UnicodeDecodeError:
        return SpanError(
            "invalid_utf8", f"The {what} holds bytes that are not UTF-8 where a name or id belongs"
        )
    except msgspec.DecodeError as error:
        return SpanError("wrong_shape", f"The {what} is not shaped as OTLP: {error}")
    except RecursionError:
        return SpanError("nested_too_deep", f"The {what} is nested too deeply to be read")


def read_span(data: bytes) -> Span | SpanError:
    """Return the span that a piece of JSON holds, or why it holds none."""
    span: Span | SpanError = _decoded(_SPAN, data, "span")
    return span


def _refused(error: SpanError) -> Found:
    return Found(error, _NO_SCOPE, _NO_RESOURCE)


def _no_spans() -> Found:
    return _refused(SpanError("not_traces", "The record has no resourceSpans, so it is no trace"))


def _json_error(record: Line, error: msgspec.DecodeError) -> SpanError:
    size = len(record.data)
    if record.size_bytes > size and not size:
        return SpanError(
            "line_too_long",
            f"The line has {record.size_bytes} bytes; {MAX_LINE_BYTES} is the most that is read",
        )
    if "truncated" in str(error):
        return SpanError("truncated", f"The record stops in the middle after {size} bytes")
    try:
        record.data.decode("utf-8")
    except UnicodeDecodeError as wrong:
        return SpanError("invalid_utf8", f"Byte {wrong.start} of the record is not UTF-8, and it is not JSON")
    return SpanError("not_json", f"The record is not JSON: {error}")
