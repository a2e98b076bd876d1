"""What becomes of every file that is offered: its rows, and its row in raw.file, in transactions.

A large file is a transaction of its own, small ones share one. What a file comes to never depends on those
that it shares it with: what is bad about one sets that one aside.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import polars as pl

from pipeline.errors import BalanceError, SourceError
from pipeline.intake.ahead import ReadAhead
from pipeline.intake.groups import MOST_BYTES, MOST_FILES, Group, is_small
from pipeline.intake.handover import Part
from pipeline.intake.manifest import (
    COUNTS,
    QUARANTINE,
    TABLE_OF_KIND,
    Key,
    Manifest,
    Offered,
    fingerprint,
    is_same,
    row_of,
)
from pipeline.intake.part_writer import quarantined
from pipeline.intake.parts import Read
from pipeline.intake.row_groups import filling
from pipeline.landing_progress import Told
from pipeline.provider import Reject
from pipeline.settings import Settings
from pipeline.source_settings import Source
from pipeline.stored import StoredFile
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME

log = logging.getLogger(__name__)

OF_THE_MOMENT = ("changed_while_read", "unreadable_file")
"""Reasons that say nothing of what a file holds."""

_SETTLED, _READ, _REPEATED = range(3)
"""What there is to do about a file, in the order in which it is done."""
_MOST_UNREAD = 10_000
"""Files that need not be read: so many share a transaction."""

Row = dict[str, Any]


class _Batch(NamedTuple):
    """Files that share a transaction."""

    work: Literal["unread", "group", "large"]
    items: list[Offered]


class Taken(NamedTuple):
    """What became of a file, and the counts of its records, if it was read."""

    item: Offered
    what: str
    counts: dict[str, int]


class Taking:
    """One run over all files: what is wanted is known before the first file is touched."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a run consists of
        self,
        settings: Settings,
        warehouse: Warehouse,
        manifest: Manifest,
        offered: list[Offered],
        wanted: dict[Key, Key],
        ahead: ReadAhead,
        tell: Told,
        scratch: Path,
    ) -> None:
        self.warehouse = warehouse
        self.manifest = manifest
        self.keys = {item.key for item in offered}
        self.wanted = wanted
        self.ahead = ahead
        self.tell = tell
        self.scratch = scratch
        self._decoders = {item.source.name: fingerprint(item.source, settings) for item in offered}
        ranks = {item.key: self._rank(item) for item in offered}
        in_order = sorted(offered, key=lambda item: (ranks[item.key], item.key))
        self._batches = list(self._cut((item, ranks[item.key] == _READ) for item in in_order))

    def run(self) -> Iterator[Taken]:
        """Bring all files in: owners of content in order of their names, then those that repeat it."""
        for item in (item for batch in self._batches if batch.work == "unread" for item in batch.items):
            self.ahead.drop(item.source, item.file)
        self.ahead.expect(task for batch in self._batches for task in self._tasks(batch))
        for work, items in self._batches:
            if work == "group":
                yield from self._take_group(items)
            elif work == "large":
                yield self._take_large(*items)
            else:
                with self.manifest.transaction():
                    taken = [self._take_unread(item) for item in items]
                yield from taken

    def _rank(self, item: Offered) -> int:
        if self.wanted[item.content] != item.key:
            return _REPEATED
        old = self.manifest.rows.get(item.key)
        is_landed = old and is_same(old, self._row(item)) and not old["duplicate_of"]
        return _SETTLED if is_landed else _READ

    def _cut(self, items: Iterable[tuple[Offered, bool]]) -> Iterator[_Batch]:
        """Cut the files, with whether they are read, into those that share a transaction."""
        batch, gathered = _Batch("unread", []), 0
        for item, is_read in items:
            work = self._work(item) if is_read else "unread"
            gathered += item.file.size_bytes
            if batch.items and (work != batch.work or _is_full(batch, item, gathered)):
                yield batch
                batch, gathered = _Batch(work, []), item.file.size_bytes
            batch = _Batch(work, batch.items)
            batch.items.append(item)
        if batch.items:
            yield batch

    def _work(self, item: Offered) -> Literal["group", "large"]:
        return "group" if item.error or is_small(item.file, self.ahead.options) else "large"

    def _tasks(self, batch: _Batch) -> list[Group | tuple[Source, StoredFile]]:
        """Return what is read for a batch."""
        if batch.work == "large":
            return [(item.source, item.file) for item in batch.items]
        return [self.ahead.group(batch.items)] if batch.work == "group" else []

    def _row(self, item: Offered) -> Row:
        return row_of(item, self.wanted[item.content], self._decoders[item.source.name])

    def _what(self, item: Offered) -> str:
        return "replaced" if item.key in self.manifest.rows else "new"

    def _take_unread(self, item: Offered) -> Taken:
        """Bring in a file that repeats another, or whose rows are there."""
        old, row = self.manifest.rows.get(item.key, {}), self._row(item)
        same = bool(old) and is_same(old, row)
        if row["duplicate_of"]:
            row["format"] = self.manifest.rows[self.wanted[item.content]]["format"]
            if not same or any(old[name] != row[name] for name in ("duplicate_of", "format", "version")):
                self._release(item)
                self.manifest.put([row])
        elif old["version"] != row["version"]:  # written again with the same bytes
            self.manifest.put([old | {"version": row["version"]}])
        return Taken(item, "unchanged" if same else "duplicate", {})

    def _take_large(self, item: Offered) -> Taken:
        what, row = self._what(item), self._row(item)
        try:
            with self.manifest.transaction():
                row = self._land(item, row)
        except SourceError as error:
            with self.manifest.transaction():
                self._make_room(item)
                self.manifest.remove()
                row = self._set_aside(item, row, error)
                self.manifest.put([row])
        return Taken(item, what, {name: row[name] for name in COUNTS})

    def _land(self, item: Offered, row: Row) -> Row:
        self._make_room(item)
        self.manifest.remove()
        row, lines = dict(row), 0
        with filling(self.warehouse, item) as add:
            for piece, found in self.ahead.results(item.source, item.file):
                for part in found.parts:
                    rows = piece.place.taken(part.name, self.scratch)
                    count = add(BY_NAME[part.table], _placed(rows, item.file_id, lines))
                    row["rows_quarantined" if part.table == QUARANTINE.name else "rows_kept"] += count
                lines += found.lines
                row["rows_read"] += found.read
                row["format"] = found.format if found.format != "unknown" else row["format"]
                self.tell.piece(item, piece.size_bytes)
        _check_balance(row)
        self.manifest.put([row])
        return row

    def _take_group(self, items: list[Offered]) -> list[Taken]:
        """Bring small files in together; the parts are inserted in one go, and counted file by file."""
        whats = [self._what(item) for item in items]
        with self.manifest.transaction():
            for item in items:
                self._make_room(item)
                self.manifest.put([self._row(item)])
            self.manifest.remove()
            group = self.ahead.group(items)
            found = self.ahead.result(group)
            counts = self._insert(group, found.parts)
            read = zip(items, found.reads, strict=True)
            rows = [self._landed(item, one, counts) for item, one in read]
            if counts:
                raise BalanceError(f"There are rows of files that nobody read: {dict(counts)}. Report this.")
            self.manifest.put(rows)
        told = zip(items, whats, rows, strict=True)
        return [Taken(item, what, {name: row[name] for name in COUNTS}) for item, what, row in told]

    def _insert(self, group: Group, parts: tuple[Part, ...]) -> Counter[tuple[str, str]]:
        """Insert the rows of a group; return how many there are by table and hash."""
        counts: Counter[tuple[str, str]] = Counter()
        for part in parts:
            rows = group.place.taken(part.name, self.scratch)
            self.warehouse.load(BY_NAME[part.table], rows)
            for file_id, count in rows.group_by("file_id").len().rows():
                counts[part.table, file_id] += count
        return counts

    def _landed(self, item: Offered, read: Read, counts: Counter[tuple[str, str]]) -> Row:
        row = self._row(item) | {"rows_read": read.read, "format": read.format}
        row["rows_kept"] = counts.pop((TABLE_OF_KIND[item.source.kind].name, item.file_id), 0)
        row["rows_quarantined"] = counts.pop((QUARANTINE.name, item.file_id), 0)
        _check_balance(row)
        return row | (_refusal(item, *read.refused) if read.refused else {})

    def _set_aside(self, item: Offered, row: Row, error: SourceError) -> Row:
        """Put a whole file into quarantine as one record, and return its row of raw.file."""
        reject = Reject(None, None, None, error.code, error.reason, error.advice)
        rows = quarantined([reject], item.source.name, item.file.uri, item.file_id)
        self.warehouse.insert(QUARANTINE, rows)
        row = row | {"rows_read": 1, "rows_quarantined": 1}
        return row | _refusal(item, error.code, error.reason, error.advice)

    def _make_room(self, item: Offered) -> None:
        """Give up what this file had landed, and this content if another file had landed it."""
        self._release(item)
        holders = self.manifest.landed(item.content)
        if holders:
            self.manifest.give_up(item.content)
        repeats = {**dict.fromkeys(COUNTS, 0), "duplicate_of": item.file.uri}
        self.manifest.put([self.manifest.rows[key] | repeats for key in holders if key != item.key])

    def _release(self, item: Offered) -> None:
        self.manifest.release(item.key, self.keys, self.wanted)


