"""The DuckDB file: the only module that imports duckdb.

One writer at a time: a second process waits for the lock and says whom it waits for. Every table is created
from its contract; what goes in is checked against it.
"""

import logging
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from pipeline.contracts import validate
from pipeline.errors import ContractError, WarehouseError
from pipeline.migration import NUMBER, columns_to_add, refuse_newer
from pipeline.warehouse_errors import refusal
from schemas.tables import TABLES, Table

log = logging.getLogger(__name__)

LOCK_WAIT_SECONDS = 600.0
ROW_GROUP = 122_880
"""Rows that DuckDB compresses together. A group that is filled in part is written again later."""


class Warehouse:
    """An open warehouse; get one from `Warehouse.open`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    @classmethod
    def look(cls, path: Path) -> AbstractContextManager["Warehouse"]:
        """Open the file for whoever only reads: also one that may not be written; none is an empty one.

        Raises:
            WarehouseError: as of `open`.
        """
        is_there = path.exists()
        return cls.open(path if is_there else None, read_only=is_there and not os.access(path, os.W_OK))

    @classmethod
    @contextmanager
    def open(
        cls, path: Path | None, wait_seconds: float = LOCK_WAIT_SECONDS, *, read_only: bool = False
    ) -> Iterator["Warehouse"]:
        """Open the file, create what is missing, close it at the end; None opens one in memory.

        Whatever DuckDB refuses while it is open becomes a WarehouseError here, and nowhere else.

        Raises:
            WarehouseError: another process held the file for too long, its tables are of another version, or
                DuckDB cannot read or write it.
        """
        connection = _connect(_made(path, read_only), wait_seconds, read_only)
        try:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute("set enable_progress_bar = false")  # it would stand in what a command prints
            warehouse = cls(connection)
            warehouse._create_tables()
            yield warehouse
        except duckdb.Error as error:
            raise WarehouseError(refusal(path, error)) from error
        finally:
            with suppress(duckdb.Error):  # after a full disk; the next opening reads what was committed
                connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: what is written inside becomes visible together, or not at all."""
        self._connection.execute("begin")
        try:
            yield
        except BaseException:
            with suppress(duckdb.Error):  # a fatal error has ended the transaction already
                self._connection.execute("rollback")
            raise
        self._connection.execute("commit")

    @contextmanager
    def bounded(self, memory: str) -> Iterator[None]:
        """Keep DuckDB within bounds meanwhile, in one thread; what memory does not hold goes to disk."""
        with self._told({"memory_limit": memory, "threads": 1}, {"memory_limit": None, "threads": None}):
            yield

    @contextmanager
    def unordered(self, threads: int) -> Iterator[None]:
        """Let so many threads append meanwhile, within `bounded`; what they append lies in any order.

        Where every frame but the last has ROW_GROUP rows in one chunk, each is appended by one thread.
        """
        order = "preserve_insertion_order"
        with self._told({"threads": threads, order: False}, {"threads": 1, order: None}):
            yield

    @contextmanager
    def _told(self, meanwhile: Mapping[str, Any], afterwards: Mapping[str, Any]) -> Iterator[None]:
        """Give settings of DuckDB, and others afterwards; null stands for the default."""
        for name, value in meanwhile.items():
            self._connection.execute(f"set {name} = $value", {"value": value})
        try:
            yield
        finally:
            with suppress(duckdb.Error):  # after a fatal error the connection is of no use
                for name, value in afterwards.items():
                    told = f"reset {name}" if value is None else f"set {name} = {value}"
                    self._connection.execute(told)

    def insert(self, table: Table, frame: pl.DataFrame) -> int:
        """Append rows after checking them against the contract; return how many."""
        validate(table, frame)
        return self.load(table, frame)

    def load(self, table: Table, frame: pl.DataFrame) -> int:
        """Append rows whose contract was checked when they were read; columns that they lack are null."""
        if frame.height:
            # found by its name: what is registered would be held until the transaction ends
            incoming = frame.to_arrow(compat_level=pl.CompatLevel.newest())  # noqa: F841
            self._connection.execute(f"insert into {table.name} by name select * from incoming")  # noqa: S608
        return frame.height

    def fill(self, table: Table, name: str, **parameters: Any) -> int:
        """Append the rows of a select kept in `pipeline/sql/<name>.sql`, unchecked; return how many."""
        told = self._connection.execute(
            f"insert into {table.name} by name {sql(name)}",
            parameters,
        ).fetchone()
        return int(told[0]) if told else 0

    def delete(self, table: Table, column: str, values: Sequence[str]) -> None:
        """Delete the rows whose column holds one of the values."""
        if column not in table.schema:
            raise ContractError(f"{table.name} has no column {column}.")
        self._connection.execute(
            f"delete from {table.name} where {column} in (select unnest($values))",  # noqa: S608
            {"values": list(values)},
        )

    def replace_month(self, table: Table, month: str, frame: pl.DataFrame) -> int:
        """Replace a month's rows of a table; return how many rows it has now."""
        self.delete(table, "month", [month])
        return self.insert(table, frame)

    def read(self, table: Table, where: str = "true", **parameters: Any) -> pl.DataFrame:
        """Return rows of a table in contract order of columns; `where` names parameters as $name."""
        columns = ", ".join(table.schema)
        frame = self.query(f"select {columns} from {table.name} where {where}", **parameters)  # noqa: S608
        return frame.cast(dict(table.schema))  # type: ignore[arg-type]

    def count(self, table: Table, where: str = "true", **parameters: Any) -> int:
        """Return how many rows of a table there are."""
        return int(self.query(f"select count(*) as n from {table.name} where {where}", **parameters)["n"][0])  # noqa: S608

    def query(self, sql: str, **parameters: Any) -> pl.DataFrame:
        """Return the rows of a select; only the parameters that it names are bound."""
        named = {key: value for key, value in parameters.items() if re.search(rf"\${key}\b", sql)}
        frame: pl.DataFrame = self._connection.sql(sql, params=named or None).pl()
        return frame

    def run(self, name: str, **parameters: Any) -> pl.DataFrame:
        """Return the rows of a select that is kept in `pipeline/sql/<name>.sql`."""
        return self.query(sql(name), **parameters)

    @contextmanager
    def frames(self, tables: Mapping[str, pl.DataFrame]) -> Iterator[None]:
        """Make frames visible to SQL under their names, for a test or a check before anything is written."""
        for name, frame in tables.items():
            self._connection.register(name, frame)
        try:
            yield
        finally:
            for name in tables:
                self._connection.unregister(name)

    def _create_tables(self) -> None:
        """Make what is missing, all or nothing, and carry over what an older version made."""
        known = self._columns()
        number = self._schema_number() if "main.schema_number" in known else 1
        if known:
            refuse_newer(number)
        made = [_create(table) for table in TABLES if table.name not in known]
        if not known or number < NUMBER:
            made.append(f"create or replace table main.schema_number as select {NUMBER}::bigint as number")
        other = [table for table in TABLES if known.get(table.name, _kinds(table)) != _kinds(table)]
        if not made and not other:
            return
        with self.transaction():
            for table in other:
                self._carry_over(table, known[table.name])
            self._connection.execute("; ".join(made) or "select 1")  # table by table takes twice as long

    def _columns(self) -> dict[str, dict[str, str]]:
        """Return name and type of the columns of every table that there is."""
        found: dict[str, dict[str, str]] = {}
        rows = self._connection.execute(
            "select schema_name || '.' || table_name, column_name, data_type from duckdb_columns() "
            "where not internal order by column_index"
        ).fetchall()
        for table, column, kind in rows:
            found.setdefault(table, {})[column] = kind
        return found

    def _schema_number(self) -> int:
        return int(self.query("select max(number) as n from main.schema_number")["n"][0] or 1)

    def _carry_over(self, table: Table, present: Mapping[str, str]) -> None:
        added = columns_to_add(table, present, _kinds(table), is_empty=not self.count(table))
        for name, kind, value in added:
            log.info("adding column %s to table %s, which an older version made", name, table.name)
            self._connection.execute(f"alter table {table.name} add column {name} {kind}")
            if value is not None:
                self._connection.execute(f"update {table.name} set {name} = $value", {"value": value})  # noqa: S608


