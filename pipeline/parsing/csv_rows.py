"""CSV as people and tools write it: BOM, CRLF, quoted line breaks; one bad line never costs another."""

import csv
import io
import re
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.provider import Reject

_ADVICE = "Correct the line, or export the file again."
_INVALID = re.compile("[\udc80-\udcff]")


class Record(NamedTuple):
    """A line, or several that a quoted cell spans: number of the first, cells, and what is wrong."""

    line: int
    cells: list[str]
    problem: tuple[str, str] | None = None


class Sheet(NamedTuple):
    """The header in lower case, the records with as many cells as it, and the records that are none."""

    header: tuple[str, ...]
    lines: list[int]
    cells: list[list[str]]
    rejects: list[Reject]

    def rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield each line with its cells by column, stripped; blank ones are left out."""
        for line, cells in zip(self.lines, self.cells, strict=True):
            named = zip(self.header, cells, strict=True)
            yield line, {name: cell.strip() for name, cell in named if cell.strip()}


def header_of(head: bytes) -> frozenset[str]:
    """Return the column names of the first line, in lower case."""
    first = head.lstrip(b"\xef\xbb\xbf\r\n").split(b"\n", 1)[0].decode("utf-8", "replace")
    if first[:1] in ("{", "["):
        return frozenset()
    return frozenset(cell.strip().strip('"').lower() for cell in first.split(","))


def sheet(content: bytes) -> Sheet:
    """Return the records of a file; blank lines are skipped."""
    header, found = records(content)
    result = Sheet(header, [], [], [])
    for record in found:
        if isinstance(record, Reject):
            result.rejects.append(record)
        else:
            result.lines.append(record.line)
            result.cells.append(record.cells)
    return result


def records(content: bytes) -> tuple[tuple[str, ...], Iterator[Record | Reject]]:
    """Return the header in lower case, and one by one the records with as many cells, and what is none."""
    found = (record for record in _records(content) if record.cells or record.problem)
    header = tuple(cell.strip().lower() for cell in next(found, Record(0, [])).cells)
    return header, _checked(found, len(header), not _is_utf8(content))


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _checked(found: Iterator[Record], width: int, may_be_invalid: bool) -> Iterator[Record | Reject]:
    for record in found:
        problem = record.problem or _problem(record.cells, width, may_be_invalid)
        yield Reject(record.line, 0, None, *problem, _ADVICE) if problem else record


def _problem(cells: list[str], width: int, may_be_invalid: bool) -> tuple[str, str] | None:
    if len(cells) != width:
        return "bad_line", f"The line has {len(cells)} cells, the header {width}."
    if may_be_invalid and any(_INVALID.search(cell) for cell in cells):
        return "invalid_utf8", "The text is not valid UTF-8."
    return None


def _records(content: bytes) -> Iterator[Record]:
    """Yield the records of a file; with a broken quote in it every line stands alone."""
    if _is_well_quoted(content):
        yield from _quoted(content)
    else:
        text = content.decode("utf-8-sig", "surrogateescape")
        for number, line in enumerate(text.split("\n"), 1):
            try:
                yield Record(number, next(csv.reader([line.rstrip("\r")], strict=True), []))
            except csv.Error as error:
                yield Record(number, [], ("bad_line", f"Not CSV: {error}."))


def _lines(content: bytes) -> Iterator[str]:
    """The lines of a file, decoded as they are read: all of it as text would take four times its size."""
    return io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", "surrogateescape", newline="")


def _is_well_quoted(content: bytes) -> bool:
    try:
        for _ in csv.reader(_lines(content), strict=True):
            pass
    except csv.Error:
        return False
    return True


def _quoted(content: bytes) -> Iterator[Record]:
    reader = csv.reader(_lines(content), strict=True)
    before = 0
    for cells in reader:
        yield Record(before + 1, cells)
        before = reader.line_num
