"""Files read ahead of the one that is landed, by any executor, and handed over in their order."""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from itertools import chain
from typing import Any

from pipeline.errors import SourceError
from pipeline.executors import lost
from pipeline.intake.decoding import DecodeOptions
from pipeline.intake.groups import Group, GroupRead, read_group
from pipeline.intake.handover import Handover, Held
from pipeline.intake.manifest import Key, Offered
from pipeline.intake.parts import CHANGED, Piece, Read, pieces_of, read_piece
from pipeline.source_settings import Source
from pipeline.storage import signature
from pipeline.stored import StoredFile

_AHEAD = 256
"""Pieces and groups that are read or wait to be landed: a few gigabytes, a tenth of that as parts."""


class ReadAhead:
    """The pieces of the files that are expected to be new, and of those that turn out to be.

    Make it before files are hashed.
    """

    def __init__(
        self, executor: Executor, place: Handover | Held, options: DecodeOptions,
        listed: Iterable[tuple[Source, StoredFile]],
    ) -> None:  # fmt: skip
        self._executor = executor
        self._place = place
        self.options = options
        self._pieces: dict[Key, list[Piece]] = {}
        self._running: dict[str, Future[Any]] = {}
        self._started: set[str] = set()
        self._upcoming: Iterator[Piece | Group] = iter(())
        self._signatures = {
            (source.name, file.uri): "" if file.remote else signature(file) for source, file in listed
        }
        """Taken before files are hashed, so that what is read are the bytes that were hashed."""

    def expect(self, wanted: Iterable[Group | tuple[Source, StoredFile]]) -> None:
        """Read files and groups, in this order, when those that were expected before are being read."""
        tasks = ([one] if isinstance(one, Group) else self._of(*one) for one in wanted)
        self._upcoming = chain(self._upcoming, chain.from_iterable(tasks))
        self._fill()

    def group(self, items: Iterable[Offered]) -> Group:
        """Return what a worker is told of small files of one source."""
        known = [(self._whole(item.source, item.file), item.file_id, item.error) for item in items]
        return Group(*zip(*known, strict=True))

    def result(self, group: Group) -> GroupRead:
        """Return what a group came to.

        Raises:
            TallystickError: a worker died.
        """
        self._fill()
        future = self._running.pop(group.name, None) or self._submit(group)
        read: GroupRead = self._waited_for(future)
        return read

    def results(self, source: Source, file: StoredFile) -> Iterator[tuple[Piece, Read]]:
        """Return what the pieces of a file came to, in order.

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
            self._pieces[key] = pieces_of(self._whole(source, file))
        return self._pieces[key]

    def _whole(self, source: Source, file: StoredFile) -> Piece:
        key = source.name, file.uri
        name = hashlib.sha256("\0".join(key).encode()).hexdigest()[:16]
        return Piece(source, file, self._signatures[key], self.options, self._place, name)

    def _fill(self) -> None:
        while len(self._running) < _AHEAD and (task := next(self._upcoming, None)):
            if task.name not in self._started:
                self._running[task.name] = self._submit(task)

    def _submit(self, task: Piece | Group) -> Future[Any]:
        self._started.add(task.name)
        try:
            if isinstance(task, Group):
                return self._executor.submit(read_group, task)
            return self._executor.submit(read_piece, task)
        except RuntimeError as error:
            raise lost(error) or error from None

    def _waited_for(self, future: Future[Any]) -> Any:
        try:
            return future.result()
        except Exception as error:
            if told := lost(error):
                raise told from error
            raise

    def _result(self, future: Future[Read]) -> Read:
        read: Read = self._waited_for(future)
        if read.refused:
            raise SourceError(*read.refused)
        return read
