"""Blocks of whole lines, as the scan takes them: some megabytes at a time, however long the file is."""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from pipeline.storage import MAX_LINE_BYTES, Content, is_json

BLOCK_BYTES = 4 << 20


class Block(NamedTuple):
    """Whole lines; the last one ends with a line feed, even if the file forgot it."""

    data: bytes
    byte_offset: int
    """Where the block starts in the decompressed bytes."""
    skipped: int = 0
    """Bytes of the one line of this block, which was too long to read; `data` is then a line feed."""


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
        whole = rest + data[:cut] if rest else data[:cut]
        if len(rest) + data.index(b"\n") > MAX_LINE_BYTES:
            first = len(rest) + data.index(b"\n") + 1
            yield Block(b"\n", offset, first)
            offset, whole = offset + first, whole[first:]
        if whole:
            yield Block(whole, offset)
        offset, rest = offset + len(whole), data[cut:]
    if rest and not (content and content.broken and not is_json(rest)):
        yield Block(rest + b"\n", offset)


def _skip_line(stream: BinaryIO, left: int | None) -> int:
    """Read to the end of the line; return how many bytes that were."""
    skipped = 0
    while left is None or skipped < left:
        rest = stream.readline(1 << 20 if left is None else min(1 << 20, left - skipped))
        skipped += len(rest)
        if not rest or rest.endswith(b"\n"):
            break
    return skipped


def record_start(stream: BinaryIO, first: int, last: int) -> int | None:
    """Return where the first record from a byte on starts, or null if none does before the last byte.

    A line that starts at the margin with an open bracket always is a new record, whatever stands before it.
    """
    if first == 0:
        return 0
    at = first - 1
    while at < last - 1:
        stream.seek(at)
        data = stream.read(min(BLOCK_BYTES, last - at))
        if len(data) < 2:
            return None
        places = [place for place in (data.find(b"\n{"), data.find(b"\n[")) if place >= 0]
        if places:
            return at + min(places) + 1
        at += len(data) - 1
    return None