def _kinds(table: Table) -> dict[str, str]:
    return {name: _type(dtype) for name, dtype in table.schema.items()}


def _create(table: Table) -> str:
    columns = ", ".join(f"{name} {kind}" for name, kind in _kinds(table).items())
    return f"create schema if not exists {table.layer}; create table {table.name} ({columns})"


@cache
def sql(name: str) -> str:
    """Return the text of `pipeline/sql/<name>.sql`."""
    return files("pipeline.sql").joinpath(f"{name}.sql").read_text("utf-8")


def _made(path: Path | None, read_only: bool) -> str:
    """Return the path of a database; a new one gets its name when it is whole, so that a kill leaves none."""
    if path is None or read_only:
        return str(path or ":memory:")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            duckdb.connect(str(fresh)).close()
            with suppress(FileExistsError):  # another process was faster
                path.hardlink_to(fresh)
        except duckdb.Error as error:
            raise WarehouseError(refusal(path, error)) from None
        finally:
            fresh.unlink(missing_ok=True)
    return str(path)


def _connect(path: str, wait_seconds: float, read_only: bool) -> duckdb.DuckDBPyConnection:
    waited_until = time.monotonic() + wait_seconds
    told = False
    while True:
        try:
            return duckdb.connect(path, read_only=read_only)
        except duckdb.IOException as error:
            holder = re.search(r"PID (\d+)", str(error))
            if "lock" not in str(error).lower():
                raise WarehouseError(refusal(Path(path), error)) from None
            whom = f"process {holder[1]}" if holder else "another process"
            if time.monotonic() >= waited_until:
                raise WarehouseError(
                    f"The warehouse {path} is held by {whom}. Wait for it to end, or stop it, and run again."
                ) from None
            if not told:
                log.warning("waiting for %s, which holds the warehouse %s", whom, path)
                told = True
            time.sleep(0.2)


def _type(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Decimal):
        return f"DECIMAL({dtype.precision},{dtype.scale})"
    if isinstance(dtype, pl.Datetime):
        return "TIMESTAMP WITH TIME ZONE"
    names = {
        pl.String: "VARCHAR",
        pl.Int64: "BIGINT",
        pl.Float64: "DOUBLE",
        pl.Boolean: "BOOLEAN",
        pl.Date: "DATE",
    }
    return names[dtype.base_type()]
