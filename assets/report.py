"""What people open: the pages and the files that a close publishes under output/<month>/."""

from collections.abc import Iterator
from pathlib import PurePath

import dagster as dg

from assets.close import Published
from assets.factory import GROUPS, OWNERS, POOL, key_of
from assets.failures import plainly
from assets.metadata import size_bytes
from assets.partitions import MONTHS, month_of
from assets.resources import Configuration
from assets.steps import Publish
from pipeline.period import Month
from schemas.tables import TABLES

INDEX = dg.AssetKey(["published", "index"])
TEAMS = dg.AssetKey(["published", "teams"])
EXPORTS = dg.AssetKey(["published", "exports"])
DISPUTES = dg.AssetKey(["published", "disputes"])
WORKBOOK = dg.AssetKey(["published", "workbook"])

PAGE_READS = (
    "raw.file",
    "raw.quarantine",
    "core.unmapped",
    "recon.expected_rate",
    "recon.rate",
    "recon.unmetered",
    "recon.bridge",
    "recon.tieout",
    "recon.allocation",
    "recon.anatomy",
    "recon.compaction",
    "recon.variance",
    "recon.history",
    "recon.budget",
    "recon.unit_cost",
    "recon.costliest",
    "recon.evidence",
    "recon.finding",
    "report.team",
    "report.close",
    "report.closing",
    "report.dispute",
    "report.restatement",
    "report.open_item",
)
"""Tables that `reports` reads for a page."""


def _spec(key: dg.AssetKey, reads: tuple[str, ...], kinds: set[str], description: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=key,
        deps=[key_of(name) for name in reads],
        group_name=GROUPS["published"],
        kinds=kinds,
        owners=OWNERS,
        description=description,
    )


def published_specs() -> list[dg.AssetSpec]:
    """Return the pages, the workbook, the dispute pack, and the tables that anyone may build on."""
    exported = tuple(table.name for table in TABLES if table.exported)
    return [
        _spec(INDEX, PAGE_READS, {"html"}, "The variance report of all teams, for finance."),
        _spec(TEAMS, PAGE_READS, {"html"}, "One variance report per team."),
        _spec(WORKBOOK, PAGE_READS, {"xlsx"}, "The figures of the pages, with formulas that add them up."),
        _spec(
            DISPUTES,
            ("report.dispute", "report.close"),
            {"csv"},
            "What is claimed of each provider.",
        ),
        _spec(EXPORTS, exported, {"parquet", "csv"}, "The exported tables, with stable names and columns."),
    ]


_PARTS: dict[dg.AssetKey, tuple[str, tuple[str, ...]]] = {
    INDEX: (".", ("index.html",)),
    TEAMS: ("teams", (".html",)),
    WORKBOOK: (".", ("workbook.xlsx",)),
    DISPUTES: ("dispute", ("",)),
    EXPORTS: (".", (".parquet", ".csv")),
}
"""Asset -> folder of its files below that of the month, and how their names end."""


def published_assets(publish: Publish) -> dg.AssetsDefinition:
    """Return the files of a month, written by one call that replaces all of them or none."""

    @dg.multi_asset(name="publish", specs=published_specs(), partitions_def=MONTHS, pool=POOL)
    def _publish(
        context: dg.AssetExecutionContext, configuration: Configuration
    ) -> Iterator[dg.MaterializeResult]:
        month = month_of(context)
        with plainly(context):
            done = publish(configuration.settings(), month)
        context.log.info(done.headline)
        for key in _PARTS:
            yield _published(key, done, month)

    return _publish


def _published(key: dg.AssetKey, done: Published, month: Month) -> dg.MaterializeResult:
    """Return what to know of published files; their data version is the close that they show."""
    folder, ends = _PARTS[key]
    files = [name for name in done.files if PurePath(name).parent == PurePath(folder) and name.endswith(ends)]
    place = done.folder / (files[0] if len(files) == 1 else folder)
    more = {"copy": done.copy} if done.copy else {}
    return dg.MaterializeResult(
        asset_key=key,
        metadata={
            "headline": done.headline,
            "state": done.state,
            "path": dg.MetadataValue.path(place),
            "files": len(files),
            "bytes": size_bytes(done.folder, files),
            "explain": f"tallystick explain {month} --team TEAM",
            **more,
        },
        data_version=dg.DataVersion(done.close_id),
    )
