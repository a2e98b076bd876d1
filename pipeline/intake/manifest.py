"""raw.file: which files were landed, which repeat others, and which of several equal files owns the rows."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import polars as pl

from pipeline.errors import SourceError
from pipeline.formats import FORMATS
from pipeline.intake.decoding import DECODER_VERSION
from pipeline.settings import Settings
from pipeline.source_settings import Source
from pipeline.stored import StoredFile
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME, Table

FILE, QUARANTINE = BY_NAME["raw.file"], BY_NAME["raw.quarantine"]

TABLE_OF_KIND: Mapping[str, Table] = {
    "traces": BY_NAME["raw.span"],
    "usage": BY_NAME["raw.usage"],
    "cost": BY_NAME["raw.cost"],
    "invoice": BY_NAME["raw.invoice"],
    "requests": BY_NAME["raw.request"],
}
"""Where the rows of a source go."""

EXPORT_VERSION = "3"
"""Raise it when a parser reads the same export differently: exports are then landed again."""

_STAMP = re.compile(
    r"(?<!\d)(20\d\d)([-_]?)(\d\d)\2(\d\d)(?:T(\d\d)[:_-]?(\d\d)(?:[:_-]?(\d\d))?)?(?!\d)", re.ASCII
)

Key = tuple[str, str]
"""Source name and uri: what tells rows of raw.file apart."""


COUNTS = ("rows_read", "rows_kept", "rows_quarantined")


class Offered(NamedTuple):
    """A file that a source offers, with the hash of its bytes, or why it has none."""

    source: Source
    file: StoredFile
    file_id: str
    error: str | None = None

    @property
    def key(self) -> Key:
        """Source name and uri."""
        return self.source.name, self.file.uri

    @property
    def content(self) -> Key:
        """Kind and hash: files that share both hold the same rows."""
        return self.source.kind, self.file_id


class Manifest:
    """The rows of raw.file, in memory; what changes in a transaction is written at its end, all at once."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._reload()

    def _reload(self) -> None:
        self._sharing: dict[Key, set[Key]] = {}
        self._sources: set[str] = set()
        self._changed: set[str] = set()
        self._removed: dict[Key, set[str]] = {}
        self.rows: dict[Key, dict[str, Any]] = {}
        for row in self._warehouse.read(FILE).rows(named=True):
            self._hold(row)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: after a SourceError the warehouse and this are what they were before."""
        try:
            with self._warehouse.transaction():
                yield
                self.remove()
                self._write()
        except SourceError:
            self._reload()
            raise

    def _hold(self, row: dict[str, Any]) -> None:
        key = row["source"], row["uri"]
        if old := self.rows.get(key):
            self._sharing[_content(old)].discard(key)
        self.rows[key] = row
        self._sources.add(row["source"])
        self._sharing.setdefault(_content(row), set()).add(key)

    def remembered(self, source: Source, file: StoredFile) -> str | None:
        """Return the id of a file that is known to be unchanged without reading it; null of all others."""
        row = self.rows.get((source.name, file.uri))
        return row["file_id"] if row and file.version and row["version"] == file.version else None

    def landed(self, content: Key) -> list[Key]:
        """Return the files whose rows of this content are in the warehouse: none or one."""
        sharing = sorted(self._sharing.get(content, ()))
        return [key for key in sharing if not self.rows[key]["duplicate_of"]]

    def put(self, rows: Iterable[dict[str, Any]]) -> None:
        """Put rows in place of those with the same source and uri; call it inside a transaction."""
        for row in rows:
            self._hold(row)
            self._changed.add(row["uri"])

    def give_up(self, content: Key) -> None:
        """Let go of what was landed of this content, rejects included; call it inside a transaction."""
        gone = {source for source, _ in self._sharing.get(content, ())}
        self._removed.setdefault(content, set()).update(gone)

    def remove(self) -> None:
        """Delete the rows that were given up: before others of the same content are landed."""
        if not self._removed:
            return
        for kind in {kind for kind, _ in self._removed}:
            ids = [file_id for other, file_id in self._removed if other == kind]
            self._warehouse.delete(TABLE_OF_KIND[kind], "file_id", ids)
        ids = [file_id for _, file_id in self._removed]
        rejects = self._warehouse.read(QUARANTINE, "file_id in (select unnest($ids))", ids=ids)
        gone = [
            (source, file_id) for (_, file_id), names in self._removed.items() for source in sorted(names)
        ]
        on = {"source": pl.String, "file_id": pl.String}
        kept = rejects.join(
            pl.DataFrame(gone, on, orient="row"), on=list(on), how="anti", maintain_order="left"
        )
        self._warehouse.delete(QUARANTINE, "file_id", ids)
        self._warehouse.insert(QUARANTINE, kept)
        self._removed.clear()

    def _write(self) -> None:
        if not self._changed:
            return
        uris, names = sorted(self._changed), sorted(self._sources)
        rows = [self.rows[name, uri] for uri in uris for name in names if (name, uri) in self.rows]
        self._warehouse.delete(FILE, "uri", uris)
        self._warehouse.insert(FILE, pl.DataFrame(rows, schema=FILE.schema))
        self._changed.clear()

    def release(self, key: Key, offered: set[Key], wanted: Mapping[Key, Key]) -> None:
        """Give up the content that a file had: to the file that owns it now, to a heir, or delete its rows.

        A file that is gone keeps its rows. When it had none because it repeated this one, it inherits them.
        """
        row = self.rows.get(key)
        if row is None or row["duplicate_of"] or wanted.get(_content(row)) == key:
            return
        heirs = self._sharing[_content(row)] - offered - {key}
        if heirs and _content(row) not in wanted:
            counts = {name: row[name] for name in (*COUNTS, "decoder")}
            self.put([self.rows[min(heirs)] | counts | {"duplicate_of": None}])
        else:
            self.give_up(_content(row))


def _content(row: Mapping[str, Any]) -> Key:
    return row["kind"], row["file_id"]


def is_same(old: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Return whether a file is what it was: the same bytes, of which the same rows are made."""
    return all(old[name] == row[name] for name in ("file_id", "kind", "decoder"))


