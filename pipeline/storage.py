"""Which files a source offers, and their bytes: decompressed within bounds, hashed as stored, cut into lines.

Nothing here trusts a file: names that leave the folder are refused, compressed data is fed in pieces so small
that a bomb cannot fill the memory, and a line has a greatest length.
"""

import hashlib
import io
import os
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import quote

import msgspec
import zstandard

MAX_LINE_BYTES = 64 * 1024 * 1024
"""Longer lines are set aside unread."""

MAX_RATIO = 500
"""Decompressed bytes per stored byte; traces reach 50. Beyond it, and past FREE_BYTES, reading stops."""

FREE_BYTES = 64 * 1024 * 1024
"""So much may come out of any file, however small it is."""

_ENCODED = re.compile(r"%(?=[0-9A-Fa-f]{2})")
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_FEED = {"plain": 1 << 20, "gzip": 16 << 10, "zstd": 2 << 10}
"""Stored bytes fed at once: the worst ratios, 1,032 and 32,768, then yield 16 and 64 MiB."""
_HEAD_BYTES = 64 * 1024


@dataclass(frozen=True)
class StoredFile:
    """A file as it lies in a source."""

    path: Path
    uri: str
    """Path relative to the configuration's folder, with forward slashes; what cannot be printed as %0A."""
    size_bytes: int
    modified_at: datetime


class Ignored(NamedTuple):
    """A name in a source that is not read, and why."""

    uri: str
    why: str


class Listing(NamedTuple):
    """What a source offers: files sorted by uri, and what was passed over."""

    files: list[StoredFile]
    ignored: list[Ignored]


class Line(NamedTuple):
    """A line without its end; `size_bytes` above the length of `data` means that it was too long to read."""

    number: int
    byte_offset: int
    data: bytes
    size_bytes: int


def list_files(root: Path, uri: str) -> Listing:
    """Return the files of a source: one file, a folder with all below it, or a glob with `**`.

    Hidden names, links that leave the folder and what is not a regular file are passed over, visibly. What
    cannot be opened, a folder or a broken link too, is listed as a file: reading it says why.
    A uri that matches nothing gives an empty listing.
    """
    root = Path(os.path.normpath(root.absolute()))
    whole = Path(os.path.normpath(root / uri))
    base, pattern = _split_glob(whole)
    listing = Listing([], [])
    for path in sorted(set(_candidates(base, pattern)), key=lambda path: _relative(path, root)):
        name = _relative(path, root)
        if why := _refusal(path, base):
            listing.ignored.append(Ignored(name, why))
        else:
            listing.files.append(_stored(path, name))
    return listing


def _stored(path: Path, name: str) -> StoredFile:
    try:
        facts = path.stat()
    except OSError:
        return StoredFile(path, name, 0, datetime.fromtimestamp(0, UTC))
    return StoredFile(path, name, facts.st_size, datetime.fromtimestamp(int(facts.st_mtime), UTC))


def _split_glob(whole: Path) -> tuple[Path, str]:
    parts = whole.parts
    wild = next((i for i, part in enumerate(parts) if any(sign in part for sign in "*?[")), None)
    if wild is None or whole.exists():
        return whole, ""
    pattern = "/".join(parts[wild:])
    return Path(*parts[:wild]), f"{pattern}/*" if parts[-1] == "**" else pattern


def _candidates(base: Path, pattern: str) -> Iterator[Path]:
    if pattern:
        descends = "**" in pattern
        yield from (
            path for path in base.glob(pattern) if path.is_symlink() or not (descends and path.is_dir())
        )
    elif base.is_dir():
        closed: list[OSError] = []
        for folder, folders, names in os.walk(base, onerror=closed.append):
            links = [name for name in folders if (Path(folder) / name).is_symlink()]
            yield from (Path(folder) / name for name in (*names, *links))
        yield from (Path(error.filename) for error in closed)
    elif base.exists() or base.is_symlink():
        yield base


def _refusal(path: Path, base: Path) -> str:
    inside = path.relative_to(base).parts
    if any(part.startswith(".") for part in inside):
        return "hidden: its name, or that of a folder above it, starts with a dot"
    try:
        if not path.resolve(strict=True).is_relative_to(base.resolve()):
            return "a link that leaves the folder of the source"
        mode = path.stat().st_mode
    except (OSError, RuntimeError):  # Python 3.11 and 3.12 raise the latter for links in a circle
        return ""
    if stat.S_ISDIR(mode):
        return _folder_refusal(path)
    return "" if stat.S_ISREG(mode) else "not a regular file"


def _folder_refusal(path: Path) -> str:
    if path.is_symlink():
        return "a link to a folder"
    return "a folder; write `**` to read what is below it" if os.access(path, os.R_OK | os.X_OK) else ""


def _relative(path: Path, root: Path) -> str:
    """Return a name that can be printed on one line, and that no other file has: the rest is %-encoded."""
    name = _ENCODED.sub("%25", os.path.relpath(path, root))
    told = [char if char.isprintable() else quote(os.fsencode(char), safe="") for char in name]
    return "".join(told).replace(os.sep, "/")


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as stored, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Content(io.RawIOBase):
    """The decompressed bytes of a file: plain, gzip of any members, or zstd of any frames, by magic bytes.

    Damage does not raise: what came out stays readable, and `broken` says what happened.
    """

    def __init__(self, stored: BinaryIO) -> None:
        self._stored = stored
        self._digest = hashlib.sha256()
        self._codec: Any = None
        self._ready = memoryview(b"")
        self.broken: str | None = None
        """What is wrong with the compressed data; null as long as nothing is."""
        self.stored_bytes = 0
        self.bytes_out = 0
        head = stored.read(4)
        stored.seek(0)
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

    def sha256(self) -> str:
        """Return the SHA-256 of all stored bytes, in hex; reads what is left of them."""
        while self._take():
            pass
        return self._digest.hexdigest()

    def _take(self) -> bytes:
        data = self._stored.read(_FEED[self.coding])
        self._digest.update(data)
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
def open_content(path: Path) -> Iterator[tuple[Content, io.BufferedReader]]:
    """Open a file for reading: its content, which knows hash and damage, and a buffered stream over it."""
    with path.open("rb") as stored:
        content = Content(stored)
        yield content, io.BufferedReader(content, 1 << 20)


def read_head(path: Path, size: int = _HEAD_BYTES) -> bytes:
    """Return the first decompressed bytes of a file."""
    with open_content(path) as (_, stream):
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
            size += _skip_line(stream)
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


def _skip_line(stream: io.BufferedReader) -> int:
    skipped = 0
    while rest := stream.readline(1 << 20):
        skipped += len(rest)
        if rest.endswith(b"\n"):
            break
    return skipped
