"""`otel_traces` as CSV with a header: `select * from otel_traces format CSVWithNames`."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from pipeline.content import MAX_LINE_BYTES, Content, Line, skip_line
from pipeline.errors import SourceError
from pipeline.otlp import Found
from pipeline.parsing.csv_rows import header_of
from pipeline.traces.clickhouse_rows import COLUMNS, EXPORT_ALL, MARKS, Rows, TraceRow, missing_columns
from pipeline.traces.format import Record, TraceFormat, refused

csv.field_size_limit(MAX_LINE_BYTES)  # a prompt easily passes the default of 128 KiB
_MARKS = frozenset(name.lower() for name in MARKS)


def is_csv_rows(head: bytes) -> bool:
    """Whether the first line is a header with the telling columns."""
    return header_of(head) >= _MARKS


def _records(content: Content, stream: io.BufferedReader) -> Iterator[Record]:
    table = _Table(content, stream)
    yield from table.records()


class _Lines:
    """Lines of a file for the CSV reader, which may ask for several to fill a record."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self._number, self._offset = 0, 0
        self.taken: list[Line] = []
        """Lines since the last record."""
        self.ended = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        data = self._stream.readline(MAX_LINE_BYTES + 1)
        if not data:
            self.ended = True
            raise StopIteration
        self._number += 1
        size = len(data)
        if size > MAX_LINE_BYTES:
            size += 0 if data.endswith(b"\n") else skip_line(self._stream)
            data = b""
        self.taken.append(Line(self._number, self._offset, data, size))
        self._offset += size
        if sum(line.size_bytes for line in self.taken) > MAX_LINE_BYTES:
            raise csv.Error(f"a record of more than {MAX_LINE_BYTES} bytes")
        return data.decode("utf-8-sig" if self._number == 1 else "utf-8", "replace")


class _Table:
    """A header, and rows below it that are read one by one."""

    def __init__(self, content: Content, stream: io.BufferedReader) -> None:
        self._content = content
        self._lines = _Lines(stream)
        self._rows = Rows()
        self._places: list[tuple[str, int]] = []
        self._width = 0

    def records(self) -> Iterator[Record]:
        reader = csv.reader(self._lines, strict=True)
        try:
            self._read_header(next(reader, []))
        except csv.Error as error:
            raise SourceError("bad_header", f"The header is not CSV: {error}.", EXPORT_ALL) from None
        while True:
            self._lines.taken = []
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield from self._apart(str(error))
                continue
            taken = self._lines.taken
            if len(taken) > 1 and len(cells) != self._width:
                yield from self._apart("")
            elif cells:
                yield from self._record(taken[0], taken[-1], cells)

    def _read_header(self, names: list[str]) -> None:
        names = [name.strip() for name in names]
        if missing := missing_columns(names):
            raise SourceError("missing_column", f"The table has no {', '.join(missing)}.", EXPORT_ALL)
        self._places = [(field, names.index(name)) for field, name in COLUMNS.items() if name in names]
        self._width = len(names)

    def _apart(self, problem: str) -> Iterator[Record]:
        """Read each line alone where a quote is broken, so that it costs no other."""
        lines = self._lines.taken
        read = [(line, _cells(line)) for line in lines]
        ends = self._lines.ended or self._is_cut(lines[-1])
        if ends and lines[-1].data and not any(len(cells) == self._width for _, cells in read):
            yield from self._truncated(lines[0], sum(line.size_bytes for line in lines))
            return
        for line, cells in read:
            if not line.data:
                reason = f"The line has {line.size_bytes} bytes; {MAX_LINE_BYTES} is the most that is read"
                yield line, [refused("line_too_long", reason)]
            elif cells:
                yield from self._record(line, line, cells)
            elif self._is_cut(line):
                yield from self._truncated(line, line.size_bytes)
            else:
                yield line, [refused("bad_line", f"The line is not CSV{': ' if problem else ''}{problem}")]

    def _truncated(self, line: Line, size: int) -> Iterator[Record]:
        if not self._content.broken:
            yield (
                line,
                [
                    refused(
                        "truncated", f"The last row stops in the middle, or has no end, after {size} bytes"
                    )
                ],
            )

    def _is_cut(self, line: Line) -> bool:
        return not line.data.endswith(b"\n")

    def _record(self, first: Line, last: Line, cells: list[str]) -> Iterator[Record]:
        if self._is_cut(last) and not (len(cells) == self._width and last.data.endswith(b'"')):
            yield from self._truncated(first, last.size_bytes)
        elif len(cells) != self._width:
            reason = f"The line has {len(cells)} cells, the header {self._width}"
            yield first, [refused("bad_line", reason)]
        else:
            yield first, [self._found(cells)]

    def _found(self, cells: list[str]) -> Found:
        held: dict[str, Any] = {field: cells[at] for field, at in self._places}
        return self._rows.found(TraceRow(**held))


def _cells(line: Line) -> list[str]:
    """Return the cells of a line that stands alone; none, if it is not CSV."""
    try:
        return next(csv.reader([line.data.decode("utf-8", "replace")], strict=True), [])
    except csv.Error:
        return []


CLICKHOUSE_CSV = TraceFormat("clickhouse_csv", is_csv_rows, _records)
