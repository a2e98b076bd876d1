"""The spans of an OTLP message in protobuf: parsed whole, or taken apart where a part of it is damaged."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from google.protobuf.message import DecodeError

from pipeline import otlp_wire as wire
from pipeline.intake.readers import SpanError
from pipeline.otlp import Found, Resource, Scope, Span
from pipeline.traces.format import refused

_NOT_TRACES = "The message holds logs, metrics or something else, but no spans"
_EXCEPTION = b"exception.type"


def message_spans(data: bytes) -> Iterator[Found]:
    """Return the spans of an ExportTraceServiceRequest or TracesData; a damaged part is one SpanError."""
    try:
        parts = wire.REQUEST.FromString(data).resource_spans
    except DecodeError:
        loose = _parsed(wire.LOOSE_REQUEST, data, "message")
        if isinstance(loose, SpanError):
            yield refused(loose.code, loose.reason)
            return
        for part in loose.resource_spans:
            yield from resource_spans(part)
        return
    for part in parts:
        yield from _whole(part)


def resource_spans(data: bytes) -> Iterator[Found]:
    """Return the spans of one ResourceSpans."""
    try:
        part = wire.RESOURCE_SPANS.FromString(data)
    except DecodeError:
        yield from _apart(data)
        return
    yield from _whole(part)


def _whole(part: Any) -> Iterator[Found]:
    groups = part.scope_spans
    if part.instrumentation_library_spans:
        groups = (*groups, *part.instrumentation_library_spans)
    if not _is_traces(span for group in groups for span in group.spans):
        yield refused("not_traces", _NOT_TRACES)
        return
    resource = Resource(part.resource.attributes)
    for group in groups:
        scope = Scope(group.scope.name, group.scope.version)
        for span in group.spans:
            yield Found(_span(span), scope, resource)


def _apart(data: bytes) -> Iterator[Found]:
    part = _parsed(wire.LOOSE_RESOURCE_SPANS, data, "resource_spans")
    resource = part if isinstance(part, SpanError) else _parsed(wire.RESOURCE, part.resource, "resource")
    if isinstance(resource, SpanError):
        yield refused(resource.code, resource.reason)
        return
    pieces = (*part.scope_spans, *part.instrumentation_library_spans)
    groups = [_parsed(wire.LOOSE_SCOPE_SPANS, piece, "scope_spans") for piece in pieces]
    outlines = (
        outline
        for group in groups
        if not isinstance(group, SpanError)
        for span in group.spans
        if not isinstance(outline := _parsed(wire.OUTLINE, span, "span"), SpanError)
    )
    if not _is_traces(outlines):
        yield refused("not_traces", _NOT_TRACES)
        return
    yield from _groups_apart(groups, Resource(resource.attributes))


def _groups_apart(groups: Iterable[Any], resource: Resource) -> Iterator[Found]:
    for group in groups:
        named = group if isinstance(group, SpanError) else _parsed(wire.SCOPE, group.scope, "scope")
        if isinstance(named, SpanError):
            yield refused(named.code, named.reason)
            continue
        scope = Scope(named.name, named.version)
        for data in group.spans:
            yield Found(read_span(data), scope, resource)


def _is_traces(spans: Iterable[Any]) -> bool:
    """Whether any span looks like one, or there is none: logs and metrics have the same frame around them."""
    seen = False
    for span in spans:
        seen = True
        if span.start_time_unix_nano or span.end_time_unix_nano:
            return True
        if len(span.trace_id) == 16 and len(span.span_id) == 8:
            return True
    return not seen


def _parsed(message: Any, data: bytes, what: str) -> Any:
    """Return the message in some bytes, or why there is none."""
    try:
        return message.FromString(data)
    except DecodeError:
        return SpanError("wrong_shape", f"The {what}, {len(data)} bytes, cannot be read as protobuf of OTLP")


def _span(span: Any) -> Span:
    """Return a span with its attributes as they are in the message: each is read when it is wanted."""
    return Span(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.trace_state,
        span.name,
        span.kind,
        span.start_time_unix_nano or None,
        span.end_time_unix_nano or None,
        span.attributes,
        _events(span.events) if span.events else msgspec.Raw(b""),
        span.status,
    )


def read_span(data: bytes) -> Span | SpanError:
    """Return the span in some bytes, or why there is none."""
    span = _parsed(wire.SPAN, data, "span")
    return span if isinstance(span, SpanError) else _span(span)


def _events(events: Iterable[bytes]) -> msgspec.Raw:
    """Return the events that carry the class of an exception, as JSON of OTLP."""
    return exception_events(name for event in events if _EXCEPTION in event for name in _classes(event))


def _classes(event: bytes) -> Iterator[str]:
    parsed = _parsed(wire.EVENT, event, "event")
    if isinstance(parsed, SpanError):
        return
    for pair in parsed.attributes:
        if pair.key == "exception.type" and isinstance(name := _value(pair.value), str):
            yield name


def _value(data: bytes) -> Any:
    try:
        return wire.any_value(data)
    except (ValueError, RecursionError):
        return None


def exception_events(classes: Iterable[str]) -> msgspec.Raw:
    """Return events with these classes of exceptions, as JSON of OTLP."""
    events = [{"attributes": [{"key": "exception.type", "value": {"stringValue": name}}]} for name in classes]
    return msgspec.Raw(msgspec.json.encode(events))
