"""`otel_traces` as JSON lines: `select * from otel_traces format JSONEachRow`."""

import io
import re
from collections.abc import Iterator

import msgspec

from pipeline.content import MAX_LINE_BYTES, Content, Line, read_lines
from pipeline.otlp import Found
from pipeline.traces.clickhouse_rows import COLUMNS, MARKS, Rows, TraceRow
from pipeline.traces.format import Record, TraceFormat, refused

_ROW = msgspec.json.Decoder(TraceRow)
_FIRST_KEY = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"([\w.]+)"\s*:')
_NAMES = frozenset(name.encode() for name in COLUMNS.values())


def is_json_rows(head: bytes) -> bool:
    """Whether this starts with a row: its first key is a column, and the telling ones are there."""
    first = _FIRST_KEY.match(head)
    return first is not None and first[1] in _NAMES and all(f'"{name}":'.encode() in head for name in MARKS)


def _records(content: Content, stream: io.BufferedReader) -> Iterator[Record]:
    rows = Rows()
    for line in read_lines(content, stream):
        if line.data or line.size_bytes > MAX_LINE_BYTES:
            yield line, [_found(rows, line)]


def _found(rows: Rows, line: Line) -> Found:
    data, size = line.data, line.size_bytes
    if not data:
        reason = f"The line has {size} bytes; {MAX_LINE_BYTES} is the most that is read"
        return refused("line_too_long", reason)
    try:
        return rows.found(_row(data))
    except msgspec.ValidationError as error:
        return refused("wrong_shape", f"The line is no row of otel_traces: {error}")
    except msgspec.DecodeError as error:
        if "truncated" in str(error):
            return refused("truncated", f"The row stops in the middle after {len(data)} bytes")
        return refused("not_json", f"The line is not JSON: {error}")
    except RecursionError:
        return refused("nested_too_deep", "The row is nested too deeply to be read")


def _row(data: bytes) -> TraceRow:
    try:
        return _ROW.decode(data)
    except UnicodeDecodeError:  # a String of ClickHouse holds any bytes
        return _ROW.decode(data.decode("utf-8", "replace"))


CLICKHOUSE_JSON = TraceFormat("clickhouse_json", is_json_rows, _records)
