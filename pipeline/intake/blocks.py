"""Blocks of whole lines, as the scan takes them: some megabytes at a time, however long the file is."""

import io
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
_SLACK = 1 << 20
"""Room for the start of a line that goes on in the next block."""
_NOTHING = memoryview(b"\n")


class Block(NamedTuple):
    """Whole lines, each with its line feed, even if the file forgot the last one; then PADDING."""

    data: memoryview
    """Of the reader: the next block is written over it."""
    byte_offset: int
    """Where the block starts in the decompressed bytes."""
    skipped: int = 0
    """Bytes of the one line of this block, which was too long to read; `data` is then of no use."""


def read_blocks(
    stream: io.BufferedReader, content: Content | None = None, offset: int = 0, size: int | None = None
) -> Iterator[Block]:
    """Return the lines of a stream, or of so many bytes of it, in blocks; each lasts until the next.

    The piece of a line at which compressed data breaks is left out, unless it is whole.
    """
    room, held, left = _Room(), 0, size
    while got := room.read(stream, held, BLOCK_BYTES if left is None else min(BLOCK_BYTES, left)):
        left = None if left is None else left - got
        end = held + got
        cut = room.data.rfind(b"\n", held, end) + 1
        if not cut:
            held = end
            if held > MAX_LINE_BYTES:
                skipped = held + _skip_line(stream, left)
                left = None if left is None else left - (skipped - held)
                yield Block(_NOTHING, offset, skipped)
                offset, held = offset + skipped, 0
            continue
        first = room.data.index(b"\n", held) + 1
        if first > MAX_LINE_BYTES + 1:
            yield Block(_NOTHING, offset, first)
        else:
            first = 0
        rest = bytes(room.view[cut:end])
        if cut > first:
            yield Block(room.padded(first, cut), offset + first)
        offset, held = offset + cut, room.put(rest)
    if held and not (content and content.broken and not is_json(bytes(room.view[:held]))):
        held = room.put(bytes(room.view[:held]) + b"\n")
        yield Block(room.padded(0, held), offset)


class _Room:
    """Bytes to read into, used again for every block: fresh memory costs as much as the reading."""

    def __init__(self) -> None:
        self.data = bytearray(BLOCK_BYTES + _SLACK)
        self.view = memoryview(self.data)

    def read(self, stream: io.BufferedReader, held: int, size: int) -> int:
        """Read so many bytes behind those that are held; return how many came."""
        if held + size + len(PADDING) >= len(self.data):
            data = bytearray(2 * (held + size) + _SLACK)
            data[:held] = self.view[:held]
            self.data, self.view = data, memoryview(data)
        return stream.readinto(self.view[held : held + size])

    def padded(self, first: int, last: int) -> memoryview:
        """Return some bytes with PADDING behind them, written over what was there."""
        self.view[last : last + len(PADDING)] = PADDING
        return self.view[first : last + len(PADDING)].toreadonly()

    def put(self, data: bytes) -> int:
        """Write bytes at the start; return how many."""
        self.view[: len(data)] = data
        return len(data)


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
