"""`otel_traces` as Parquet: `select * from otel_traces format Parquet`, or as another tool wrote it."""

import io
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.content import FREE_BYTES, MAX_RATIO, Content, Line
from pipeline.errors import SourceError
from pipeline.traces.clickhouse_rows import COLUMNS, EXPORT_ALL, Rows, TraceRow, missing_columns
from pipeline.traces.format import Record, TraceFormat, refused

_MAGIC = b"PAR1"
_BATCH_ROWS = 1024
_COPY = 1 << 20
_AGAIN = "Export the table again, and land again."
_MAPS = ("resource", "attributes")
_DAMAGED = (pa.ArrowException, OSError, ValueError)


def is_parquet(head: bytes) -> bool:
    """Whether this is a Parquet file; which table it holds is written at its end."""
    return head.startswith(_MAGIC)


def _records(content: Content, stream: io.BufferedReader) -> Iterator[Record]:
    with tempfile.TemporaryFile() as copy:  # its index is at its end, and the stream may be compressed
        size = 0
        while data := stream.read(_COPY):
            size += copy.write(data)
        if content.broken:
            return
        yield from _tables(_opened(copy, size))


def _opened(copy: BinaryIO | Any, size: int) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(copy, memory_map=False, pre_buffer=False)
    except _DAMAGED:
        raise SourceError(
            "truncated", f"The Parquet file, {size} bytes, is cut off or damaged at its end.", _AGAIN
        ) from None
    if missing := missing_columns(file.schema_arrow.names):
        raise SourceError("missing_column", f"The table has no {', '.join(missing)}.", EXPORT_ALL)
    groups = (file.metadata.row_group(i) for i in range(file.num_row_groups))
    claimed = sum(group.total_byte_size for group in groups)
    if claimed > FREE_BYTES + MAX_RATIO * size:
        raise SourceError(
            "broken_compression",
            f"The Parquet file, {size} bytes, grows to {claimed}: more than {MAX_RATIO} times as much.",
            _AGAIN,
        )
    return file


def _tables(file: pq.ParquetFile) -> Iterator[Record]:
    names = [name for name in COLUMNS.values() if name in file.schema_arrow.names]
    rows, number = Rows(), 0
    for index in range(file.num_row_groups):
        first, total = number, file.metadata.row_group(index).num_rows
        try:
            for batch in file.iter_batches(_BATCH_ROWS, row_groups=[index], columns=names, use_threads=False):
                for row in _rows(batch):
                    number += 1
                    yield Line(number, None, b"", 0), [rows.found(row)]
        except _DAMAGED:
            reason = f"Rows {number + 1} to {first + total}, in row group {index}, cannot be read"
            yield Line(number + 1, None, b"", 0), [refused("broken_rows", reason)]
            number = first + total


def _rows(batch: pa.RecordBatch) -> Iterator[TraceRow]:
    fields = [(field, name) for field, name in COLUMNS.items() if name in batch.schema.names]
    columns = [_values(field, batch.column(name)) for field, name in fields]
    names = [field for field, _ in fields]
    for values in zip(*columns, strict=True):
        yield TraceRow(**dict(zip(names, values, strict=True)))


def _values(field: str, array: Any) -> list[Any]:
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_timestamp(array.type):
        return list(array.cast(pa.timestamp("ns", array.type.tz)).cast(pa.int64()).to_pylist())
    if field in _MAPS and pa.types.is_map(array.type):
        return _maps(array)
    if _is_text(array.type):
        return _texts(array)
    return list(array.to_pylist())


def _maps(array: pa.MapArray) -> list[list[tuple[str, Any]]]:
    """Return the pairs of each map; null is none."""
    offsets = array.offsets.to_pylist()
    start, size = offsets[0], offsets[-1] - offsets[0]
    keys = _texts(array.keys.slice(start, size))
    items = array.items.slice(start, size)
    values = _texts(items) if _is_text(items.type) else items.to_pylist()
    pairs = list(zip(keys, values, strict=True))
    return [pairs[a - start : b - start] for a, b in pairwise(offsets)]


def _is_text(kind: pa.DataType) -> bool:
    text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(is_kind(kind) for is_kind in text)


def _texts(array: Any) -> list[Any]:
    """Return texts; a String of ClickHouse holds any bytes."""
    try:
        values = array.to_pylist()
    except UnicodeDecodeError:
        values = array.cast(pa.large_binary()).to_pylist()
    if values and any(isinstance(value, bytes) for value in values):
        return [value.decode("utf-8", "replace") if value is not None else None for value in values]
    return list(values)


CLICKHOUSE_PARQUET = TraceFormat("clickhouse_parquet", is_parquet, _records)
