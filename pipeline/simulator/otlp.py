"""Spans in the JSON that OpenTelemetry's collector writes to files.

Integers as text, `parentSpanId` empty on roots, `status` an empty object when unset.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from pipeline.simulator.calls import Record

INTERNAL, SERVER, CLIENT = 1, 2, 3
"""Span kinds."""


class Scope(NamedTuple):
    """Instrumentation scope."""

    name: str
    version: str = ""
    schema_url: str = ""


@dataclass(slots=True)
class Span:
    """A finished span on its way to the collector."""

    service: str
    environment: str
    scope: Scope
    ended: int
    body: bytes
    """As JSON."""
    record: Record | None = None
    """What it tells of a call; none on spans that are no call's."""


class Place(NamedTuple):
    """Where a span stands in its trace, and when."""

    trace_id: str
    span_id: str
    parent_id: str
    started: int
    ended: int


class Face(NamedTuple):
    """What a span shows."""

    name: str
    kind: int
    attributes: Mapping[str, Any]
    status: dict[str, Any]
    events: tuple[dict[str, Any], ...] = ()


def body(place: Place, face: Face, trace_state: str = "") -> bytes:
    """Return the JSON of a span; attributes without a value are left out."""
    span: dict[str, Any] = {
        "traceId": place.trace_id,
        "spanId": place.span_id,
        "parentSpanId": place.parent_id,
        "flags": 256,
        "name": face.name,
        "kind": face.kind,
        "startTimeUnixNano": str(place.started),
        "endTimeUnixNano": str(place.ended),
        "attributes": attributes(face.attributes),
        "status": face.status,
    }
    if face.events:
        span["events"] = list(face.events)
    if trace_state:
        span["traceState"] = trace_state
    return msgspec.json.encode(span)


def attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a list of key and typed value."""
    return [
        {"key": key, "value": {"stringValue": value} if type(value) is str else _value(value)}
        for key, value in values.items()
        if value is not None
    ]


def status(code: int, message: str = "") -> dict[str, Any]:
    """Return a status; unset is an empty object."""
    if code == 0:
        return {}
    return {"message": message, "code": code} if message else {"code": code}


def exception(at: int, kind: str) -> dict[str, Any]:
    """Return the event that records an exception, with a text that nobody should keep."""
    told = {"exception.type": kind, "exception.message": "Request failed: made-up detail 4711."}
    return {"timeUnixNano": str(at), "name": "exception", "attributes": attributes(told)}


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"arrayValue": {"values": [_value(item) for item in value]}}
