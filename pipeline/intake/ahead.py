"""Files read ahead of the one that is landed, by any executor, and handed over in their order."""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from itertools import chain
from pathlib import Path

from pipeline.errors import SourceError
from pipeline.executors import lost
from pipeline.intake.decoding import DecodeOptions
from pipeline.intake.manifest import Key
from pipeline.intake.parts import CHANGED, Piece, Read, pieces_of, read_piece
from pipeline.settings import Source
from pipeline.storage import signature
from pipeline.stored import StoredFile

_AHEAD = 256
"""Pieces that are read or wait to be landed: a few gigabytes of input, a tenth of that as parts."""


class ReadAhead:
    """The pieces of the files that are expected to be new, and of those that turn out to be.

    Make it before files are hashed.
    """

    def __init__(
        self, executor: Executor, folder: Path, options: DecodeOptions,
        listed: Iterable[tuple[Source, StoredFile]],
    ) -> None:  # fmt: skip
        self._executor = executor
        self._folder = folder
        self._options = options
        self._pieces: dict[Key, list[Piece]] = {}
        self._running: dict[str, Future[Read]] = {}
        self._started: set[str] = set()
        self._upcoming: Iterator[Piece] = iter(())
        self._signatures = {
            (source.name, file.uri): "" if file.remote else signature(file) for source, file in listed
        }
        """Taken before files are hashed, so that what is read are the bytes that were hashed."""

    def expect(self, files: Iterable[tuple[Source, StoredFile]]) -> None:
        """Read files, in this order, when those that were expected before are being read."""
        self._upcoming = chain(self._upcoming, chain.from_iterable(self._of(*item) for item in files))
        self._fill()

    def results(self, source: Source, file: StoredFile) -> Iterator[tuple[Piece, Read]]:
        """Return what the pieces of a file came to, in order, and remove their parts afterwards.

        Raises:
            SourceError: the file as a whole cannot be read, or changed since it was listed.
            TallystickError: a worker died.
        """
        pieces = self._of(source, file)
        self._upcoming = chain([piece for piece in pieces if piece.name not in self._started], self._upcoming)
        try:
            for piece in pieces:
                self._fill()
                future = self._running.pop(piece.name, None) or self._submit(piece)
                yield piece, self._result(future)
        finally:
            self.drop(source, file)
        if signature(file) != pieces[0].signature:
            raise SourceError(*CHANGED)

    def drop(self, source: Source, file: StoredFile) -> None:
        """Forget a file: it is landed, or need not be."""
        for piece in self._pieces.pop((source.name, file.uri), ()):
            self._started.add(piece.name)
            if future := self._running.pop(piece.name, None):
                future.cancel()

    def _of(self, source: Source, file: StoredFile) -> list[Piece]:
        key = source.name, file.uri
        if key not in self._pieces:
            name = hashlib.sha256("\0".join(key).encode()).hexdigest()[:16]
            whole = Piece(source, file, self._signatures[key], self._options, self._folder, name)
            self._pieces[key] = pieces_of(whole)
        return self._pieces[key]

    def _fill(self) -> None:
        while len(self._running) < _AHEAD and (piece := next(self._upcoming, None)):
            if piece.name not in self._started:
                self._running[piece.name] = self._submit(piece)

    def _submit(self, piece: Piece) -> Future[Read]:
        self._started.add(piece.name)
        try:
            return self._executor.submit(read_piece, piece)
        except RuntimeError as error:
            raise lost(error) or error from None

    def _result(self, future: Future[Read]) -> Read:
        try:
            read = future.result()
        except Exception as error:
            if told := lost(error):
                raise told from error
            raise
        if read.refused:
            raise SourceError(*read.refused)
        return read
