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
    text = content.decode("utf-8-sig", "surrogateescape")
    may_be_invalid = _INVALID.search(text) is not None
    found = (record for record in _records(text) if record.cells or record.problem)
    header = tuple(cell.strip().lower() for cell in next(found, Record(0, [])).cells)
    result = Sheet(header, [], [], [])
    for record in found:
        problem = record.problem or _problem(record.cells, len(header), may_be_invalid)
        if problem:
            result.rejects.append(Reject(record.line, 0, None, *problem, _ADVICE))
        else:
            result.lines.append(record.line)
            result.cells.append(record.cells)
    return result


def _problem(cells: list[str], width: int, may_be_invalid: bool) -> tuple[str, str] | None:
    if len(cells) != width:
        return "bad_line", f"The line has {len(cells)} cells, the header {width}."
    if may_be_invalid and any(_INVALID.search(cell) for cell in cells):
        return "invalid_utf8", "The text is not valid UTF-8."
    return None


def _records(text: str) -> Iterator[Record]:
    """Yield the records of a text; with a broken quote in it every line stands alone."""
    try:
        yield from list(_quoted(text))
    except csv.Error:
        for number, line in enumerate(text.split("\n"), 1):
            try:
                yield Record(number, next(csv.reader([line.rstrip("\r")], strict=True), []))
            except csv.Error as error:
                yield Record(number, [], ("bad_line", f"Not CSV: {error}."))


def _quoted(text: str) -> Iterator[Record]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    before = 0
    for cells in reader:
        yield Record(before + 1, cells)
        before = reader.line_num
