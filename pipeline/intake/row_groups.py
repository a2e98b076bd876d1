"""Rows on their way into the warehouse, gathered so that each of its threads fills whole row groups."""

import polars as pl

from pipeline.warehouse import ROW_GROUP, Warehouse
from schemas.tables import Table

THREADS = 2
"""They append together; each holds a row group in memory."""


class RowGroups:
    """Gathers rows of one table whose order does not matter; call `close` for the last ones."""

    def __init__(self, warehouse: Warehouse, table: Table) -> None:
        self._warehouse = warehouse
        self._table = table
        self._waiting: list[pl.DataFrame] = []
        self._height = 0

    def add(self, rows: pl.DataFrame) -> int:
        """Take rows whose contract was checked, append what fills row groups; return how many were taken."""
        self._waiting.append(rows)
        self._height += rows.height
        if self._height >= THREADS * ROW_GROUP:
            self._append(self._height - self._height % (THREADS * ROW_GROUP))
        return rows.height

    def close(self) -> None:
        """Append the rest."""
        if self._height:
            self._append(self._height)

    def _append(self, height: int) -> None:
        rows = pl.concat(self._waiting, rechunk=False)
        known = rows.select(column.name for column in rows if column.null_count() < rows.height)
        starts = range(0, height, ROW_GROUP)
        groups = [known[start : min(start + ROW_GROUP, height)].rechunk() for start in starts]
        self._waiting = [rows[height:]]
        self._height -= height
        self._warehouse.load_groups(self._table, groups)
