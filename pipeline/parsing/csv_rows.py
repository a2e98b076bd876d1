"""CSV as people and tools write it: BOM, CRLF, quoted line breaks, commas, semicolons or tabs.

One bad line never costs another.
"""

import csv
import io
import re
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.provider import Reject

_ADVICE = "Correct the line, or export the file again."
_INVALID = re.compile("[\udc80-\udcff]")
_DELIMITERS = ",;\t"

csv.field_size_limit(2**31 - 1)  # a cell of a request log may hold a whole prompt; its size is the file's


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
    delimiter: str = ","

    def rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield each line with its cells by column, stripped; blank ones are left out."""
        for line, cells in zip(self.lines, self.cells, strict=True):
            named = zip(self.header, cells, strict=True)
            yield line, {name: cell.strip() for name, cell in named if cell.strip()}


def header_of(head: bytes) -> frozenset[str]:
    """Return the column names of the first line, in lower case."""
    first = _first_line(head.lstrip(b"\xef\xbb\xbf\r\n").decode("utf-8", "replace"))
    if first[:1] in ("{", "["):
        return frozenset()
    return frozenset(cell.strip().strip('"').lower() for cell in first.split(_delimiter(first)))


def _first_line(text: str) -> str:
    return text.lstrip("\r\n").split("\n", 1)[0]


def _delimiter(header: str) -> str:
    """What the header holds most of; the comma where it holds none."""
    return max(_DELIMITERS, key=header.count)


def sheet(content: bytes) -> Sheet:
    """Return the records of a file; blank lines are skipped."""
    text = content.decode("utf-8-sig", "surrogateescape")
    may_be_invalid = _INVALID.search(text) is not None
    delimiter = _delimiter(_first_line(text))
    found = (record for record in _records(text, delimiter) if record.cells or record.problem)
    header = tuple(cell.strip().lower() for cell in next(found, Record(0, [])).cells)
    result = Sheet(header, [], [], [], delimiter)
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


def _records(text: str, delimiter: str) -> Iterator[Record]:
    """Yield the records of a text; where quotes do not close, the line is refused and the next one read."""
    lines = io.StringIO(text, newline="").readlines()
    start = 0
    while start < len(lines):
        rest = map(lines.__getitem__, range(start, len(lines)))
        reader = csv.reader(rest, strict=True, delimiter=delimiter)
        before = 0
        try:
            for cells in reader:
                yield Record(start + before + 1, cells)
                before = reader.line_num
        except csv.Error as error:
            yield Record(start + before + 1, [], ("bad_line", f"Not CSV: {error}."))
            start += before + 1
        else:
            return
