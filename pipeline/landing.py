"""Landing: what is new in the sources becomes raw rows, and what is bad becomes quarantine.

A large file is one transaction, small ones share one. Which of several equal files is landed depends on their
names, never on the order in which they were listed. A file that disappears keeps its rows: exports are
history.
"""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.executors import open_executor
from pipeline.intake.ahead import ReadAhead
from pipeline.intake.decoding import DecodeOptions
from pipeline.intake.groups import is_small
from pipeline.intake.handover import Held, open_handover
from pipeline.intake.manifest import QUARANTINE, TABLE_OF_KIND, Manifest, Offered, owners
from pipeline.intake.spool import Spool
from pipeline.intake.taking import Taking
from pipeline.landing_progress import LandingSummary, Progress, SourceSummary, Told
from pipeline.settings import Settings
from pipeline.source_settings import Source
from pipeline.storage import list_files
from pipeline.stored import StoredFile
from pipeline.warehouse import Warehouse

log = logging.getLogger(__name__)

_WAREHOUSE_MEMORY = "384MB"
"""What DuckDB may hold during a landing: more does not make it faster, and would grow with the input."""


def land(
    settings: Settings, warehouse: Warehouse, *, only: str | None = None, progress: Progress | None = None
) -> LandingSummary:
    """Land what is new and return what became of every file.

    Unchanged files are skipped by the hash of their bytes, which is not taken again while the file's version
    is that of its last landing; a changed file replaces its own rows; the same bytes under a second name add
    nothing.

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
        open_handover(settings.parts_place, settings.s3.endpoint_url) as place,
        open_executor(settings.landing) as executor,
        warehouse.bounded(_WAREHOUSE_MEMORY),
    ):
        options = DecodeOptions.of(settings)
        is_here = settings.landing.executor == "threads"
        ahead = ReadAhead(executor, Held(place) if is_here else place, options, listed)
        ahead.expect(_large(listed, manifest, options))
        known = [(file, manifest.remembered(source, file)) for source, file in listed]
        identified = zip(listed, spool.identify(known), strict=True)
        offered = [Offered(source, *found) for (source, _), found in identified]
        wanted = owners(offered, manifest, unlisted)
        taking = Taking(settings, warehouse, manifest, offered, wanted, ahead, tell, spool.folder)
        for item, what, counts in taking.run():
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


def _large(
    listed: Iterable[tuple[Source, StoredFile]], manifest: Manifest, options: DecodeOptions
) -> Iterator[tuple[Source, StoredFile]]:
    """Return the large local files that look new before they are hashed, up to the first small one.

    They are read meanwhile, in vain if they were renamed. What comes after a small one is landed after it.
    """
    for source, file in listed:
        row = manifest.rows.get((source.name, file.uri))
        if file.remote is None and (row is None or row["size_bytes"] != file.size_bytes):
            if is_small(file, options):
                return
            yield source, file


def _sizes(manifest: Manifest) -> dict[str, int]:
    rows = manifest.rows.values()
    sizes = {"raw.file": len(rows), QUARANTINE.name: sum(row["rows_quarantined"] for row in rows)}
    for kind, table in TABLE_OF_KIND.items():
        sizes[table.name] = sum(row["rows_kept"] for row in rows if row["kind"] == kind)
    return sizes
