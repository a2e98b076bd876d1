"""What people open: the pages and the files that a close publishes under output/<month>/."""

from collections.abc import Callable, Iterator

import dagster as dg

from assets.close import Published
from assets.factory import OWNERS, POOL, key_of
from assets.partitions import MONTHS, month_of
from assets.resources import Configuration
from pipeline.period import Month
from pipeline.settings import Settings
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
    "recon.unmetered",
    "recon.bridge",
    "recon.tieout",
    "recon.allocation",
    "recon.anatomy",
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
        group_name="published",
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


def published_assets(publish: Callable[[Settings, Month], Published]) -> dg.AssetsDefinition:
    """Return the files of a month, written by one call that replaces all of them or none."""

    @dg.multi_asset(name="publish", specs=published_specs(), partitions_def=MONTHS, pool=POOL)
    def _publish(
        context: dg.AssetExecutionContext, configuration: Configuration
    ) -> Iterator[dg.MaterializeResult]:
        done = publish(configuration.settings(), month_of(context))
        context.log.info(done.headline)
        pages = sum(name.startswith("teams/") and name.endswith(".html") for name in done.files)
        yield dg.MaterializeResult(
            asset_key=INDEX,
            metadata={
                "page": dg.MetadataValue.path(done.folder / "index.html"),
                "headline": done.headline,
                **({"copy": done.copy} if done.copy else {}),
            },
        )
        yield dg.MaterializeResult(
            asset_key=TEAMS,
            metadata={"folder": dg.MetadataValue.path(done.folder / "teams"), "pages": pages},
        )
        yield dg.MaterializeResult(
            asset_key=WORKBOOK,
            metadata={"workbook": dg.MetadataValue.path(done.folder / "workbook.xlsx")},
        )
        letters = sum(name.startswith("dispute/") and name.endswith(".txt") for name in done.files)
        yield dg.MaterializeResult(
            asset_key=DISPUTES,
            metadata={"folder": dg.MetadataValue.path(done.folder / "dispute"), "letters": letters},
        )
        yield dg.MaterializeResult(
            asset_key=EXPORTS,
            metadata={"folder": dg.MetadataValue.path(done.folder), "files": "\n".join(done.files)},
        )

    return _publish
