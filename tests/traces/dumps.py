"""The same requests as every format writes them: protobuf by the official messages, tables as ClickHouse 26.9 does."""

import base64
import csv
import io
import json
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

Request = dict[str, Any]

KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
STATUSES = ("Unset", "Ok", "Error")
_IDS = {"traceId", "spanId", "parentSpanId"}
_MAP = pa.map_(pa.string(), pa.string())
_TIME = pa.timestamp("ns", "UTC")
COLUMNS: dict[str, pa.DataType] = {
    "Timestamp": _TIME,
    "TraceId": pa.string(),
    "SpanId": pa.string(),
    "ParentSpanId": pa.string(),
    "TraceState": pa.string(),
    "SpanName": pa.string(),
    "SpanKind": pa.string(),
    "ServiceName": pa.string(),
    "ResourceAttributes": _MAP,
    "ScopeName": pa.string(),
    "ScopeVersion": pa.string(),
    "SpanAttributes": _MAP,
    "Duration": pa.uint64(),
    "StatusCode": pa.string(),
    "StatusMessage": pa.string(),
    "Events.Timestamp": pa.list_(_TIME),
    "Events.Name": pa.list_(pa.string()),
    "Events.Attributes": pa.list_(_MAP),
    "Links.TraceId": pa.list_(pa.string()),
    "Links.SpanId": pa.list_(pa.string()),
    "Links.TraceState": pa.list_(pa.string()),
    "Links.Attributes": pa.list_(_MAP),
}


def message(request: Request) -> bytes:
    """A request in protobuf; ids are hex in OTLP/JSON and base64 in protobuf's own JSON."""
    return json_format.ParseDict(_with_base64(request), ExportTraceServiceRequest()).SerializeToString()


