"""A piece of a file to Parquet parts: a pure function that any executor can run, here or elsewhere."""

from typing import NamedTuple

from pipeline.content import HEAD_BYTES, open_content
from pipeline.errors import SourceError
from pipeline.intake.blocks import record_start
from pipeline.intake.decoding import DecodeOptions
from pipeline.intake.file_rows import READABLE, Extent, read_file
from pipeline.intake.handover import Handover, Held, Part
from pipeline.intake.part_writer import PartWriter, quarantined
from pipeline.source_settings import Source
from pipeline.storage import signature
from pipeline.stored import StoredFile
from pipeline.traces import trace_format
from pipeline.traces.otlp_json import OTLP_JSON

CHANGED = ("changed_while_read", "The file changed while it was read.", "Land again.")
"""Code, reason and advice of a file that was written while it was read."""


class Piece(NamedTuple):
    """A file, or some bytes of a plain dump, and where its parts go: all that a worker is told."""

    source: Source
    file: StoredFile
    signature: str
    """Of the file, before it was hashed."""
    options: DecodeOptions
    place: Handover | Held
    name: str
    """Unique in the place: the parts of a piece that is read twice have the same names."""
    first: int = 0
    last: int | None = None
    """Where the records of the piece start: from the first byte on, before the last. Null: the whole file."""
    records_before: int | None = None
    """Of messages, which are counted: so many lie before the piece, which starts and ends with one."""

    @property
    def size_bytes(self) -> int:
        """Stored bytes, for the progress."""
        return self.file.size_bytes if self.last is None else self.last - self.first


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


def pieces_of(whole: Piece) -> list[Piece]:
    """Return the pieces of a whole file: one, or many of a large OTLP dump that is stored as it is read.

    Raises:
        StorageError: the place of an object cannot be read.
    """
    size, step = whole.file.size_bytes, whole.options.piece_bytes
    if whole.source.kind != "traces" or size < 2 * step:
        return [whole]
    try:
        starts = _starts(whole.source, whole.file, step)
    except (OSError, SourceError):  # whoever reads it says so
        return [whole]
    if not starts:
        return [whole]
    ends = [*(first for first, _ in starts[1:]), size]
    return [
        whole._replace(name=f"{whole.name}-{number:05}", first=first, last=last, records_before=before)
        for number, ((first, before), last) in enumerate(zip(starts, ends, strict=True))
    ]


def _starts(source: Source, file: StoredFile, step: int) -> list[tuple[int, int | None]]:
    """Return where pieces start and what `records_before` they have; none where a dump cannot be cut.

    JSON is read from any place on. Between messages it takes their lengths, so the file has to lie here.
    """
    with open_content(file) as (content, stream):
        dump = trace_format(stream.peek(HEAD_BYTES)[:HEAD_BYTES], source.format)
        if content.coding != "plain":
            return []
    if dump is OTLP_JSON:
        return [(first, None) for first in range(0, file.size_bytes, step)]
    if dump.messages is None or file.path is None:
        return []
    with file.path.open("rb") as lengths:
        return [(0, 0), *((at.byte_offset, at.records) for at in dump.messages.starts(lengths, step))]


def read_piece(piece: Piece) -> Read:
    """Write the parts of a piece and return their places and counts.

    Raises:
        StorageError: the place of an object cannot be read, or that of the parts be written.
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
    extent = None
    if piece.last is not None:
        try:
            extent = _extent(piece, piece.last)
        except OSError as error:
            reason = f"The file cannot be read: {error.strerror}."
            raise SourceError("unreadable_file", reason, READABLE) from None
        if extent is None:
            return Read()
    writer, read, lines, form = PartWriter(piece.source.kind, piece.place, piece.name), 0, 0, "unknown"
    for found in read_file(piece.source, piece.file, piece.options, extent):
        writer.add(found.rows)
        if found.rejects:
            writer.reject(quarantined(found.rejects, piece.source.name, piece.file.uri, ""))
        read += found.read
        lines += found.lines
        form = found.format if found.format != "unknown" else form
    return Read(writer.close(), read, lines, form)


def _extent(piece: Piece, last: int) -> Extent | None:
    """Return where the records of a piece lie.

    A record belongs to the piece in which it starts. Where none starts there are none.
    """
    if piece.records_before is not None:
        return Extent(piece.first, last - piece.first, piece.records_before)
    whole = piece.file.size_bytes
    start = record_start(piece.file, piece.first, last)
    if start is None:
        return None
    end = record_start(piece.file, last, whole)
    return Extent(start, (whole if end is None else end) - start, None)
