"""Landing: from the files of the sources to the raw tables, all in one step that reads each file once."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg

from assets.factory import GROUPS, OWNERS, POOL, key_of, table_spec
from assets.failures import plainly
from assets.metadata import paragraphs
from assets.resources import Configuration
from assets.steps import Steps
from pipeline.landing_progress import LandingSummary, Progress
from pipeline.preflight import Problem
from pipeline.schedule import fingerprint
from schemas.tables import TABLES, Table

SOURCES: dict[str, str] = {
    "traces": "Trace dumps in OpenTelemetry JSON lines: what the services logged.",
    "usage": "Usage exports of the providers: what they metered.",
    "cost": "Cost exports of the providers: what they bill, line by line.",
    "invoice": "Invoices: what has to be paid.",
    "requests": "Per-request logs of providers or gateways: what was metered, call by call.",
}
"""Kinds of sources in `tallystick.toml`."""

RAW = tuple(table for table in TABLES if not table.is_monthly)

_SOURCE_OF = {
    "raw.span": "traces",
    "raw.usage": "usage",
    "raw.cost": "cost",
    "raw.invoice": "invoice",
    "raw.request": "requests",
}


def source_specs() -> list[dg.AssetSpec]:
    """Return one external asset per kind of source, where every lineage starts."""
    return [
        dg.AssetSpec(
            key=["source", kind], group_name=GROUPS["source"], description=text, kinds={"file"}, owners=OWNERS
        )
        for kind, text in SOURCES.items()
    ]


def _sources_of(table: str) -> list[dg.AssetKey]:
    kinds = [_SOURCE_OF[table]] if table in _SOURCE_OF else list(SOURCES)
    return [dg.AssetKey(["source", kind]) for kind in kinds]


INVOICES = "invoices"
LATE_FILES = "late_files"
"""Metadata that sensors read: month -> invoices, month -> late files."""

PREFLIGHT = "sources_can_be_read"
"""What `tallystick check` says, before every landing."""

_TELL_SECONDS = 10.0


def landing_assets(steps: Steps) -> dg.AssetsDefinition:
    """Return the raw tables, filled by one call that lands what is new, after a look at all sources."""
    ready = dg.AssetCheckSpec(
        PREFLIGHT, asset=key_of("raw.file"), description="Configuration and sources can be used."
    )

    @dg.multi_asset(
        name="land",
        specs=[table_spec(table, _sources_of(table.name)) for table in RAW],
        check_specs=[ready],
        pool=POOL,
    )
    def _land(
        context: dg.AssetExecutionContext, configuration: Configuration
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        with plainly(context):
            settings = configuration.settings()
            yield _ready(context, steps.check(settings))
            summary = steps.land(settings, _logged(context.log.info))
        context.log.info(f"{sum(summary.rows.values()):,} rows are landed")
        for late in summary.late:
            context.log.warning(late)
        for table in RAW:
            yield _landed(table, summary)

    return _land


def _ready(context: dg.AssetExecutionContext, problems: list[Problem]) -> dg.AssetCheckResult:
    """Return what is wrong with the sources; a source that cannot be read does not hold up the others."""
    errors = [problem for problem in problems if problem.severity == "error"]
    lines = [f"{each.severity}: {each.where}: {each.message} {each.advice}" for each in problems]
    for line in lines:
        context.log.warning(line)
    return dg.AssetCheckResult(
        passed=not errors,
        check_name=PREFLIGHT,
        asset_key=key_of("raw.file"),
        severity=dg.AssetCheckSeverity.ERROR,
        description=paragraphs("\n".join(lines)) or "Configuration and sources can be used.",
        metadata={"errors": len(errors), "warnings": len(problems) - len(errors)},
    )


def _landed(table: Table, summary: LandingSummary) -> dg.MaterializeResult:
    """Return what to know of a raw table; its data version changes when the content of its files does."""
    of_kind = _SOURCE_OF.get(table.name)
    states = [state for kind, state in sorted(summary.states.items()) if of_kind in {None, kind}]
    told: dict[str, dict[str, Any]] = {
        "raw.invoice": {INVOICES: summary.invoices},
        "raw.file": {LATE_FILES: summary.late_files},
    }
    return dg.MaterializeResult(
        asset_key=key_of(table.name),
        metadata={
            "dagster/row_count": summary.rows[table.name],
            "files": sum(state.files for state in states),
            "bytes": sum(state.size_bytes for state in states),
            **told.get(table.name, {}),
        },
        data_version=dg.DataVersion(fingerprint(state.state for state in states)),
    )


def _logged(log: Callable[[str], None]) -> Progress:
    """Return what writes the progress to the log of a run: every ten seconds, and at the end."""
    last = time.monotonic()

    def tell(name: str, done: int, whole: int) -> None:
        nonlocal last
        if time.monotonic() - last < _TELL_SECONDS and done < whole:
            return
        last = time.monotonic()
        log(f"{name}: {done / 1e6:,.1f} of {whole / 1e6:,.1f} MB are landed")

    return tell
