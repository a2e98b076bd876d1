"""Itemised bills, one charge a line, as rows of raw.cost: what the files of all clouds end with."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec
import polars as pl

from pipeline.errors import SourceError
from pipeline.parsing.export_values import PULL_AGAIN, iso_instant, money
from pipeline.parsing.raw_rows import parsed
from pipeline.parsing.tables import Cells
from pipeline.provider import Parsed, Reject

NOT_LLM = "other"
"""Cost type of a charge that is for no model: it is kept, counted, and told, and no part of the bill."""

MAX_WORD = 256
_GROUPING = "+line_item+project_id"

_PIECE_ROWS = 16 * 1024
_JSON = msgspec.json.Encoder(order="sorted")

Row = dict[str, Any]


def charges(table: Cells, kind: str, read: Callable[[Mapping[str, str]], Row]) -> Parsed:
    """Return a row for each line that `read` can read, and a reject for each of the others.

    `kind` names the itemisation (cur, focus). What one file holds several times is several charges: the
    second of two lines that agree in everything but their money gets `copy` 2 among its dimensions.
    """
    rejects: list[Reject] = []
    rows = _rows(table, f"{kind}{_GROUPING}", read, rejects)
    pieces = [parsed("raw.cost", [], [])]
    while piece := list(islice(rows, _PIECE_ROWS)):
        pieces.append(parsed("raw.cost", piece, []))
    frame = pl.concat([piece.rows for piece in pieces])
    rejects += table.rejects
    return Parsed(frame, rejects, frame.height + len(rejects))


def _rows(
    table: Cells, grouping: str, read: Callable[[Mapping[str, str]], Row], rejects: list[Reject]
) -> Iterator[Row]:
    copies: Counter[tuple[Any, ...]] = Counter()
    for line, cells in table.rows:
        try:
            row = read(cells)
        except SourceError as error:
            rejects.append(Reject(line, 0, None, error.code, error.reason, error.advice))
            continue
        told = as_json(row["dimensions"])
        key = (row["bucket_start_at"], row["bucket_end_at"], told)
        copies[key] += 1
        if copies[key] > 1:
            told = as_json({**row["dimensions"], "copy": copies[key]})
        place = {"line": line, "position": 0, "is_empty": False, "grouping": grouping}
        yield {**row, **place, "dimensions": told}


def missing_columns(table: Cells, names: Iterable[str]) -> list[Reject]:
    """Return a reject that names the columns that a table needs and lacks; none when it has all."""
    lacking = [name for name in names if name not in table.header]
    if not lacking or not table.header:
        return []
    reason = f"The header has no column {', '.join(lacking)}."
    return [Reject(1, None, None, "missing_column", reason, "Export the file again with these columns.")]


def as_json(dimensions: Mapping[str, Any]) -> str:
    """Return dimensions as JSON, keys sorted, absent ones left out."""
    return _JSON.encode({name: value for name, value in dimensions.items() if value is not None}).decode()


def times(cells: Mapping[str, str], start: str, end: str) -> tuple[datetime, datetime]:
    """Return the period of a charge, its end exclusive; a charge of one instant has both alike.

    Raises:
        SourceError: a time cannot be read, or the end lies before the start.
    """
    first, last = _instant(start, cells.get(start)), _instant(end, cells.get(end))
    if last < first:
        reason = f"{end} is {last.isoformat()}, before {start} at {first.isoformat()}."
        raise SourceError("bad_time", reason, "Pull the export again.")
    return first, last


@lru_cache(maxsize=4096)
def _instant(name: str, value: str | None) -> datetime:
    return iso_instant({name: value}, name)


def word(cells: Mapping[str, str], *names: str) -> str | None:
    """Return the first of some cells that is filled, cut at 256 characters."""
    for name in names:
        if name in cells:
            return cells[name][:MAX_WORD]
    return None


def quantity(cells: Mapping[str, str], name: str, unit: str | None) -> Row:
    """Return quantity and unit of a line; without a number there is no quantity."""
    amount = money(cells[name], name) if name in cells else None
    return {"quantity": amount, "quantity_unit": unit}


def required(cells: Mapping[str, str], name: str) -> str:
    """Return a cell that must be filled.

    Raises:
        SourceError: it is not.
    """
    if name not in cells:
        raise SourceError("missing_field", f"{name} is missing.", PULL_AGAIN)
    return cells[name]