def row_of(item: Offered, owner: Key, decoder: str) -> dict[str, Any]:
    """Return a file's row of raw.file before it is read; `owner` holds the rows of its content."""
    pulled, basis = pulled_at(item.source, item.file)
    return {
        "source": item.source.name,
        "uri": item.file.uri,
        "file_id": item.file_id,
        "kind": item.source.kind,
        "format": "unknown",
        "size_bytes": item.file.size_bytes,
        "version": None if item.error else item.file.version,
        **dict.fromkeys(COUNTS, 0),
        "pulled_at": pulled,
        "pulled_at_basis": basis,
        "duplicate_of": owner[1] if owner != item.key else None,
        "decoder": decoder,
    }


def owners(offered: Iterable[Offered], manifest: Manifest, unlisted: set[str]) -> dict[Key, Key]:
    """Return for every content the file that holds its rows: the smallest source and uri that offers it.

    Files of sources that were not listed this time count where their rows are in the warehouse. So do files
    that are gone, but only when nobody offers the content any more.
    """
    candidates: dict[Key, list[tuple[bool, Key]]] = {}
    present = set()
    for item in offered:
        candidates.setdefault(item.content, []).append((False, item.key))
        present.add(item.key)
    for key, row in manifest.rows.items():
        if key not in present and not row["duplicate_of"]:
            candidates.setdefault(_content(row), []).append((key[0] not in unlisted, key))
    return {content: min(keys)[1] for content, keys in candidates.items()}


def fingerprint(source: Source, settings: Settings) -> str:
    """Return a short hash of everything beside the bytes that decides what a file's rows are."""
    facts: list[Any] = [source.kind, source.format, source.provider, source.account, source.pulled_at]
    if source.kind == "traces":
        identity = settings.identity.conversation_attributes
        facts += [DECODER_VERSION, settings.label_attributes, identity]
    else:
        facts += [EXPORT_VERSION, [known.name for known in FORMATS if known.kind == source.kind]]
    return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()[:16]


def pulled_at(source: Source, file: StoredFile) -> tuple[datetime | None, str | None]:
    """Return when an export was pulled, and how that is known; traces are not pulled.

    Without a configured time: the last date, or date and time in UTC, of its path; else the file's own time.
    """
    if source.kind == "traces":
        return None, None
    if source.pulled_at is not None:
        told = source.pulled_at
        return told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC), "configured"
    for match in reversed(list(_STAMP.finditer(file.uri))):
        parts = [int(part) for part in match.groups()[:1] + match.groups()[2:] if part]
        try:
            return datetime(*parts, tzinfo=UTC), "name"  # type: ignore[arg-type,misc]
        except ValueError:
            continue
    return file.modified_at, "modified"
