"""Exports that come as a table: one record a line, read by name, each refused alone."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from pipeline.errors import SourceError
from pipeline.parsing.csv_rows import sheet
from pipeline.parsing.export_values import PULL_AGAIN, day, shown
from pipeline.parsing.pages import Record
from pipeline.provider import Reject

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_COMMA = re.compile(r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+),\d+", re.ASCII)
_EITHER = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+", re.ASCII)


class Layout(NamedTuple):
    """How the lines of one export are read; columns that are not named here are kept out of the way."""

    required: tuple[str, ...]
    """Columns without which nothing can be read, in lower case."""
    numbers: frozenset[str]
    """Columns of numbers, which `read` gets as Decimal; what is no number stays text."""
    read: Callable[[dict[str, Any]], dict[str, Any]]
    """A line as a row, from its filled cells by column; raises SourceError."""


def csv_records(content: bytes, layout: Layout) -> tuple[list[Record], list[Reject]]:
    """Return the rows of a table with the line that each stands on, and what could not be read.

    A second header in the file, as where two downloads were put together, starts a new pull and is no record.
    """
    lines = sheet(content)
    if missing := [name for name in layout.required if name not in lines.header]:
        return [], [*lines.rejects, _incomplete(missing, lines.header)]
    found: list[Record] = []
    rejects, pull = list(lines.rejects), 0
    for number, cells in lines.rows():
        if len(cells) == len(lines.header) and all(cells[name].lower() == name for name in cells):
            pull += 1
            continue
        try:
            row = layout.read(_typed(cells, layout.numbers, lines.delimiter))
        except SourceError as error:
            rejects.append(Reject(number, 0, None, error.code, error.reason, error.advice))
        else:
            found.append(Record(pull, {**row, "line": number, "position": 0}))
    return found, rejects


def _incomplete(missing: list[str], header: tuple[str, ...]) -> Reject:
    reason = (
        f"The header has no column {', '.join(missing)}; it has: {', '.join(header)[:200] or 'none'}. "
        "No line of the file is read."
    )
    return Reject(1, None, None, "missing_column", reason, "Export the file again with all of its columns.")


def _typed(cells: Mapping[str, str], numbers: frozenset[str], delimiter: str) -> dict[str, Any]:
    return {
        name: _number(name, cell, has_comma=delimiter == ";") if name in numbers else cell
        for name, cell in cells.items()
    }


def _number(name: str, cell: str, *, has_comma: bool) -> Decimal | str:
    """A number by its digits; between semicolons, as spreadsheets write in Europe, with a decimal comma."""
    if has_comma and _EITHER.fullmatch(cell):
        reason = f"{name} is {shown(cell)}, which is one number with a decimal point and another without."
        raise SourceError("ambiguous_number", reason, "Export the file again with commas between the cells.")
    if has_comma and _COMMA.fullmatch(cell):
        cell = cell.replace(".", "").replace(",", ".")
    return Decimal(cell) if _NUMBER.fullmatch(cell) else cell


def whole(cells: Mapping[str, Any], name: str) -> Any:
    """Return a number that is written as `1788134400.0` as an int; everything else as it is."""
    value = cells.get(name)
    return int(value) if isinstance(value, Decimal) and value == value.to_integral_value() else value


def utc_day(cells: Mapping[str, Any], name: str) -> tuple[datetime, datetime]:
    """Return the first instant of a calendar day in UTC and the first after it."""
    try:
        start = datetime.combine(day(cells.get(name), name), time(), UTC)
    except SourceError as error:
        raise SourceError(error.code, error.reason, PULL_AGAIN) from None
    if not 2015 <= start.year <= 2099:
        reason = f"{name} is {start.date()}, which lies outside 2015 to 2099."
        raise SourceError("bad_date", reason, PULL_AGAIN)
    return start, start + timedelta(days=1)


def told_apart(rows: list[dict[str, Any]], pulls: list[int]) -> list[dict[str, Any]]:
    """Return rows with a number in `dimensions` where lines of one table are alike in all of them.

    They differ in a column that nobody reads, and add up; without it the last would replace the others.
    """
    seen: Counter[tuple[Any, ...]] = Counter()
    result = []
    for row, pull in zip(rows, pulls, strict=True):
        key = (pull, row["bucket_start_at"], row["bucket_end_at"], row["dimensions"])
        seen[key] += 1
        alike = seen[key]
        result.append(row if alike == 1 else {**row, "dimensions": _numbered(row["dimensions"], alike)})
    return result


def _numbered(dimensions: str, alike: int) -> str:
    return json.dumps({**json.loads(dimensions), "row": alike}, sort_keys=True, separators=(",", ":"))
