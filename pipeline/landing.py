"""Landing: what is new in the sources becomes raw rows, file by file, and what is bad becomes quarantine.

A file is one transaction. Which of several equal files is landed depends on their names, never on the order
in which they were listed. A file that disappears keeps its rows: exports are history.
"""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.errors import BalanceError, ConfigError, SourceError
from pipeline.executors import open_executor
from pipeline.intake.ahead import ReadAhead
from pipeline.intake.decoding import DecodeOptions
from pipeline.intake.file_rows import READABLE
from pipeline.intake.manifest import (
    QUARANTINE,
    TABLE_OF_KIND,
    Manifest,
    Offered,
    fingerprint,
    owners,
    pulled_at,
)
from pipeline.intake.parts import parts_folder
from pipeline.intake.spool import Spool
from pipeline.landing_progress import LandingSummary, Progress, SourceSummary, Told
from pipeline.provider import Reject
from pipeline.settings import Settings, Source
from pipeline.storage import list_files
from pipeline.stored import StoredFile
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME

log = logging.getLogger(__name__)

_REJECT = {name: QUARANTINE.schema[name] for name in Reject._fields}
OF_THE_MOMENT = ("changed_while_read", "unreadable_file")
"""Reasons that say nothing of what a file holds."""

_WAREHOUSE_MEMORY = "512MB"
"""What DuckDB may hold during a landing: more does not make it faster, and would grow with the input."""

_WAREHOUSE_THREADS = 1
"""The others read: a part is one row group, which one thread appends a quarter faster than two."""

COUNTS = ("rows_read", "rows_kept", "rows_quarantined")


def land(
    settings: Settings, warehouse: Warehouse, *, only: str | None = None, progress: Progress | None = None
) -> LandingSummary:
    """Land what is new and return what became of every file.

    Unchanged files are skipped by the hash of their bytes; a changed file replaces its own rows; the same
    bytes under a second name add nothing.

    Raises:
        ConfigError: `only` names no source.
        StorageError: a place on S3 cannot be listed or read; what had landed before stays.
        BalanceError: records read are not records kept plus records in quarantine.
    """
    sources = [source for source in settings.sources if only in (None, source.name)]
    if only is not None and not sources:
        known = ", ".join(source.name for source in settings.sources) or "none"
        raise ConfigError(f"There is no source '{only}'. Sources of the configuration: {known}.")
    with Spool(_spool_folder(settings)) as spool:
        return _land(settings, warehouse, sources, spool, progress)


def _spool_folder(settings: Settings) -> Path:
    file = settings.warehouse_file.absolute()  # workers may have other working folders
    return file.with_name(f".{file.name}.spool")


def _land(
    settings: Settings,
    warehouse: Warehouse,
    sources: list[Source],
    spool: Spool,
    progress: Progress | None,
) -> LandingSummary:
    manifest = Manifest(warehouse)
    told = {source.name: SourceSummary(source.name, source.kind) for source in sources}
    listed = sorted(_listed(settings, sources, told), key=lambda item: (item[0].name, item[1].uri))
    unlisted = {source.name for source in settings.sources} - set(told)
    tell = Told(progress, listed)
    with (
        parts_folder(settings.parts_folder) as folder,
        open_executor(settings.landing) as executor,
        warehouse.bounded(_WAREHOUSE_MEMORY, _WAREHOUSE_THREADS),
    ):
        options = DecodeOptions.of(settings)
        ahead = ReadAhead(executor, folder, options, listed)
        ahead.expect([item for item in listed if _is_expected(manifest, *item)])
        known = [(file, manifest.remembered(source, file)) for source, file in listed]
        identified = zip(listed, spool.identify(known), strict=True)
        offered = [Offered(source, *found) for (source, _), found in identified]
        landing = _Landing(settings, warehouse, manifest, offered, unlisted, ahead, tell)
        ahead.expect(landing.objects())
        for item in landing.in_order():
            what, counts = landing.take(item)
            told[item.source.name].files[what] += 1
            told[item.source.name].rows.update(counts)
            tell.file(item)
    for name, _ in set(manifest.rows) - {item.key for item in offered}:
        if name in told:
            told[name].files["gone"] += 1
    return LandingSummary(tuple(told.values()), _sizes(manifest))


def _listed(
    settings: Settings, sources: Iterable[Source], told: dict[str, SourceSummary]
) -> Iterator[tuple[Source, StoredFile]]:
    for source in sources:
        listing = list_files(settings.root, source.uri, settings.s3.endpoint_url)
        told[source.name].ignored = tuple(listing.ignored)
        for name, why in listing.ignored:
            if not why.startswith("hidden"):
                log.warning("%s is not read: %s.", name, why)
        yield from ((source, file) for file in listing.files)


def _is_expected(manifest: Manifest, source: Source, file: StoredFile) -> bool:
    """Whether a local file looks new before it is hashed: it is read meanwhile, in vain if it was renamed."""
    row = manifest.rows.get((source.name, file.uri))
    return file.remote is None and (row is None or row["size_bytes"] != file.size_bytes)


def _sizes(manifest: Manifest) -> dict[str, int]:
    rows = manifest.rows.values()
    sizes = {"raw.file": len(rows), QUARANTINE.name: sum(row["rows_quarantined"] for row in rows)}
    for kind, table in TABLE_OF_KIND.items():
        sizes[table.name] = sum(row["rows_kept"] for row in rows if row["kind"] == kind)
    return sizes


def _is_same(old: dict[str, Any], row: dict[str, Any]) -> bool:
    return all(old.get(name) == row[name] for name in ("file_id", "kind", "decoder"))