def _with_base64(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _with_base64(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_base64(item) for item in value]
    return base64.b64encode(bytes.fromhex(value)).decode() if key in _IDS else value


def framed(messages: Sequence[bytes]) -> bytes:
    return b"".join(struct.pack(">I", len(data)) + data for data in messages)


def otlp_json(requests: Sequence[Request]) -> bytes:
    return b"".join(json.dumps(request).encode() + b"\n" for request in requests)


def otlp_proto(requests: Sequence[Request]) -> bytes:
    return b"".join(map(message, requests))


def otlp_frames(requests: Sequence[Request]) -> bytes:
    return framed([message(request) for request in requests])


def otlp_frames_zstd(requests: Sequence[Request]) -> bytes:
    return framed([zstandard.compress(message(request)) for request in requests])


def otlp_frames_json_zstd(requests: Sequence[Request]) -> bytes:
    return framed([zstandard.compress(json.dumps(request).encode()) for request in requests])


def rows(requests: Sequence[Request]) -> list[dict[str, Any]]:
    """Rows of `otel_traces`, times in nanoseconds, as the exporter fills them."""
    return [
        _row(span, group.get("scope", {}), part.get("resource", {}))
        for request in requests
        for part in request["resourceSpans"]
        for group in part["scopeSpans"]
        for span in group["spans"]
    ]


def _row(span: dict[str, Any], scope: dict[str, Any], resource: dict[str, Any]) -> dict[str, Any]:
    surroundings, start = _map(resource.get("attributes", [])), int(span["startTimeUnixNano"])
    events = span.get("events", [])
    status = span.get("status", {})
    return {
        "Timestamp": start,
        "TraceId": span["traceId"],
        "SpanId": span["spanId"],
        "ParentSpanId": span.get("parentSpanId", ""),
        "TraceState": span.get("traceState", ""),
        "SpanName": span["name"],
        "SpanKind": KINDS[span.get("kind", 0)],
        "ServiceName": surroundings.get("service.name", ""),
        "ResourceAttributes": surroundings,
        "ScopeName": scope.get("name", ""),
        "ScopeVersion": scope.get("version", ""),
        "SpanAttributes": _map(span["attributes"]),
        "Duration": int(span["endTimeUnixNano"]) - start,
        "StatusCode": STATUSES[status.get("code", 0)],
        "StatusMessage": status.get("message", ""),
        "Events.Timestamp": [int(event["timeUnixNano"]) for event in events],
        "Events.Name": [event.get("name", "") for event in events],
        "Events.Attributes": [_map(event.get("attributes", [])) for event in events],
        **{name: [] for name in COLUMNS if name.startswith("Links.")},
    }


def _map(pairs: list[dict[str, Any]]) -> dict[str, str]:
    return {pair["key"]: _text(pair["value"]) for pair in pairs}


def _text(value: dict[str, Any]) -> str:
    """A value as pdata's AsString writes it."""
    plain = _plain(value)
    if isinstance(plain, str):
        return plain
    return json.dumps(plain, separators=(",", ":"))


def _plain(value: dict[str, Any]) -> Any:
    ((kind, held),) = value.items()
    if kind == "arrayValue":
        return [_plain(item) for item in held.get("values", [])]
    return int(held) if kind == "intValue" else held


def _clock(nanoseconds: int) -> str:
    day = datetime.fromtimestamp(nanoseconds // 10**9, UTC)
    return f"{day:%Y-%m-%d %H:%M:%S}.{nanoseconds % 10**9:09d}"


def _with_clock(row: dict[str, Any]) -> dict[str, Any]:
    times = [_clock(at) for at in row["Events.Timestamp"]]
    return row | {"Timestamp": _clock(row["Timestamp"]), "Events.Timestamp": times}


def clickhouse_json(requests: Sequence[Request]) -> bytes:
    lines = (json.dumps(_with_clock(row), separators=(",", ":")) for row in rows(requests))
    return b"".join(line.replace("/", "\\/").encode() + b"\n" for line in lines)


def clickhouse_json_typed(requests: Sequence[Request]) -> bytes:
    """The variant of the table with JSON columns, which nests by the dots of names where it can."""
    out = b""
    for row in rows(requests):
        nested = {name: _nested(row[name]) for name in ("ResourceAttributes", "SpanAttributes")}
        nested["Events.Attributes"] = [_nested(event) for event in row["Events.Attributes"]]
        out += json.dumps(_with_clock(row) | nested | {"Duration": str(row["Duration"])}).encode() + b"\n"
    return out


def _nested(flat: dict[str, str]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in sorted(flat.items()):
        *path, last = key.split(".")
        place = nested
        for name in path:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                break
        if not isinstance(place, dict) or last in place:
            nested[key] = value
        else:
            place[last] = value
    return nested


def _quoted(text: str) -> str:
    escapes = {
        "\\": "\\\\",
        "'": "\\'",
        "\n": "\\n",
        "\t": "\\t",
        "\r": "\\r",
        "\b": "\\b",
        "\f": "\\f",
        "\0": "\\0",
    }
    return "'" + "".join(escapes.get(char, char) for char in text) + "'"


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ",".join(_quoted(item) if isinstance(item, str) else _cell(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(key)}:{_quoted(item)}" for key, item in value.items()) + "}"
    return str(value)


def clickhouse_csv(requests: Sequence[Request]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows(requests):
        cells = {
            name: value if name == "Duration" else _cell(value) for name, value in _with_clock(row).items()
        }
        writer.writerow(cells.values())
    return out.getvalue().encode()


def clickhouse_parquet(requests: Sequence[Request], **options: Any) -> bytes:
    told = rows(requests)
    columns = {name: pa.array([_pairs(row[name]) for row in told], kind) for name, kind in COLUMNS.items()}
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, store_schema=False, **options)
    return out.getvalue()


def _pairs(value: Any) -> Any:
    if isinstance(value, list):
        return [_pairs(item) for item in value]
    return list(value.items()) if isinstance(value, dict) else value


BUILDERS: dict[str, tuple[str, Callable[[Sequence[Request]], bytes]]] = {
    "json": ("otlp_json", otlp_json),
    "proto": ("otlp_proto", otlp_proto),
    "frames": ("otlp_frames", otlp_frames),
    "frames_zstd": ("otlp_frames", otlp_frames_zstd),
    "frames_json_zstd": ("otlp_frames", otlp_frames_json_zstd),
    "parquet": ("clickhouse_parquet", clickhouse_parquet),
    "csv": ("clickhouse_csv", clickhouse_csv),
    "json_rows": ("clickhouse_json", clickhouse_json),
    "json_rows_typed": ("clickhouse_json", clickhouse_json_typed),
}
"""Format of each dump, and how it is written."""
