"""Blocks of whole lines, as the scan takes them: some megabytes at a time, however long the file is."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pipeline.content import MAX_LINE_BYTES, Content, is_json
from pipeline.storage import open_stored
from pipeline.stored import StoredFile

BLOCK_BYTES = 16 << 20
PADDING = b"\n" * 32
"""What stands behind the lines: the scan looks at eight bytes together."""

_LOOK = 256 << 10


class Block(NamedTuple):
    """Whole lines, each with its line feed, even if the file forgot the last one; then PADDING."""

    data: bytes
    byte_offset: int
    """Where the block starts in the decompressed bytes."""
    skipped: int = 0
    """Bytes of the one line of this block, which was too long to read; `data` is then of no use."""


def read_blocks(
    stream: BinaryIO, content: Content | None = None, offset: int = 0, size: int | None = None
) -> Iterator[Block]:
    """Return the lines of a stream, or of so many bytes of it, in blocks.

    The piece of a line at which compressed data breaks is left out, unless it is whole.
    """
    rest, left = b"", size
    while data := stream.read(BLOCK_BYTES if left is None else min(BLOCK_BYTES, left)):
        left = None if left is None else left - len(data)
        cut = data.rfind(b"\n") + 1
        if not cut:
            rest += data
            if len(rest) > MAX_LINE_BYTES:
                skipped = len(rest) + _skip_line(stream, left)
                left = None if left is None else left - (skipped - len(rest))
                yield Block(b"\n", offset, skipped)
                offset, rest = offset + skipped, b""
            continue
        first = data.index(b"\n") + 1
        if len(rest) + first > MAX_LINE_BYTES + 1:
            yield Block(b"\n", offset, len(rest) + first)
            offset, rest = offset + len(rest) + first, b""
        else:
            first = 0
        if cut > first:
            yield Block(b"".join((rest, memoryview(data)[first:cut], PADDING)), offset)
        offset, rest = offset + len(rest) + cut - first, data[cut:]
    if rest and not (content and content.broken and not is_json(rest)):
        yield Block(rest + b"\n" + PADDING, offset)


def _skip_line(stream: BinaryIO, left: int | None) -> int:
    """Read to the end of the line; return how many bytes that were."""
    skipped = 0
    while left is None or skipped < left:
        rest = stream.readline(1 << 20 if left is None else min(1 << 20, left - skipped))
        skipped += len(rest)
        if not rest or rest.endswith(b"\n"):
            break
    return skipped


def record_start(file: StoredFile | Path, first: int, last: int) -> int | None:
    """Return where the first record from a byte on starts, or null if none does before the last byte.

    A line that starts at the margin with an open bracket always is a new record, whatever stands before it.
    """
    if first == 0:
        return 0
    at, data = first - 1, b""
    with open_stored(file, at) as stream:
        while at < last - 1:
            data = data[-1:] + stream.read(min(_LOOK, last - at) - len(data[-1:]))
            if len(data) < 2:
                return None
            places = [place for place in (data.find(b"\n{"), data.find(b"\n[")) if place >= 0]
            if places:
                return at + min(places) + 1
            at += len(data) - 1
    return None