class _Landing:
    """One run over all files: what is wanted is known before the first file is touched."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a run consists of
        self,
        settings: Settings,
        warehouse: Warehouse,
        manifest: Manifest,
        offered: list[Offered],
        unlisted: set[str],
        ahead: ReadAhead,
        tell: Told,
    ) -> None:
        self.settings = settings
        self.warehouse = warehouse
        self.manifest = manifest
        self.offered = offered
        self.keys = {item.key for item in offered}
        self.wanted = owners(offered, manifest, unlisted)
        self.ahead = ahead
        self.tell = tell

    def in_order(self) -> list[Offered]:
        """Return owners of content before those that repeat it."""
        return sorted(self.offered, key=lambda item: (self.wanted[item.content] != item.key, item.key))

    def objects(self) -> list[tuple[Source, StoredFile]]:
        """Return the objects of S3 that will be read, now that it is known where their copies lie."""
        return [
            (item.source, item.file) for item in self.in_order() if item.file.remote and self._is_read(item)
        ]

    def _is_read(self, item: Offered) -> bool:
        """Whether a file has to be read, and can be."""
        old, row = self.manifest.rows.get(item.key, {}), self._row(item)
        is_landed = _is_same(old, row) and not old["duplicate_of"]
        return not (row["duplicate_of"] or is_landed or item.error)

    def take(self, item: Offered) -> tuple[str, dict[str, int]]:
        """Bring one file in; return what became of it and the counts of its records, if it was read."""
        old = self.manifest.rows.get(item.key, {})
        row = self._row(item)
        is_same = _is_same(old, row)
        if not self._is_read(item):
            self.ahead.drop(item.source, item.file)
        if row["duplicate_of"]:
            row["format"] = self.manifest.rows[self.wanted[item.content]]["format"]
            if not is_same or any(old[name] != row[name] for name in ("duplicate_of", "format", "version")):
                with self.warehouse.transaction():
                    self._release(item)
                    self.manifest.write([row])
            return "unchanged" if is_same else "duplicate", {}
        if is_same and not old["duplicate_of"]:
            if old["version"] != row["version"]:  # written again with the same bytes
                with self.warehouse.transaction():
                    self.manifest.write([old | {"version": row["version"]}])
            return "unchanged", {}
        try:
            with self.warehouse.transaction():
                row = self._land(item, row)
        except SourceError as error:
            log.warning("%s: %s", item.file.uri, error.reason)
            self.manifest.reload()
            with self.warehouse.transaction():
                row = self._set_aside(item, row, error)
        return "replaced" if old else "new", {name: row[name] for name in COUNTS}

    def _row(self, item: Offered) -> dict[str, Any]:
        """Return the row of raw.file before the file is read."""
        owner = self.wanted[item.content]
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
            "decoder": fingerprint(item.source, self.settings),
        }

    def _land(self, item: Offered, row: dict[str, Any]) -> dict[str, Any]:
        if item.error:
            raise SourceError("unreadable_file", f"The file cannot be opened: {item.error}.", READABLE)
        self._make_room(item)
        row, lines = dict(row), 0
        for piece, found in self.ahead.results(item.source, item.file):
            for part in found.parts:
                rows = self.warehouse.load(BY_NAME[part.table], part.path, item.file_id, lines)
                row["rows_quarantined" if part.table == QUARANTINE.name else "rows_kept"] += rows
                part.path.unlink(missing_ok=True)
            lines += found.lines
            row["rows_read"] += found.read
            row["format"] = found.format if found.format != "unknown" else row["format"]
            self.tell.piece(item, piece.size_bytes)
        if row["rows_read"] != row["rows_kept"] + row["rows_quarantined"]:
            raise BalanceError(
                f"{item.file.uri}: {row['rows_read']} records read, but {row['rows_kept']} kept and "
                f"{row['rows_quarantined']} in quarantine. Nothing of the file was landed; report this."
            )
        self.manifest.write([row])
        return row

    def _set_aside(self, item: Offered, row: dict[str, Any], error: SourceError) -> dict[str, Any]:
        """Put a whole file into quarantine as one record."""
        self._make_room(item)
        self._quarantine(item, [Reject(None, None, None, error.code, error.reason, error.advice)])
        row = row | {"rows_read": 1, "rows_quarantined": 1}
        if error.code in OF_THE_MOMENT:
            row |= {"version": None, "decoder": "none"}  # the next landing reads it, whatever it finds
        self.manifest.write([row])
        return row

    def _make_room(self, item: Offered) -> None:
        """Remove what this file had landed, and this content if another file had landed it."""
        self._release(item)
        holders = self.manifest.landed(item.content)
        if holders:
            self.manifest.remove_rows(item.content)
        repeats = {**dict.fromkeys(COUNTS, 0), "duplicate_of": item.file.uri}
        self.manifest.write([self.manifest.rows[key] | repeats for key in holders if key != item.key])

    def _release(self, item: Offered) -> None:
        self.manifest.release(item.key, self.keys, self.wanted)

    def _quarantine(self, item: Offered, rejects: list[Reject]) -> int:
        if not rejects:
            return 0
        frame = pl.DataFrame(rejects, schema=_REJECT, orient="row").with_columns(
            pl.lit(item.source.name).alias("source"),
            pl.lit(item.file.uri).alias("uri"),
            pl.lit(item.file_id).alias("file_id"),
        )
        return self.warehouse.insert(QUARANTINE, frame.select(list(QUARANTINE.schema)))
