"""Spans on their way into the warehouse, gathered until each of its threads has a whole row group to append.

A thread that appends half a row group leaves a small one behind, which is written again when the warehouse
closes.
"""

import polars as pl

from pipeline.warehouse import ROW_GROUP, Warehouse
from schemas.tables import Table

THREADS = 2
"""They append together. Each holds a row group in memory."""
_WORTH_BYTES = 256 << 20
"""A smaller file has too few rows: they are appended as they come, while others are read."""


class RowGroups:
    """Gathers rows of a table whose order does not matter, of a file of some size; `close` appends the last ones."""

    def __init__(self, warehouse: Warehouse, table: Table, size_bytes: int) -> None:
        self._warehouse = warehouse
        self._table = table
        self._waiting: list[pl.DataFrame] = []
        self._height = 0
        self._together = THREADS * ROW_GROUP if size_bytes >= _WORTH_BYTES else 0

    def add(self, rows: pl.DataFrame) -> int:
        """Take rows whose contract was checked when they were read; return how many."""
        if not self._together:
            return self._warehouse.load(self._table, rows)
        self._waiting.append(rows)
        self._height += rows.height
        if self._height >= self._together:
            self._append(self._height // self._together * self._together)
        return rows.height

    def close(self) -> None:
        """Append the rest."""
        if self._height:
            self._append(self._height)

    def _append(self, height: int) -> None:
        self._warehouse.load_groups(self._table, self._taken(height))

    def _taken(self, height: int) -> list[pl.DataFrame]:
        """Return so many of the waiting rows as row groups, of which the last may be smaller."""
        rows = pl.concat(self._waiting, how="diagonal", rechunk=False)
        self._waiting, self._height = [rows[height:]], self._height - height
        starts = range(0, height, ROW_GROUP)
        return [rows[start : min(start + ROW_GROUP, height)].rechunk() for start in starts]
