"""Small files of one source that are read as one: their rows have their parts in common.

What a file costs beside its bytes (a task, a part, a transaction) is most of what a small one costs.
"""

from typing import NamedTuple

import polars as pl

from pipeline.errors import SourceError
from pipeline.intake.decoding import DecodeOptions
from pipeline.intake.file_rows import read_file
from pipeline.intake.handover import Handover, Part
from pipeline.intake.part_writer import PartWriter, quarantined
from pipeline.intake.parts import CHANGED, Piece, Read
from pipeline.storage import signature
from pipeline.stored import StoredFile

SMALL_BYTES = 256 << 10
"""Smaller files are read and landed in groups; of a larger one the bytes take most of the time."""

MOST_FILES = 256
MOST_BYTES = 8 << 20
"""So many files and stored bytes at most make a group: what a worker does, and a kill may lose, at once."""


class Group(NamedTuple):
    """Whole files of one source, with the hashes of their bytes."""

    pieces: tuple[Piece, ...]
    file_ids: tuple[str, ...]

    @property
    def place(self) -> Handover:
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
    """Write the parts of a group; a file that cannot be read as a whole leaves no row in them.

    Raises:
        StorageError: the place of an object cannot be read, or that of the parts be written.
        WarehouseError: the parts cannot be written.
    """
    writer = PartWriter(group.pieces[0].source.kind, group.place, group.name)
    reads = [_read(writer, *one) for one in zip(group.pieces, group.file_ids, strict=True)]
    return GroupRead(writer.close(), tuple(reads))


def _read(writer: PartWriter, piece: Piece, file_id: str) -> Read:
    try:
        found = list(read_file(piece.source, piece.file, piece.options))
    except SourceError as error:
        return Read(refused=(error.code, error.reason, error.advice))
    if signature(piece.file) != piece.signature:
        return Read(refused=CHANGED)
    bears = pl.lit(file_id).alias("file_id")
    for one in found:
        rejects = one.rejects
        rejected = quarantined(rejects, piece.source.name, piece.file.uri, file_id) if rejects else None
        writer.add(one.rows.with_columns(bears), rejected)
    form = next((one.format for one in reversed(found) if one.format != "unknown"), "unknown")
    return Read((), sum(one.read for one in found), format=form)
