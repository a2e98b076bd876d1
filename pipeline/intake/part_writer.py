"""Rows and rejects of files on their way to Parquet parts of some size."""

from collections.abc import Iterable

import polars as pl

from pipeline.contracts import validate
from pipeline.intake.decoding import BATCH_ROWS
from pipeline.intake.handover import Handover, Held, Part
from pipeline.intake.manifest import QUARANTINE, TABLE_OF_KIND
from pipeline.provider import Reject
from schemas.tables import Table


def quarantined(rejects: Iterable[Reject], source: str, uri: str, file_id: str) -> pl.DataFrame:
    """Return the rows of raw.quarantine for rejects of a file."""
    rows = [
        (source, uri, file_id, reject.line, reject.byte_offset, reject.position, *reject[3:])
        for reject in rejects
    ]
    return pl.DataFrame(rows, QUARANTINE.schema, orient="row")


class PartWriter:
    """Gathers rows of one raw table and of raw.quarantine; writes a part when there are enough.

    A part has no columns that are null in all its rows.
    """

    def __init__(self, kind: str, place: Handover | Held, name: str) -> None:
        self._place = place
        self._name = name
        self._table = TABLE_OF_KIND[kind]
        self._waiting: dict[str, list[pl.DataFrame]] = {self._table.name: [], QUARANTINE.name: []}
        self._parts: list[Part] = []

    def add(self, rows: pl.DataFrame) -> None:
        """Take rows that are kept, and write what has gathered if that is enough."""
        self._take(self._table, rows)

    def reject(self, rows: pl.DataFrame) -> None:
        """Take rows of raw.quarantine likewise."""
        self._take(QUARANTINE, rows)

    def close(self) -> tuple[Part, ...]:
        """Write the rest and return all parts in order."""
        for table in (self._table, QUARANTINE):
            self._write(table)
        return tuple(self._parts)

    def _take(self, table: Table, rows: pl.DataFrame) -> None:
        waiting = self._waiting[table.name]
        if rows.height:
            waiting.append(rows)
        if sum(frame.height for frame in waiting) >= BATCH_ROWS:
            self._write(table)

    def _write(self, table: Table) -> None:
        waiting = self._waiting[table.name]
        if not waiting:
            return
        rows = pl.concat(waiting)
        waiting.clear()
        validate(table, rows)
        name = f"{self._name}.{len(self._parts):05}.parquet"
        known = rows.select(column.name for column in rows if column.null_count() < rows.height)
        self._place.write(name, known)
        self._parts.append(Part(table.name, name))
