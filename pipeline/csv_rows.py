"""CSV as people and tools write it: BOM, CRLF, quoted line breaks; one bad line never costs another."""

import csv
import io
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.provider import Reject

_ADVICE = "Correct the line, or export the file again."


class Sheet(NamedTuple):
    """The header in lower case, the lines as cells by column, and the lines that are none."""

    header: tuple[str, ...]
    rows: list[tuple[int, dict[str, str]]]
    rejects: list[Reject]


def header_of(head: bytes) -> frozenset[str]:
    """Return the column names of the first line, in lower case."""
    first = head.lstrip(b"\xef\xbb\xbf\r\n").split(b"\n", 1)[0].decode("utf-8", "replace")
    if first[:1] in ("{", "["):
        return frozenset()
    return frozenset(cell.strip().strip('"').lower() for cell in first.split(","))


def sheet(content: bytes) -> Sheet:
    """Return the lines of a file; cells are stripped, blank ones left out, blank lines skipped."""
    text = content.decode("utf-8-sig", "surrogateescape")
    lines = list(_lines(text))
    start = next((i for i, (_, cells, _) in enumerate(lines) if cells), len(lines))
    header = tuple(cell.strip().lower() for cell in lines[start][1]) if start < len(lines) else ()
    rows: list[tuple[int, dict[str, str]]] = []
    rejects: list[Reject] = []
    for number, cells, problem in lines[start + 1 :]:
        bad = problem or _problem(cells, len(header))
        if bad:
            rejects.append(Reject(number, 0, None, bad[0], bad[1], _ADVICE))
        elif cells:
            named = zip(header, cells, strict=False)
            rows.append((number, {name: cell.strip() for name, cell in named if cell.strip()}))
    return Sheet(header, rows, rejects)


def _problem(cells: list[str], width: int) -> tuple[str, str] | None:
    if cells and len(cells) != width:
        return "bad_line", f"The line has {len(cells)} cells, the header {width}."
    if any("\udc80" <= char <= "\udcff" for cell in cells if not cell.isascii() for char in cell):
        return "invalid_utf8", "The text is not valid UTF-8."
    return None


def _lines(text: str) -> Iterator[tuple[int, list[str], tuple[str, str] | None]]:
    """Yield number, cells and problem of each record; with a broken quote every line stands alone."""
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        found = []
        before = 0
        for cells in reader:
            found.append((before + 1, cells, None))
            before = reader.line_num
        yield from found
    except csv.Error:
        for number, line in enumerate(text.split("\n"), 1):
            try:
                cells = next(csv.reader([line.rstrip("\r")], strict=True), [])
                yield number, cells, None
            except csv.Error as error:
                yield number, [], ("bad_line", f"Not CSV: {error}.")
