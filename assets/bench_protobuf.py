"""The spans of a JSON dump in protobuf, as the collector's file exporter writes them.

Before each message stand four bytes, big-endian, with its length.
Source: opentelemetry-collector-contrib, exporter/fileexporter/file_writer.go.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from assets.bench_measure import tool

_READ: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "stringValue": ("string_value", str),
    "intValue": ("int_value", int),
    "doubleValue": ("double_value", float),
    "arrayValue": ("array_value", lambda found: {"values": [_value(item) for item in found["values"]]}),
}


def write_frames(dump: Path, path: Path) -> int:
    """Write the requests of a dump of one request a line; return the bytes.

    Raises:
        ConfigError: opentelemetry-proto is not installed.
    """
    request, size = _request(), 0
    with dump.open("rb") as lines, path.open("wb") as file:
        for line in lines:
            parts = [_part(part) for part in msgspec.json.decode(line)["resourceSpans"]]
            message = request(resource_spans=parts).SerializeToString()
            size += file.write(len(message).to_bytes(4, "big") + message)
    return size


def messages(path: Path) -> Iterator[Any]:
    """Yield the parsed requests of a file that `write_frames` wrote."""
    request = _request()
    with path.open("rb") as file:
        while size := file.read(4):
            yield request.FromString(file.read(int.from_bytes(size, "big")))


def _request() -> Any:
    service = tool("opentelemetry.proto.collector.trace.v1.trace_service_pb2", "opentelemetry-proto")
    return service.ExportTraceServiceRequest


def _part(part: dict[str, Any]) -> dict[str, Any]:
    scoped = [
        {"scope": group["scope"], "spans": [_span(span) for span in group["spans"]]}
        for group in part["scopeSpans"]
    ]
    return {"resource": {"attributes": _pairs(part["resource"]["attributes"])}, "scope_spans": scoped}


def _span(span: dict[str, Any]) -> dict[str, Any]:
    return {
        "trace_id": bytes.fromhex(span["traceId"]),
        "span_id": bytes.fromhex(span["spanId"]),
        "parent_span_id": bytes.fromhex(span["parentSpanId"]),
        "flags": span["flags"],
        "name": span["name"],
        "kind": span["kind"],
        "start_time_unix_nano": int(span["startTimeUnixNano"]),
        "end_time_unix_nano": int(span["endTimeUnixNano"]),
        "attributes": _pairs(span["attributes"]),
        "status": span["status"],
    }


def _pairs(pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"key": pair["key"], "value": _value(pair["value"])} for pair in pairs]


def _value(value: dict[str, Any]) -> dict[str, Any]:
    ((kind, found),) = value.items()
    name, read = _READ[kind]
    return {name: read(found)}
