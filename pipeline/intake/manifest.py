"""raw.file: which files were landed, which repeat others, and which of several equal files owns the rows."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import polars as pl

from pipeline.formats import FORMATS
from pipeline.intake.decoding import DECODER_VERSION
from pipeline.settings import Settings, Source
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
    """The rows of raw.file, in memory, written through."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self.reload()

    def reload(self) -> None:
        """Read the rows from the warehouse; needed after a transaction that was rolled back."""
        self._sharing: dict[Key, set[Key]] = {}
        self._sources: set[str] = set()
        self.rows: dict[Key, dict[str, Any]] = {}
        for row in self._warehouse.read(FILE).rows(named=True):
            self._hold(row)

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

    def write(self, rows: Iterable[dict[str, Any]]) -> None:
        """Write rows in place of those with the same source and uri; call it inside a transaction."""
        for row in rows:
            self._hold(row)
            names = sorted(self._sources)
            same_uri = [self.rows[name, row["uri"]] for name in names if (name, row["uri"]) in self.rows]
            self._warehouse.delete(FILE, "uri", [row["uri"]])
            self._warehouse.insert(FILE, pl.DataFrame(same_uri, schema=FILE.schema))

    def remove_rows(self, content: Key) -> None:
        """Delete what was landed of this content, rejects included; call it inside a transaction."""
        kind, file_id = content
        self._warehouse.delete(TABLE_OF_KIND[kind], "file_id", [file_id])
        gone = {source for source, _ in self._sharing.get(content, ())}
        rejects = self._warehouse.read(QUARANTINE, "file_id = $file_id", file_id=file_id)
        self._warehouse.delete(QUARANTINE, "file_id", [file_id])
        self._warehouse.insert(QUARANTINE, rejects.filter(~pl.col("source").is_in(sorted(gone))))

    def release(self, key: Key, offered: set[Key], wanted: Mapping[Key, Key]) -> None:
        """Give up the content that a file had: to the file that owns it now, to a heir, or delete its rows.

        A file that is gone keeps its rows. When it had none because it repeated this one, it inherits them.
        """
        row = self.rows.get(key)
        if row is None or row["duplicate_of"] or _content(row) in wanted:
            return
        heirs = self._sharing[_content(row)] - offered - {key}
        if heirs:
            counts = {name: row[name] for name in ("rows_read", "rows_kept", "rows_quarantined", "decoder")}
            self.write([self.rows[min(heirs)] | counts | {"duplicate_of": None}])
        else:
            self.remove_rows(_content(row))


def _content(row: Mapping[str, Any]) -> Key:
    return row["kind"], row["file_id"]


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
