"""Logs that come as JSON: one record a line, a list, or either under `data`; each refused alone.

A list that breaks off is read up to where it does.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pipeline.errors import SourceError
from pipeline.parsing.export_values import shown
from pipeline.parsing.pages import DECODER, NEXT_DOCUMENT, unreadable
from pipeline.provider import Reject

_OPENING = re.compile(r'(?:\{\s*"data"\s*:\s*)?\[')
_BETWEEN = re.compile(r"[\s\ufeff,\]]*")
_ADVICE = "Keep one record a line, or a list of records, as the log was exported."


class Item(NamedTuple):
    """A record, and the line it starts on; of a list, the line of the list."""

    line: int
    value: Any


def json_records(
    content: bytes, read: Callable[[dict[str, Any]], dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[Reject]]:
    """Return the records of a file as rows with line and position, and what could not be read."""
    rows: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    seen: Counter[int] = Counter()
    for item in _items(content.decode("utf-8", "surrogateescape")):
        if isinstance(item, Reject):
            rejects.append(item)
            continue
        position = seen[item.line]
        seen[item.line] += 1
        try:
            row = read(_object(item.value))
        except SourceError as error:
            rejects.append(Reject(item.line, position, None, error.code, error.reason, error.advice))
        else:
            rows.append({**row, "line": item.line, "position": position})
    return rows, rejects


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SourceError("not_a_record", f"A record is {shown(value)}, not an object.", _ADVICE)
    return value


def _items(text: str) -> Iterator[Item | Reject]:
    at = _after(text, 0)
    line = 1 + text.count("\n", 0, at)
    while at < len(text):
        try:
            value, end = DECODER.raw_decode(text, at)
            yield from _unwrapped(line, value)
        except (ValueError, RecursionError):
            values, broken = _whole(text, at)
            yield from (Item(line, value) for value in values)
            place = line + text.count("\n", at, broken)
            yield unreadable(text, broken, place, "invalid_json", "Not JSON from here on.")
            found = NEXT_DOCUMENT.search(text, broken)
            end = found.end() if found else len(text)
        after = _after(text, end)
        line += text.count("\n", at, after)
        at = after


def _after(text: str, at: int) -> int:
    """The place behind blanks, and behind what stands between the records of a list."""
    return _BETWEEN.match(text, at).end()  # type: ignore[union-attr]


def _unwrapped(line: int, value: Any) -> Iterator[Item]:
    if isinstance(value, dict) and isinstance(value.get("data"), (dict, list)):
        value = value["data"]
    yield from (Item(line, item) for item in (value if isinstance(value, list) else [value]))


def _whole(text: str, at: int) -> tuple[list[Any], int]:
    """The records of a list before the place at which it breaks off, and that place."""
    values: list[Any] = []
    if opening := _OPENING.match(text, at):
        at = opening.end()
    while opening and (at := _after(text, at)) < len(text):
        try:
            value, at = DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        values.append(value)
    return values, at
