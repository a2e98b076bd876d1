"""Small files of one source that are read as one: their rows have their parts in common.

What a file costs beside its bytes (a task, a part, a transaction) is most of what a small one costs.
"""

from typing import NamedTuple

import polars as pl

from pipeline.errors import SourceError
from pipeline.intake.decoding import DecodeOptions
from pipeline.intake.file_rows import READABLE, read_file
from pipeline.intake.file_rows import Piece as Rows
from pipeline.intake.handover import Handover, Held, Part
from pipeline.intake.part_writer import PartWriter, quarantined
from pipeline.intake.parts import CHANGED, Piece, Read
from pipeline.provider import Reject
from pipeline.storage import signature
from pipeline.stored import StoredFile

SMALL_BYTES = 256 << 10
"""Smaller files are read and landed in groups; of a larger one the bytes take most of the time."""

MOST_FILES = 256
MOST_BYTES = 8 << 20
"""So many files and stored bytes at most make a group: what a worker does, and a kill may lose, at once."""


class Group(NamedTuple):
    """Whole files of one source, with the hashes of their bytes, or why they have none."""

    pieces: tuple[Piece, ...]
    file_ids: tuple[str, ...]
    errors: tuple[str | None, ...]

    @property
    def place(self) -> Handover | Held:
        """Where their parts go."""
        return self.pieces[0].place

    @property
    def name(self) -> str:
        """Unique among pieces and groups."""
        return f"{self.pieces[0].name}+{len(self.pieces)}"


class GroupRead(NamedTuple):
    """What a group came to: parts whose rows bear their file's hash, and the counts of each file."""

    parts: tuple[Part, ...]
    reads: tuple[Read, ...]


def is_small(file: StoredFile, options: DecodeOptions) -> bool:
    """Return whether a file is read in a group."""
    return file.size_bytes < min(SMALL_BYTES, options.piece_bytes)


def read_group(group: Group) -> GroupRead:
    """Write the parts of a group; of a file that cannot be read as a whole they hold one reject, and no row.

    Raises:
        StorageError: the place of an object cannot be read, or that of the parts be written.
        WarehouseError: the parts cannot be written.
    """
    writer = PartWriter(group.pieces[0].source.kind, group.place, group.name)
    files = zip(group.pieces, group.file_ids, group.errors, strict=True)
    reads = [_read(writer, piece, file_id, error) for piece, file_id, error in files]
    return GroupRead(writer.close(), tuple(reads))


def _read(writer: PartWriter, piece: Piece, file_id: str, error: str | None) -> Read:
    try:
        found = _found(piece, error)
    except SourceError as refusal:
        why = (refusal.code, refusal.reason, refusal.advice)
        writer.reject(
            quarantined([Reject(None, None, None, *why)], piece.source.name, piece.file.uri, file_id)
        )
        return Read(read=1, refused=why)
    for one in found:
        writer.add(one.rows.with_columns(pl.lit(file_id).alias("file_id")))
        if one.rejects:
            writer.reject(quarantined(one.rejects, piece.source.name, piece.file.uri, file_id))
    form = next((one.format for one in reversed(found) if one.format != "unknown"), "unknown")
    return Read(read=sum(one.read for one in found), format=form)


def _found(piece: Piece, error: str | None) -> list[Rows]:
    """Return all that is in a file; whole, so that nothing of it is kept if it ends badly."""
    if error:
        raise SourceError("unreadable_file", f"The file cannot be opened: {error}.", READABLE)
    found = list(read_file(piece.source, piece.file, piece.options))
    if signature(piece.file) != piece.signature:
        raise SourceError(*CHANGED)
    return found
