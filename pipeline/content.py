"""The bytes of a file: decompressed within bounds, cut into lines.

Nothing here trusts a file: compressed data is fed in pieces so small that a bomb cannot fill the memory, and
a line has a greatest length.
"""

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import zstandard

from pipeline.storage import open_stored
from pipeline.stored import StoredFile

MAX_LINE_BYTES = 64 * 1024 * 1024
"""Longer lines are set aside unread."""

MAX_RATIO = 500
"""Decompressed bytes per stored byte; traces reach 50. Beyond it, and past FREE_BYTES, reading stops."""

FREE_BYTES = 64 * 1024 * 1024
"""So much may come out of any file, however small it is."""

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_FEED = {"plain": 1 << 20, "gzip": 16 << 10, "zstd": 2 << 10}
"""Stored bytes fed at once: the worst ratios, 1,032 and 32,768, then yield 16 and 64 MiB."""

HEAD_BYTES = 64 * 1024
"""So much is looked at to tell a format."""


class Line(NamedTuple):
    """A line without its end; `size_bytes` above the length of `data` means that it was too long to read."""

    number: int
    byte_offset: int | None
    data: bytes
    size_bytes: int


class Slice(io.RawIOBase):
    """So many of the bytes that come next."""

    def __init__(self, stored: io.BufferedReader, size: int) -> None:
        self._stored = stored
        self._left = size

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer; 0 at the end."""
        size = self._stored.readinto(memoryview(buffer)[: self._left])
        self._left -= size
        return size


class Content(io.RawIOBase):
    """The decompressed bytes of a file: plain, gzip of any members, or zstd of any frames, by magic bytes.

    Damage does not raise: what came out stays readable, and `broken` says what happened.
    """

    def __init__(self, stored: io.BufferedIOBase | io.RawIOBase) -> None:
        self._stored = stored
        self._codec: Any = None
        self._ready = memoryview(b"")
        self.broken: str | None = None
        """What is wrong with the compressed data; null as long as nothing is."""
        self.stored_bytes = 0
        self.bytes_out = 0
        self._head = head = stored.read(4)
        self.coding = "gzip" if head[:2] == _GZIP else "zstd" if _is_zstd(head) else "plain"

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer; 0 at the end, or where the data breaks."""
        while not self._ready:
            if self.broken or not self._advance():
                return 0
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _take(self) -> bytes:
        data, self._head = self._head + self._stored.read(_FEED[self.coding]), b""
        self.stored_bytes += len(data)
        return data

    def _advance(self) -> bool:
        data = self._take()
        if not data:
            if self._codec is not None:
                self.broken = f"the {self.coding} data stops in the middle after {self.stored_bytes} bytes"
            return False
        ready = data if self.coding == "plain" else self._inflate(data)
        self.bytes_out += len(ready)
        if self.bytes_out > FREE_BYTES + MAX_RATIO * self.stored_bytes:
            self.broken = f"{self.stored_bytes} stored bytes grew to more than {MAX_RATIO} times their size"
            ready = b""
        self._ready = memoryview(ready)
        return True

    def _inflate(self, data: bytes) -> bytes:
        parts: list[bytes] = []
        try:
            while data:
                if self._codec is None:
                    data = data.lstrip(b"\0") if self.bytes_out or parts else data
                    self._codec = _codec(self.coding) if data else None
                    continue
                parts.append(self._codec.decompress(data))
                data = self._codec.unused_data if self._codec.eof else b""
                self._codec = None if self._codec.eof else self._codec
        except (zlib.error, zstandard.ZstdError):
            self.broken = f"the {self.coding} data is damaged within its first {self.stored_bytes} bytes"
        return b"".join(parts)


def _is_zstd(head: bytes) -> bool:
    is_skippable = len(head) == 4 and head[0] & 0xF0 == 0x50 and head[1:] == b"\x2a\x4d\x18"
    return head == _ZSTD or is_skippable


def _codec(coding: str) -> Any:
    if coding == "gzip":
        return zlib.decompressobj(wbits=31)
    return zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()


@contextmanager
def open_content(file: StoredFile | Path) -> Iterator[tuple[Content, io.BufferedReader]]:
    """Open a file for reading: its content, which knows hash and damage, and a buffered stream over it."""
    with open_stored(file) as stored:
        content = Content(stored)
        yield content, io.BufferedReader(content, 1 << 20)


def read_head(file: StoredFile | Path, size: int = HEAD_BYTES) -> bytes:
    """Return the first decompressed bytes of a file."""
    with open_content(file) as (_, stream):
        return stream.read(size)


def read_lines(content: Content, stream: io.BufferedReader) -> Iterator[Line]:
    """Return the lines of a file, without a leading byte order mark.

    The piece of a line at which compressed data breaks is left out, unless it is whole.
    """
    number, offset = 0, 0
    while data := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        size = len(data)
        if size > MAX_LINE_BYTES and not data.endswith(b"\n"):
            size += skip_line(stream)
            data = b""
        elif content.broken and not data.endswith(b"\n") and not is_json(data):
            return
        if number == 1:
            data = data.removeprefix(b"\xef\xbb\xbf")
        yield Line(number, offset, data.rstrip(), size)
        offset += size


def is_json(data: bytes) -> bool:
    """Return whether bytes are JSON, of any shape."""
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def skip_line(stream: io.BufferedReader) -> int:
    """Read to the end of the line; return how many bytes that were."""
    skipped = 0
    while rest := stream.readline(1 << 20):
        skipped += len(rest)
        if rest.endswith(b"\n"):
            break
    return skipped
