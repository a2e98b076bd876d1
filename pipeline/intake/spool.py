"""What the bytes of listed files are: hashed once, and objects of S3 kept for the reading that follows.

An object is fetched once: while it is hashed it is copied to disk, up to a bound. What does not fit there is
read again from S3, in the same state or not at all. What the manifest remembers is not fetched.
"""

import hashlib
import io
import shutil
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from pipeline.errors import SourceError
from pipeline.storage import hash_file, look_again, open_stored
from pipeline.stored import StoredFile

MAX_SPOOL_BYTES = 16 * 1024**3
"""So much lies on disk at most, and never more than half of what is free there."""

THREADS = 16
"""Files that are fetched at once: of small objects it is the waiting that takes time."""

_BLOCK_BYTES = 1 << 20
_LOOKS = 3


class Identified(NamedTuple):
    """A file and the first 16 hex digits of the SHA-256 of its bytes, or why they are not known."""

    file: StoredFile
    file_id: str
    error: str | None = None


class Spool:
    """A folder for copies of objects that goes when the landing ends; a killed one's goes at the next."""

    def __init__(self, folder: Path, most_bytes: int = MAX_SPOOL_BYTES) -> None:
        self.folder = folder
        self._most_bytes = most_bytes
        self._bytes = 0
        self._lock = threading.Lock()

    def __enter__(self) -> "Spool":
        shutil.rmtree(self.folder, ignore_errors=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def identify(self, listed: Iterable[tuple[StoredFile, str | None]]) -> Iterator[Identified]:
        """Return what the files are, in their order; those whose id is given are not read.

        An object that changed since it was listed is taken as it is now.

        Raises:
            StorageError: a whole place cannot be read.
        """
        with ThreadPoolExecutor(THREADS, "fetch") as pool:
            yield from pool.map(self._identified, listed)

    def _identified(self, listed: tuple[StoredFile, str | None]) -> Identified:
        file, known = listed
        if known is not None:
            return Identified(file, known)
        try:
            return self._fetched(file) if file.remote else Identified(file, hash_file(file)[:16])
        except OSError as error:
            return Identified(file, f"unreadable {file.uri}", str(error.strerror))

    def _fetched(self, file: StoredFile) -> Identified:
        for _ in range(_LOOKS):
            try:
                return self._copied(file)
            except SourceError:
                file = look_again(file)
        return Identified(file, f"unreadable {file.uri}", "it changes faster than it can be read")

    def _copied(self, file: StoredFile) -> Identified:
        copy = self.folder / hashlib.sha256(file.uri.encode()).hexdigest()
        with open_stored(replace(file, path=None)) as stored, self._begun(copy, file.size_bytes) as kept:
            digest, is_whole = _tee(stored, kept)
        return Identified(replace(file, path=copy if is_whole else None), digest[:16])

    def _begun(self, copy: Path, size_bytes: int) -> AbstractContextManager[io.FileIO | None]:
        """Open a copy for writing, where there is room for it and the disk takes it."""
        try:
            return copy.open("wb", buffering=0) if self._has_room(size_bytes) else nullcontext()
        except OSError:
            return nullcontext()

    def _has_room(self, size_bytes: int) -> bool:
        with self._lock:
            if not self._bytes:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._most_bytes = min(self._most_bytes, shutil.disk_usage(self.folder).free // 2)
            has_room = self._bytes + size_bytes <= self._most_bytes
            self._bytes += size_bytes * has_room
            return has_room


def _tee(stored: io.BufferedReader, kept: io.FileIO | None) -> tuple[str, bool]:
    """Return the hash of all bytes, and whether all were kept: a full disk does not stop the hashing."""
    digest, is_whole = hashlib.sha256(), kept is not None
    while block := stored.read(_BLOCK_BYTES):
        digest.update(block)
        try:
            is_whole = is_whole and kept is not None and kept.write(block) == len(block)
        except OSError:
            is_whole = False
    return digest.hexdigest(), is_whole
