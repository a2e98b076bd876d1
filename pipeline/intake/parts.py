"""A piece of a file to Parquet parts: a pure function that any executor can run, here or elsewhere."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipeline.content import HEAD_BYTES, open_content
from pipeline.contracts import validate
from pipeline.errors import SourceError, WarehouseError
from pipeline.intake.blocks import record_start
from pipeline.intake.decoding import BATCH_ROWS, DecodeOptions
from pipeline.intake.file_rows import READABLE, read_file
from pipeline.intake.manifest import QUARANTINE, TABLE_OF_KIND
from pipeline.provider import Reject
from pipeline.settings import Source
from pipeline.storage import signature
from pipeline.stored import StoredFile
from pipeline.traces import trace_format
from pipeline.traces.otlp_json import OTLP_JSON
from schemas.tables import Table

_REJECT = {name: QUARANTINE.schema[name] for name in Reject._fields}


CHANGED = ("changed_while_read", "The file changed while it was read.", "Land again.")
"""Code, reason and advice of a file that was written while it was read."""


class Piece(NamedTuple):
    """A file, or some bytes of a plain dump, and where its parts go: all that a worker is told."""

    source: Source
    file: StoredFile
    signature: str
    """Of the file, before it was hashed."""
    options: DecodeOptions
    folder: Path
    name: str
    """Unique in the folder: the parts of a piece that is read twice have the same names."""
    first: int = 0
    last: int | None = None
    """Where the records of the piece start: from the first byte on, before the last. Null: the whole file."""

    @property
    def size_bytes(self) -> int:
        """Stored bytes, for the progress."""
        return self.file.size_bytes if self.last is None else self.last - self.first


class Part(NamedTuple):
    """Rows of a table in a Parquet file, without their file's hash; lines count from the piece's start."""

    table: str
    path: Path


class Read(NamedTuple):
    """What a piece came to."""

    parts: tuple[Part, ...] = ()
    read: int = 0
    """Records: rows of the parts are those that are kept and those in quarantine."""
    lines: int = 0
    """Lines of the piece, if the file goes on behind it."""
    format: str = "unknown"
    refused: tuple[str, str, str] | None = None
    """Code, reason and advice if the file as a whole cannot be read."""


@contextmanager
def parts_folder(path: Path) -> Iterator[Path]:
    """Make an empty folder for parts, and remove it at the end; what a killed landing left goes first.

    Nobody else uses it: whoever lands holds the warehouse.
    """
    try:
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WarehouseError(
            f"There can be no folder {path} for the parts of the landing: {error.strerror}. Give yourself "
            "the right to write there, or name another one as `parts` under [landing]."
        ) from None
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def pieces_of(whole: Piece) -> list[Piece]:
    """Return the pieces of a whole file: one, or many of a large plain OTLP/JSON dump.

    Raises:
        StorageError: the place of an object cannot be read.
    """
    size, step = whole.file.size_bytes, whole.options.piece_bytes
    if whole.source.kind != "traces" or size < 2 * step or not _starts_anywhere(whole.source, whole.file):
        return [whole]
    return [
        whole._replace(name=f"{whole.name}-{number:05}", first=first, last=min(first + step, size))
        for number, first in enumerate(range(0, size, step))
    ]


def _starts_anywhere(source: Source, file: StoredFile) -> bool:
    """Whether a dump can be read from any of its records on: OTLP/JSON that is stored as it is read."""
    try:
        with open_content(file) as (content, stream):
            head = stream.peek(HEAD_BYTES)[:HEAD_BYTES]
            return content.coding == "plain" and trace_format(head, source.format) is OTLP_JSON
    except (OSError, SourceError):  # whoever reads it says so
        return False


def read_piece(piece: Piece) -> Read:
    """Write the parts of a piece and return their places and counts.

    Raises:
        StorageError: the place of an object cannot be read.
        WarehouseError: the parts cannot be written.
    """
    try:
        found = _read(piece)
    except SourceError as error:
        return Read(refused=(error.code, error.reason, error.advice))
    if signature(piece.file) != piece.signature:
        return Read(refused=CHANGED)
    return found


def _read(piece: Piece) -> Read:
    start, size = 0, None
    if piece.last is not None:
        try:
            bounds = _bounds(piece)
        except OSError as error:
            reason = f"The file cannot be read: {error.strerror}."
            raise SourceError("unreadable_file", reason, READABLE) from None
        if bounds is None:
            return Read()
        start, size = bounds
    writer = _Writer(piece)
    for found in read_file(piece.source, piece.file, piece.options, start, size):
        writer.add(found.rows, found.rejects)
        writer.read += found.read
        writer.lines += found.lines
        writer.format = found.format if found.format != "unknown" else writer.format
    return Read(tuple(writer.close()), writer.read, writer.lines, writer.format)


def _bounds(piece: Piece) -> tuple[int, int] | None:
    """Return where the records of a piece start, and how many bytes they have.

    A record belongs to the piece in which it starts. Where none starts there are none.
    """
    whole = piece.file.size_bytes
    start = record_start(piece.file, piece.first, piece.last or whole)
    if start is None:
        return None
    end = record_start(piece.file, piece.last, whole) if piece.last else None
    return start, (whole if end is None else end) - start


class _Writer:
    """Gathers rows and rejects and writes them in parts of some size."""

    def __init__(self, piece: Piece) -> None:
        self.read, self.lines, self.format = 0, 0, "unknown"
        self._piece = piece
        self._table = TABLE_OF_KIND[piece.source.kind]
        self._waiting: dict[str, list[pl.DataFrame]] = {self._table.name: [], QUARANTINE.name: []}
        self._parts: list[Part] = []

    def add(self, rows: pl.DataFrame, rejects: list[Reject]) -> None:
        """Take rows, and write what has gathered if that is enough."""
        self._take(self._table, rows)
        if rejects:
            self._take(QUARANTINE, self._rejected(rejects))

    def close(self) -> Iterator[Part]:
        """Write the rest and return all parts in order."""
        for table in (self._table, QUARANTINE):
            self._write(table)
        yield from self._parts

    def _take(self, table: Table, rows: pl.DataFrame) -> None:
        waiting = self._waiting[table.name]
        if rows.height:
            waiting.append(rows)
        if sum(frame.height for frame in waiting) >= BATCH_ROWS:
            self._write(table)

    def _rejected(self, rejects: list[Reject]) -> pl.DataFrame:
        frame = pl.DataFrame(rejects, schema=_REJECT, orient="row").with_columns(
            pl.lit(self._piece.source.name).alias("source"),
            pl.lit(self._piece.file.uri).alias("uri"),
            pl.lit("").alias("file_id"),
        )
        return frame.select(list(QUARANTINE.schema))

    def _write(self, table: Table) -> None:
        """Write a part under another name first, so that a part is whole or not there."""
        waiting = self._waiting[table.name]
        if not waiting:
            return
        rows = pl.concat(waiting)
        waiting.clear()
        validate(table, rows)
        path = self._piece.folder / f"{self._piece.name}.{len(self._parts):05}.parquet"
        fresh = path.with_suffix(".new")
        try:
            rows.write_parquet(fresh, compression="lz4", statistics=False)
            fresh.replace(path)
        except (OSError, pl.exceptions.ComputeError) as error:
            raise WarehouseError(
                f"The parts of the landing cannot be written to {path.parent}: {error}. Make room on that "
                "disk, or give yourself the right to write there, and run again. The last good state is kept."
            ) from None
        self._parts.append(Part(table.name, path))
