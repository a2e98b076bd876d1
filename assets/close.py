"""The steps of a close, called by the command line and by the Dagster assets alike."""

import logging
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from pipeline import settings
from pipeline.calls import Calls, Context, combined, resolve_part
from pipeline.causes import CAUSES
from pipeline.charges.ledgers import EARLIER
from pipeline.copies import copy_month
from pipeline.edges import neighbours
from pipeline.errors import BalanceError, StorageError, TallystickError
from pipeline.exports import export_tables, recover, swap, write_texts
from pipeline.landing import land as land_files
from pipeline.landing_progress import LandingSummary
from pipeline.meters import Meters, meter
from pipeline.models import with_model
from pipeline.month import Registries, drift_rules, month_tables
from pipeline.narrowing import narrowed
from pipeline.period import Month
from pipeline.providers import PROVIDERS
from pipeline.reconcile import Rules
from pipeline.settings import Settings
from pipeline.warehouse import Warehouse
from reports.render import render_month
from reports.view import CauseText, MaterialityText
from schemas.tables import BY_NAME, TABLES

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done and how much there is."""

CHECKS = {
    "nothing_is_lost": ("report.close", "Every record read is kept or in quarantine."),
    "traces_are_whole": ("core.call", "Traced tokens less what was counted twice are those of the calls."),
    "meter_is_whole": ("recon.bucket", "The buckets hold every metered token once."),
    "bridge_adds_up": ("recon.bridge", "The steps of every cell add up to its metered tokens."),
    "workloads_add_up": ("recon.anatomy", "Every billed call has one workload, with all of its tokens."),
    "tieout_adds_up": ("recon.tieout", "The components of every invoice add up to it, in whole cents."),
    "charges_add_up": ("recon.charge", "The lines of every invoice add up to its components."),
    "effects_add_up": ("recon.price_effect", "The effects on a line's price add up to it."),
    "teams_add_up": ("report.team", "The teams and pools together are billed what the invoices bill."),
}
"""Conservation laws: name of the SQL file, table, sentence. A broken one stops the close."""

_EXPORTS = ("raw.file", "raw.usage", "raw.cost", "raw.invoice", "raw.request")

_MARGIN = timedelta(days=2)
"""How far around a month the spans of its traces are looked for."""

_SPANS_A_BATCH = 200_000


class CheckResult(NamedTuple):
    """What became of one conservation law."""

    name: str
    table: str
    passed: bool
    message: str
    metadata: dict[str, Any]


class ChecksFailedError(BalanceError):
    """A conservation law is broken; nothing was committed."""

    def __init__(self, checks: tuple[CheckResult, ...]) -> None:
        broken = [check for check in checks if not check.passed]
        super().__init__("; ".join(f"{check.name}: {check.message}" for check in broken))
        self.checks = checks


class Reconciled(NamedTuple):
    """A committed month."""

    month: Month
    close_id: str
    headline: str
    rows: dict[str, int]
    checks: tuple[CheckResult, ...]


class Published(NamedTuple):
    """A published month: its folder, the files in it, the headline, the findings, and its copy on S3."""

    folder: Path
    files: tuple[str, ...]
    headline: str
    status: str
    tieout: pl.DataFrame
    findings: pl.DataFrame
    copy: str | None = None


def load_settings(path: Path | None = None) -> Settings:
    """Return the settings of the file, else of $TALLYSTICK_CONFIG, else of ./tallystick.toml."""
    return settings.load(path or Path(os.environ.get("TALLYSTICK_CONFIG", "tallystick.toml")))


def land(config: Settings, progress: Progress | None = None, only: str | None = None) -> LandingSummary:
    """Bring what is new in the sources into the raw tables."""
    with Warehouse.open(config.warehouse_file) as warehouse:
        return land_files(config, warehouse, only=only, progress=progress)


def reconcile(config: Settings, month: Month, progress: Progress | None = None) -> Reconciled:
    """Compute a month's core, recon and report tables and commit them in one transaction.

    Raises:
        ChecksFailedError: a conservation law is broken; the last good state stays.
    """
    tell = progress or (lambda what, done, whole: None)
    with Warehouse.open(config.warehouse_file) as warehouse, warehouse.transaction():
        tables = _month(config, month, warehouse, tell)
        rows = {
            name: warehouse.replace_month(BY_NAME[name], str(month), frame) for name, frame in tables.items()
        }
        evidence = warehouse.run("recon/evidence", month=str(month)).cast(BY_NAME["recon.evidence"].schema)
        rows["recon.evidence"] = warehouse.replace_month(BY_NAME["recon.evidence"], str(month), evidence)
        checks = tuple(_check(warehouse, name, month) for name in CHECKS)
        if not all(check.passed for check in checks):
            raise ChecksFailedError(checks)
    close = tables["report.close"].row(0, named=True)
    return Reconciled(month, close["close_id"], close["headline"], rows, checks)


def facts(config: Settings, month: Month) -> tuple[Calls, Meters, Rules]:
    """Return what `explain_drift` takes, from what has landed; commits nothing."""
    with Warehouse.open(config.warehouse_file) as warehouse:
        raw = _raw(warehouse)
        config, calls, _ = narrowed(_calls(config, month, warehouse, raw), raw, config, month)
    own = (raw["raw.usage"], raw["raw.request"], raw["raw.invoice"], raw["raw.file"])
    meters = meter(*own, config, month, cost=raw["raw.cost"])
    return calls, meters, drift_rules(config, Registries(CAUSES, PROVIDERS))


def publish(config: Settings, month: Month) -> Published:
    """Write a committed month's tables and pages to its folder, all at once.

    Raises:
        TallystickError: the month has not been closed yet, or it is published and its copy on S3 is not.
    """
    target = config.output_folder / str(month)
    with Warehouse.open(config.warehouse_file) as warehouse:  # held to the end: one close publishes at a time
        tables = {
            table.name: _published(warehouse, table.name, month) for table in TABLES if _is_read(table.name)
        }
        if tables["report.close"].is_empty():
            raise TallystickError(f"Month {month} has not been closed. Run `tallystick close {month}` first.")
        recover(target)
        fresh = target.with_name(f".{month}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        files = export_tables(tables, fresh) + write_texts(_pages(config, tables), fresh)
        swap(fresh, target)
        close = tables["report.close"].row(0, named=True)
        copy = _copied(config, target, files, close["close_id"])
    return Published(
        target,
        files,
        close["headline"],
        close["status"],
        tables["recon.tieout"],
        tables["recon.finding"],
        copy,
    )


def _copied(config: Settings, folder: Path, files: tuple[str, ...], close_id: str) -> str | None:
    if config.output.copy_to is None:
        return None
    try:
        return copy_month(folder, files, config.output.copy_to, close_id, config.s3.endpoint_url)
    except StorageError as error:
        told = f"The month is closed and published in {folder}, but not copied: {error.reason}"
        raise StorageError(told, error.advice) from None


def landed_models(config: Settings) -> pl.DataFrame | None:
    """Return provider, account and model of what is metered and billed; null where nothing is landed yet.

    Without contracts nobody asks, and the warehouse is left alone.
    """
    if not config.contracts or not config.warehouse_file.exists():
        return None
    with Warehouse.open(config.warehouse_file) as warehouse:
        return _models(config, _raw(warehouse))


def _models(config: Settings, raw: dict[str, pl.DataFrame]) -> pl.DataFrame:
    place = ["provider", "account", "model"]
    known = pl.concat([raw[name].select(place) for name in _EXPORTS if name != "raw.file"]).drop_nulls()
    return with_model(known, config).unique().sort(pl.all())


def close_month(config: Settings, month: Month, progress: Progress | None = None) -> Published:
    """Land what is new, reconcile the month and publish it: what `tallystick close` and the job do."""
    land(config, progress)
    reconcile(config, month, progress)
    return publish(config, month)


def _month(config: Settings, month: Month, warehouse: Warehouse, tell: Progress) -> dict[str, pl.DataFrame]:
    raw = _raw(warehouse)
    tell("reading spans", 0, 1)
    calls = _calls(config, month, warehouse, raw)
    tell("reading spans", 1, 1)
    tell("explaining the drift", 0, 1)
    before = {name: _before(warehouse, name, month) for name in EARLIER}
    tables = month_tables(config, month, raw | before, calls, Registries(CAUSES, PROVIDERS))
    tell("explaining the drift", 1, 1)
    return tables


def _before(warehouse: Warehouse, name: str, month: Month) -> pl.DataFrame:
    return warehouse.read(BY_NAME[name], "month < $month", month=str(month))


def _raw(warehouse: Warehouse) -> dict[str, pl.DataFrame]:
    return {table.name: warehouse.read(table) for table in TABLES if table.name in _EXPORTS}


def _calls(config: Settings, month: Month, warehouse: Warehouse, raw: dict[str, pl.DataFrame]) -> Calls:
    """Resolve the month's spans trace by trace, in batches of whole traces."""
    start, end = month.window(_MARGIN)
    where = "ended_at >= $start and ended_at < $end and hash(trace_id) % $batches = $batch"
    counted = (pl.col("cost_type") == "tokens") & pl.col("quantity").is_not_null()
    counts = {**raw, "raw.cost": raw["raw.cost"].filter(counted)}
    known = _models(config, counts)
    context = Context(settings=config, known_models=known)
    count = warehouse.query(
        "select count(*) as spans from raw.span where ended_at >= $start and ended_at < $end",
        start=start,
        end=end,
    )["spans"][0]
    batches = count // _SPANS_A_BATCH + 1
    parts = [
        resolve_part(
            warehouse.read(BY_NAME["raw.span"], where, start=start, end=end, batches=batches, batch=batch),
            context,
        )
        for batch in range(batches)
    ]
    *found, _ = whole = combined(parts)
    frames = [frame.filter(pl.col("month") == str(month)) for frame in found]
    ordered = [frame.sort(pl.all(), nulls_last=True) for frame in frames]
    return Calls(*ordered)._replace(edges=neighbours(whole.calls, month))


def _check(warehouse: Warehouse, name: str, month: Month) -> CheckResult:
    table, sentence = CHECKS[name]
    bad = warehouse.run(f"checks/{name}", month=str(month))
    message = (
        sentence
        if bad.is_empty()
        else f"{bad.height} rows break '{sentence}' First: {bad.row(0, named=True)}"
    )
    return CheckResult(name, table, bad.is_empty(), message, {"bad_rows": bad.height})


def _is_read(name: str) -> bool:
    return BY_NAME[name].exported is not None or name in {"recon.expected_rate", "report.close", "raw.file"}


def _published(warehouse: Warehouse, name: str, month: Month) -> pl.DataFrame:
    table = BY_NAME[name]
    if table.is_monthly:
        return warehouse.read(table, "month = $month", month=str(month))
    return warehouse.read(table)


def _pages(config: Settings, tables: dict[str, pl.DataFrame]) -> dict[str, str]:
    texts = [CauseText(cause.code, cause.title, cause.sentence, cause.advice) for cause in CAUSES]
    materiality = MaterialityText(config.materiality.usd, config.materiality.percent)
    return render_month(tables, texts, config.company, materiality)
