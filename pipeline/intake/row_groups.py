"""Spans of a large dump, gathered until each thread of the warehouse has a row group to append.

A thread that appends half a row group leaves a small one behind, which is written again when the warehouse
closes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import polars as pl

from pipeline.intake.manifest import TABLE_OF_KIND, Offered
from pipeline.warehouse import ROW_GROUP, Warehouse
from schemas.tables import Table

_THREADS = 2
"""They append together. Each holds a row group in memory."""
_WORTH_BYTES = 256 << 20
"""A smaller file has too few rows: they are appended as they come, while others are read."""


@contextmanager
def filling(warehouse: Warehouse, item: Offered) -> Iterator[Callable[[Table, pl.DataFrame], int]]:
    """Return what takes rows of a file, whose contract was checked, and returns how many.

    All are in the warehouse at the end; spans of a large dump lie there in any order.
    """
    if item.source.kind != "traces" or item.file.size_bytes < _WORTH_BYTES:
        yield warehouse.load
        return
    groups = _RowGroups(warehouse)
    with warehouse.unordered(_THREADS):
        yield groups.add
        groups.close()


class _RowGroups:
    """Gathers spans; what is in quarantine goes by."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._table = TABLE_OF_KIND["traces"]
        self._waiting: list[pl.DataFrame] = []
        self._height = 0

    def add(self, table: Table, rows: pl.DataFrame) -> int:
        """Take rows; return how many."""
        if table is not self._table:
            return self._warehouse.load(table, rows.rechunk())  # in one chunk they keep their order
        self._waiting.append(rows)
        self._height += rows.height
        together = _THREADS * ROW_GROUP
        if self._height >= together:
            self._append(self._height // together * together)
        return rows.height

    def close(self) -> None:
        """Append the rest."""
        if self._height:
            self._append(self._height)

    def _append(self, height: int) -> None:
        self._warehouse.load(self._table, pl.concat(self._taken(height), rechunk=False))

    def _taken(self, height: int) -> list[pl.DataFrame]:
        """Return so many of the waiting rows as row groups, of which the last may be smaller."""
        rows = pl.concat(self._waiting, how="diagonal", rechunk=False)
        self._waiting, self._height = [rows[height:]], self._height - height
        starts = range(0, height, ROW_GROUP)
        return [rows[start : min(start + ROW_GROUP, height)].rechunk() for start in starts]
