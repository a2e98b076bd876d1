"""Tables as CSV or Parquet, cell by cell as text: numbers keep their digits, absent cells are left out.

A double of Parquet is written with the shortest digits that give it back (0.1, not 0.1000000000000000055):
what its writer read, as far as a double can tell. Decimals and integers are exact.
"""

import csv
import io
import json
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import SourceError
from pipeline.parsing.csv_rows import sheet
from pipeline.provider import Reject

HEAD_BYTES = 64 * 1024
_BATCH_ROWS = 16 * 1024
_MAGIC = b"PAR1"
_NULLS = ("", "NULL", "null")
_LINE = "Correct the line, or export the file again."
_AGAIN = "The file may be cut off or damaged: export or copy it again."


class Cells(NamedTuple):
    """Column names in lower case; lines (in Parquet: rows) from 1 with cells by name; what is no line.

    Rows are read as they are asked for, once; `rejects` is whole when all of them are.
    """

    header: tuple[str, ...]
    rows: Iterator[tuple[int, dict[str, str]]]
    rejects: list[Reject]


def is_parquet(content: bytes) -> bool:
    """Return whether bytes start as a Parquet file does."""
    return content.startswith(_MAGIC)


def head_of(content: bytes) -> bytes:
    """Return what formats are detected by: the first 64 KiB, of Parquet the column names as a line of CSV.

    Raises:
        SourceError: the file starts as Parquet and is none.
    """
    if not is_parquet(content):
        return content[:HEAD_BYTES]
    return ",".join(_opened(content).schema_arrow.names).encode() + b"\n"


def cells(content: bytes, wanted: Collection[str]) -> Cells:
    """Return the wanted columns of a table; `NULL` and blanks are absent.

    What stands below a second header is refused: whether it repeats what stands above it cannot be told.
    """
    try:
        return _parquet(content, wanted) if is_parquet(content) else _csv(content, wanted)
    except SourceError as error:
        return Cells((), iter(()), [Reject(None, None, 0, error.code, error.reason, error.advice)])


def _csv(content: bytes, wanted: Collection[str]) -> Cells:
    if not _is_sound(content):
        lines = sheet(content)
        found = zip(lines.lines, lines.cells, strict=True)
        return Cells(lines.header, _picked(lines.header, found, wanted, lines.rejects), lines.rejects)
    reader = _reader(content)
    header = tuple(cell.strip().lower() for cell in next((cells for cells in reader if cells), []))
    rejects: list[Reject] = []
    return Cells(header, _picked(header, _numbered(reader), wanted, rejects), rejects)


def _reader(content: bytes) -> Any:
    """A reader that decodes as it goes: all of a file as text would take four times its size."""
    return csv.reader(io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline=""), strict=True)


def _is_sound(content: bytes) -> bool:
    """Whether the file is UTF-8 and every quote in it is closed; else lines must be told apart one by one."""
    try:
        for _ in _reader(content):
            pass
    except (csv.Error, UnicodeDecodeError):
        return False
    return True


def _numbered(reader: Any) -> Iterator[tuple[int, list[str]]]:
    before = reader.line_num
    for cells in reader:
        if cells:
            yield before + 1, cells
        before = reader.line_num


def _picked(
    header: tuple[str, ...],
    found: Iterable[tuple[int, list[str]]],
    wanted: Collection[str],
    rejects: list[Reject],
) -> Iterator[tuple[int, dict[str, str]]]:
    slots = [(slot, name) for slot, name in enumerate(header) if name in wanted]
    second: int | None = None
    for line, row in found:
        if second is None and _is_header(row, header):
            second = line
        if second is not None:
            rejects.append(_below(line, second))
        elif len(row) != len(header):
            reason = f"The line has {len(row)} cells, the header {len(header)}."
            rejects.append(Reject(line, 0, None, "bad_line", reason, _LINE))
        else:
            cells = ((name, row[slot].strip()) for slot, name in slots)
            yield line, {name: cell for name, cell in cells if cell not in _NULLS}


def _below(line: int, second: int) -> Reject:
    reason = f"The line stands at or below a second header, on line {second}: files were joined."
    advice = "Keep the files apart, as they were delivered; the lines above it were read."
    return Reject(line, 0, None, "second_header", reason, advice)


def _is_header(row: list[str], header: tuple[str, ...]) -> bool:
    return row[0].strip().lower() == header[0] and tuple(cell.strip().lower() for cell in row) == header


def _opened(content: bytes) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(io.BytesIO(content), coerce_int96_timestamp_unit="us")
    except (pa.ArrowException, OSError) as error:
        reason = f"The file starts as Parquet, but it cannot be opened ({type(error).__name__})."
        raise SourceError("broken_parquet", reason, _AGAIN) from None


def _parquet(content: bytes, wanted: Collection[str]) -> Cells:
    file = _opened(content)
    names = file.schema_arrow.names
    rejects: list[Reject] = []
    rows = _rows(file, [name for name in names if name.lower() in wanted], rejects)
    return Cells(tuple(name.lower() for name in names), enumerate(rows, start=1), rejects)


def _rows(file: pq.ParquetFile, names: list[str], rejects: list[Reject]) -> Iterator[dict[str, str]]:
    """Yield the rows batch by batch; where the file breaks, what is left of it is one reject."""
    read = 0
    try:
        for batch in file.iter_batches(_BATCH_ROWS, columns=names) if names else ():
            columns = [(name.lower(), _texts(batch.column(name))) for name in batch.schema.names]
            read += batch.num_rows
            for row in range(batch.num_rows):
                yield {name: cell for name, texts in columns if (cell := texts[row]) not in _NULLS}
    except (pa.ArrowException, OSError) as error:
        reason = f"The file breaks off or is damaged behind row {read} ({type(error).__name__})."
        rejects.append(Reject(read + 1, 0, None, "broken_parquet", reason, _AGAIN))


def _texts(column: pa.Array) -> list[str]:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    return [_text(value) for value in column.to_pylist()]


def _text(value: Any) -> str:
    """Return a value as a CSV would hold it; the empty string is none."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list) and all(isinstance(pair, tuple) for pair in value):
        value = dict(value)
    return json.dumps(value, default=str) if isinstance(value, list | dict) else repr(value)
