"""The DuckDB file: the only module that imports duckdb.

One writer at a time: a second process waits for the lock and says whom it waits for. Every table is created
from its contract; what goes in is checked against it.
"""

import logging
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from pipeline.contracts import validate
from pipeline.errors import ContractError, WarehouseError
from pipeline.migration import NUMBER, columns_to_add, refuse_newer
from schemas.tables import TABLES, Table

log = logging.getLogger(__name__)

LOCK_WAIT_SECONDS = 600.0

_LAST_GOOD = "The last good state is kept."
_ADVICE = {
    "No space left": f"Make room on that disk and run again. {_LAST_GOOD}",
    "Permission denied": "Give yourself the right to write this file and its folder, and run again.",
    "read-only": "Make the file and its folder writable, and run again.",
    "not a valid DuckDB database": "Move that file away and run again: the sources hold all that goes in.",
    "Is a directory": "Move that folder away, or name another `warehouse` under [output].",
    "Out of Memory": f"Close other programs and run again. {_LAST_GOOD}",
}
"""Words of DuckDB or the operating system -> what to do."""
_REPORT = f"{_LAST_GOOD} Run again; if it comes back, report it."


class Warehouse:
    """An open warehouse; get one from `Warehouse.open`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    @classmethod
    @contextmanager
    def open(cls, path: Path | None, wait_seconds: float = LOCK_WAIT_SECONDS) -> Iterator["Warehouse"]:
        """Open the file, create what is missing, close it at the end; None opens one in memory.

        Whatever DuckDB refuses while it is open becomes a WarehouseError here, and nowhere else.

        Raises:
            WarehouseError: another process held the file for too long, its tables are of another version, or
                DuckDB cannot read or write it.
        """
        connection = _connect(":memory:" if path is None else _made(path), wait_seconds)
        try:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute("set enable_progress_bar = false")  # it would stand in what a command prints
            warehouse = cls(connection)
            warehouse._create_tables()
            yield warehouse
        except duckdb.Error as error:
            raise WarehouseError(_refusal(path, error)) from error
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
    def bounded(self, memory: str, threads: int) -> Iterator[None]:
        """Keep DuckDB within bounds meanwhile; what memory does not hold goes to disk, beside the file."""
        bounds = {"memory_limit": memory, "threads": threads}
        for name, value in bounds.items():
            self._connection.execute(f"set {name} = $value", {"value": value})
        try:
            yield
        finally:
            with suppress(duckdb.Error):  # after a fatal error the connection is of no use
                for name in bounds:
                    self._connection.execute(f"reset {name}")

    def insert(self, table: Table, frame: pl.DataFrame) -> int:
        """Append rows after checking them against the contract; return how many."""
        validate(table, frame)
        return self.load(table, frame)

    def load(self, table: Table, frame: pl.DataFrame) -> int:
        """Append rows whose contract was checked when they were read; return how many."""
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
        """Make the tables that are missing, and carry over those that an older version made."""
        known = self.query(
            "select table_schema || '.' || table_name as name, column_name, data_type "
            "from information_schema.columns order by ordinal_position"
        )
        number = self._schema_number() if "main.schema_number" in set(known["name"]) else 1
        if known.height:
            refuse_newer(number)
        with self.transaction():
            for table in TABLES:
                present = dict(known.filter(name=table.name).select("column_name", "data_type").rows())
                self._make(table, present)
            if known.is_empty() or number < NUMBER:
                self._connection.execute("create or replace table main.schema_number (number bigint)")
                self._connection.execute(
                    "insert into main.schema_number values ($number)", {"number": NUMBER}
                )

    def _schema_number(self) -> int:
        return int(self.query("select max(number) as n from main.schema_number")["n"][0] or 1)

    def _make(self, table: Table, present: Mapping[str, str]) -> None:
        wanted = {name: _type(dtype) for name, dtype in table.schema.items()}
        if not present:
            columns = ", ".join(f"{name} {kind}" for name, kind in wanted.items())
            self._connection.execute(f"create schema if not exists {table.layer}")
            self._connection.execute(f"create table {table.name} ({columns})")
            return
        if present == wanted:
            return
        for name, kind, value in columns_to_add(table, present, wanted, is_empty=not self.count(table)):
            log.info("adding column %s to table %s, which an older version made", name, table.name)
            self._connection.execute(f"alter table {table.name} add column {name} {kind}")
            if value is not None:
                self._connection.execute(f"update {table.name} set {name} = $value", {"value": value})  # noqa: S608


@cache
def sql(name: str) -> str:
    """Return the text of `pipeline/sql/<name>.sql`."""
    return files("pipeline.sql").joinpath(f"{name}.sql").read_text("utf-8")


def _made(path: Path) -> str:
    """Return the path of a database; a new one gets its name when it is whole, so that a kill leaves none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            duckdb.connect(str(fresh)).close()
            with suppress(FileExistsError):  # another process was faster
                path.hardlink_to(fresh)
        except duckdb.Error as error:
            raise WarehouseError(_refusal(path, error)) from None
        finally:
            fresh.unlink(missing_ok=True)
    return str(path)


def _refusal(path: Path | None, error: duckdb.Error) -> str:
    """Return what DuckDB refused, on one line, and what to do about it."""
    said = " ".join(str(error).split())
    advice = next((advice for words, advice in _ADVICE.items() if words in said), _REPORT)
    return f"The warehouse {path or 'in memory'} cannot be used: {said} {advice}"


def _connect(path: str, wait_seconds: float) -> duckdb.DuckDBPyConnection:
    waited_until = time.monotonic() + wait_seconds
    told = False
    while True:
        try:
            return duckdb.connect(path)
        except duckdb.IOException as error:
            holder = re.search(r"PID (\d+)", str(error))
            if "lock" not in str(error).lower():
                raise WarehouseError(_refusal(Path(path), error)) from None
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
