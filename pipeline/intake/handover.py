"""Where workers put the parts that they hand over: in memory, or as Parquet in a folder or on S3.

Every landing has a folder of its own there, so that a worker that still runs for an earlier one never writes
over its parts.
"""

import io
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import polars as pl

from pipeline.errors import StorageError, WarehouseError
from pipeline.keys import is_remote
from pipeline.objects import delete_below, delete_object, fetch_object
from pipeline.storage import write_object

_KEPT = "The last good state is kept."
_OTHER = "or name another place as `parts` under [landing]"
_TYPE = "application/vnd.apache.parquet"

HELD_BYTES = 96 << 20
"""So much of the parts of threads is held in memory at most."""


class Part(NamedTuple):
    """Rows of a table in a Parquet file of the place."""

    table: str
    name: str


class Handover(NamedTuple):
    """The place of one landing's parts: small, and good in any process that reaches it."""

    place: str
    """A folder, or s3://bucket/prefix."""
    endpoint_url: str | None = None
    """The server of S3, where it is not the one that the environment names."""

    def write(self, name: str, rows: pl.DataFrame) -> None:
        """Write a part, which is whole or not there.

        Raises:
            WarehouseError: the folder does not take it.
            StorageError: S3 does not take it.
        """
        if is_remote(self.place):
            body = io.BytesIO()
            rows.write_parquet(body, compression="lz4", statistics=False)
            with _of_parts():
                write_object(f"{self.place}/{name}", body.getvalue(), _TYPE, self.endpoint_url)
            return
        path = Path(self.place, name)
        fresh = path.with_suffix(".new")
        try:
            rows.write_parquet(fresh, compression="lz4", statistics=False)
            fresh.replace(path)
        except (OSError, pl.exceptions.ComputeError) as error:
            raise WarehouseError(
                f"The parts of the landing cannot be written to {path.parent}: {error}. Make room on that "
                f"disk, or give yourself the right to write there, {_OTHER}, and run again. {_KEPT}"
            ) from None

    def taken(self, name: str, scratch: Path) -> pl.DataFrame:
        """Return the rows of a part, which is removed.

        Raises:
            WarehouseError: it is gone, or there is no room for its copy.
            StorageError: S3 does not give it.
        """
        if not is_remote(self.place):
            path = Path(self.place, name)
            if not path.exists():
                raise self._gone(name)
            return _read(path)
        copy, uri = scratch / "part.parquet", f"{self.place}/{name}"
        try:
            scratch.mkdir(parents=True, exist_ok=True)
            with _of_parts():
                fetch_object(uri, copy, self.endpoint_url)
        except FileNotFoundError:
            raise self._gone(name) from None
        except OSError as error:
            raise WarehouseError(
                f"A part of the landing cannot be copied to {scratch}: {error.strerror}. Make room on that "
                f"disk, or give yourself the right to write there, and run again. {_KEPT}"
            ) from None
        rows = _read(copy)
        with _of_parts():
            delete_object(uri, self.endpoint_url)
        return rows

    def _gone(self, name: str) -> WarehouseError:
        return WarehouseError(
            f"The part {name} that a worker wrote is not in {self.place}. All workers have to reach that "
            f"very place, and no other landing may use it: correct that, {_OTHER}, and run again. {_KEPT}"
        )


class Held:
    """The parts of threads of this process: in memory while there are few, else at a place."""

    def __init__(self, beyond: Handover) -> None:
        self._beyond = beyond
        self._lock = Lock()
        self._parts: dict[str, pl.DataFrame] = {}
        self._free = HELD_BYTES

    def write(self, name: str, rows: pl.DataFrame) -> None:
        """Keep a part.

        Raises:
            WarehouseError, StorageError: as of `Handover`.
        """
        with self._lock:
            fits = (size := int(rows.estimated_size())) <= self._free
            if fits:
                self._free -= size
                self._parts[name] = rows
        if not fits:
            self._beyond.write(name, rows)

    def taken(self, name: str, scratch: Path) -> pl.DataFrame:
        """Return the rows of a part, which is removed.

        Raises:
            WarehouseError, StorageError: as of `Handover`.
        """
        with self._lock:
            rows = self._parts.pop(name, None)
            if rows is not None:
                self._free += int(rows.estimated_size())
                return rows
        return self._beyond.taken(name, scratch)


def _read(path: Path) -> pl.DataFrame:
    rows = pl.read_parquet(path, memory_map=False)
    path.unlink()
    return rows


@contextmanager
def open_handover(place: str, endpoint_url: str | None) -> Iterator[Handover]:
    """Make an empty place for parts, and clear it at the end; what a killed landing left goes first.

    Nobody else uses it: whoever lands holds the warehouse.

    Raises:
        WarehouseError: there can be no such folder.
        StorageError: there is no such bucket, or it cannot be listed, written and cleared.
    """
    own = f"{place}/{uuid.uuid4().hex}"
    if not is_remote(place):
        with _folder(Path(place), Path(own)):
            yield Handover(own)
        return
    with _of_parts():
        delete_below(f"{place}/", endpoint_url)
        write_object(f"{own}/begun", b"", _TYPE, endpoint_url)  # to tell now what would be refused later
        delete_object(f"{own}/begun", endpoint_url)
    try:
        yield Handover(own, endpoint_url)
    except BaseException:
        with suppress(StorageError):  # what went wrong first is told; the next landing clears the place
            delete_below(f"{place}/", endpoint_url)
        raise
    with _of_parts():
        delete_below(f"{place}/", endpoint_url)


@contextmanager
def _folder(place: Path, own: Path) -> Iterator[None]:
    try:
        shutil.rmtree(place, ignore_errors=True)
        own.mkdir(parents=True)
    except OSError as error:
        raise WarehouseError(
            f"There can be no folder {place} for the parts of the landing: {error.strerror}. Give yourself "
            f"the right to write there, {_OTHER}."
        ) from None
    try:
        yield
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _of_parts() -> Iterator[None]:
    """Say of what S3 refuses that it is about the parts."""
    try:
        yield
    except StorageError as error:
        told = f"The parts of the landing, `parts` under [landing]: {error.reason}"
        raise StorageError(told, error.advice, may_pass=error.may_pass) from None