def _is_full(batch: _Batch, item: Offered, gathered: int) -> bool:
    """Whether a batch cannot take another file, with which it would have so many stored bytes."""
    if batch.work == "group":
        is_other = batch.items[0].source.name != item.source.name
        return is_other or len(batch.items) == MOST_FILES or gathered > MOST_BYTES
    return batch.work == "large" or len(batch.items) == _MOST_UNREAD


def _placed(rows: pl.DataFrame, file_id: str, lines_before: int) -> pl.DataFrame:
    """Add what a part does not know: the hash of its file, and how many lines lie before it."""
    return rows.with_columns(pl.lit(file_id).alias("file_id"), pl.col("line") + lines_before)


def _refusal(item: Offered, code: str, reason: str, _advice: str) -> Row:
    """Tell of a file that is set aside as a whole, and return what that changes in its row of raw.file."""
    log.warning("%s: %s", item.file.uri, reason)
    if code in OF_THE_MOMENT:
        return {"version": None, "decoder": "none"}  # the next landing reads it, whatever it finds
    return {}


def _check_balance(row: Row) -> None:
    if row["rows_read"] != row["rows_kept"] + row["rows_quarantined"]:
        raise BalanceError(
            f"{row['uri']}: {row['rows_read']} records read, but {row['rows_kept']} kept and "
            f"{row['rows_quarantined']} in quarantine. Nothing of the file was landed; report this."
        )
