"""Rows of `otel_traces`, the table of the collector's ClickHouse exporter, as spans.

All values of attributes are text there, arrays as JSON; the JSON variant of the table nests attributes by the
dots of their names. Old tables have no scope columns and put the scope among the attributes.
Source: opentelemetry-collector-contrib, exporter/clickhouseexporter/internal/sqltemplates (traces_table.sql,
traces_json_table.sql); what the three file formats look like was seen on ClickHouse 26.9.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from msgspec import Raw, Struct

from pipeline.intake.readers import SpanError, from_json
from pipeline.otlp import Found, Resource, Scope, Span, Status
from pipeline.traces.clickhouse_text import quoted, text_pairs
from pipeline.traces.format import refused
from pipeline.traces.messages import exception_events

COLUMNS = {
    "timestamp": "Timestamp",
    "trace_id": "TraceId",
    "span_id": "SpanId",
    "parent_span_id": "ParentSpanId",
    "trace_state": "TraceState",
    "name": "SpanName",
    "kind": "SpanKind",
    "resource": "ResourceAttributes",
    "attributes": "SpanAttributes",
    "duration": "Duration",
    "status": "StatusCode",
    "service": "ServiceName",
    "scope_name": "ScopeName",
    "scope_version": "ScopeVersion",
    "event_attributes": "Events.Attributes",
}
OPTIONAL = frozenset(("service", "scope_name", "scope_version", "event_attributes"))
"""What older tables lack, or what only helps."""
MARKS = ("Timestamp", "TraceId", "SpanId")
"""Columns that tell the table."""
EXPORT_ALL = "Export the whole table: `select * from otel_traces`."

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_UNIX = re.compile(r"(\d{9,11})(?:\.(\d{1,9}))?", re.ASCII)
_DIGITS = re.compile(r"-?\d{1,20}", re.ASCII)
_SCOPE_NAMES = ("otel.scope.name", "otel.library.name")
_SCOPE_VERSIONS = ("otel.scope.version", "otel.library.version")


class TraceRow(Struct, gc=False, rename=COLUMNS):
    """A row; null is a column that the file does not have."""

    timestamp: int | str | None = None
    """Nanoseconds, or text without a zone in UTC."""
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    trace_state: str | None = None
    name: str | None = None
    kind: str | None = None
    resource: Any = None
    attributes: Any = None
    """A dictionary, pairs, or either as text."""
    duration: int | str | None = None
    status: str | None = None
    service: str | None = None
    scope_name: str | None = None
    scope_version: str | None = None
    event_attributes: Any = None


class Pair(Struct, gc=False):
    """An attribute whose value is read already."""

    key: str
    value: Any


class Rows:
    """Makes spans of rows; neighbours from one resource share it."""

    def __init__(self) -> None:
        self._told: tuple[Any, str | None] = (None, None)
        self._resource = Resource()

    def found(self, row: TraceRow) -> Found:
        """Return the span of a row, or why there is none."""
        try:
            return self._found(row)
        except SpanError as error:
            return refused(error.code, error.reason)

    def _found(self, row: TraceRow) -> Found:
        missing = [COLUMNS[name] for name in _REQUIRED if getattr(row, name) is None]
        if missing:
            raise SpanError("missing_column", f"The row has no {', '.join(missing)}")
        attributes = pairs(row.attributes, "SpanAttributes")
        start = nanoseconds(row.timestamp)
        span = Span(
            row.trace_id,
            row.span_id,
            row.parent_span_id,
            row.trace_state,
            row.name,
            row.kind,
            start,
            start + _duration(row.duration),
            attributes,  # type: ignore[arg-type]  # read where an Attribute is
            _events(row.event_attributes) if row.event_attributes else Raw(b""),
            Status(row.status),
        )
        return Found(span, _scope(row, attributes), self._resource_of(row))

    def _resource_of(self, row: TraceRow) -> Resource:
        told = (row.resource, row.service)
        if told != self._told:
            attributes = pairs(row.resource, "ResourceAttributes")
            if row.service and all(pair.key != "service.name" for pair in attributes):
                attributes.append(Pair("service.name", row.service))
            self._told, self._resource = told, Resource(attributes)  # type: ignore[arg-type]
        return self._resource


_REQUIRED = tuple(name for name in COLUMNS if name not in OPTIONAL)


def missing_columns(names: Iterable[str]) -> list[str]:
    """Return the columns without which the rows of a file are no spans."""
    present = set(names)
    return [COLUMNS[name] for name in _REQUIRED if COLUMNS[name] not in present]


def pairs(value: Any, column: str) -> list[Pair]:
    """Return the attributes in a cell: a map or a JSON object, decoded or as text."""
    if isinstance(value, str):
        value = text_pairs(value)
    if isinstance(value, dict):
        return list(_flat(value, ""))
    if not isinstance(value, list):
        raise SpanError("wrong_shape", f"The cell in {column} holds no attributes")
    return [Pair(key, _listed(item) if item and item[0] == "[" else item) for key, item in value]


def _flat(value: dict[str, Any], prefix: str) -> Iterator[Pair]:
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _flat(item, f"{prefix}{key}.")
        else:
            yield Pair(prefix + key, _listed(item) if isinstance(item, str) and item[:1] == "[" else item)


def _listed(text: str) -> Any:
    """Return a list that was written as text, of scalars; messages stay text, as SDKs write them."""
    if text[1:2] in ("{", "["):
        return text
    items = from_json(text, list[str | int | float | bool])
    return text if items is None else items


def nanoseconds(value: Any) -> int:
    """Return an instant in nanoseconds."""
    if isinstance(value, int):
        return value
    if match := _TIME.fullmatch(value):
        day, clock, fraction, zone = match.groups()
        return _seconds(f"{day}T{clock}{zone or ''}") * 10**9 + int((fraction or "").ljust(9, "0"))
    if match := _UNIX.fullmatch(value):
        return int(match[1]) * 10**9 + int((match[2] or "").ljust(9, "0"))
    raise SpanError("bad_time", "The Timestamp is not a date and time")


@lru_cache(maxsize=4096)
def _seconds(text: str) -> int:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise SpanError("bad_time", "The Timestamp is not a date and time") from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def _duration(value: Any) -> int:
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if not isinstance(value, int):
        raise SpanError("bad_time", "The Duration is not a number of nanoseconds")
    return value


def _scope(row: TraceRow, attributes: list[Pair]) -> Scope:
    if row.scope_name is not None:
        return Scope(row.scope_name, row.scope_version)
    held = {pair.key: pair.value for pair in attributes if pair.key in (*_SCOPE_NAMES, *_SCOPE_VERSIONS)}
    name, version = (
        next((held[key] for key in keys if key in held), None) for keys in (_SCOPE_NAMES, _SCOPE_VERSIONS)
    )
    return Scope(name, version)


def _events(value: Any) -> Raw:
    if isinstance(value, str):
        if "exception" not in value:
            return Raw(b"")
        value = _quoted_events(value)
    if not isinstance(value, list):
        return Raw(b"")
    found = (
        pair.value
        for event in value
        for pair in pairs(event, "Events.Attributes")
        if pair.key == "exception.type"
    )
    return exception_events(name for name in found if isinstance(name, str))


def _quoted_events(text: str) -> list[Any]:
    """Return the attributes of events in a cell of CSV: an array of maps, or of JSON texts."""
    strings = quoted(text)
    if strings and strings[0].startswith("{"):
        return strings
    return [list(zip(strings[::2], strings[1::2], strict=False))]
