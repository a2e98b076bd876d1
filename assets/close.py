"""The steps of a close, called by the command line and by the Dagster assets alike."""

import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import polars as pl

from assets.compute import Progress, computer, models, read_raw, resolve_calls
from assets.glimpse import bridge_steps, previews
from assets.laws import CHECKS, CheckResult, ChecksFailedError, check
from pipeline import closing_files, locking, preflight, settings
from pipeline.calls import Calls
from pipeline.causes import CAUSES
from pipeline.changes import Changes, late_text
from pipeline.closing import Person, standing
from pipeline.copies import copy_month
from pipeline.errors import StorageError, TallystickError
from pipeline.exports import export_tables, recover, swap, whole, write_files
from pipeline.findings import assemble
from pipeline.focus import periods
from pipeline.landing import land as land_files
from pipeline.landing_progress import KindState, LandingSummary
from pipeline.meters import Meters, meter
from pipeline.month import Registries, drift_rules
from pipeline.narrowing import narrowed
from pipeline.open_items import open_items
from pipeline.period import Month
from pipeline.preflight import Problem
from pipeline.providers import PROVIDERS
from pipeline.reconcile import Rules
from pipeline.schedule import invoices_of
from pipeline.settings import Settings
from pipeline.warehouse import Warehouse
from reports.disputes import render_disputes
from reports.mail import NOBODY, Letterhead
from reports.month import open_month
from reports.render import render_month
from reports.view import MaterialityText, cause_texts
from reports.workbook import render_workbook
from schemas.tables import BY_NAME, TABLES

log = logging.getLogger(__name__)

_NEEDED = {"recon.expected_rate", "recon.finding", "report.close", "raw.file"}
_READ = tuple(table.name for table in TABLES if table.exported or table.name in _NEEDED)
"""Tables that are published, or that pages need."""


class Lock(NamedTuple):
    """Who locks a month, and whether that is a signature as its preparer."""

    who: Person
    is_preparer: bool


class Reconciled(NamedTuple):
    """A committed month."""

    month: Month
    close_id: str
    headline: str
    rows: dict[str, int]
    checks: tuple[CheckResult, ...]
    changes: Changes | None = None
    """Of a locked month, which was left as it is: what closing it now would change."""
    hinders: tuple[str, ...] = ()
    """What kept the month from being locked."""
    previews: Mapping[str, pl.DataFrame] = MappingProxyType({})
    """A few rows of every table."""
    steps: Mapping[str, int] = MappingProxyType({})
    """Tokens of each step of the bridge, in its order."""


class Published(NamedTuple):
    """A published month: its folder, the files in it, the headline, the findings, and its copy on S3."""

    folder: Path
    files: tuple[str, ...]
    headline: str
    status: str
    tieout: pl.DataFrame
    findings: pl.DataFrame
    copy: str | None = None
    state: str = "preliminary"
    """preliminary, closed or restated."""
    version: int = 0
    """Of the lock."""
    changes: Changes | None = None
    """Of a month that was locked before: what closing it now would change."""
    hinders: tuple[str, ...] = ()
    """What kept the month from being locked."""
    errors: int = 0
    """Errors of the month that nobody has settled."""
    close_id: str = ""


def settings_path() -> Path:
    """Return where the configuration lies: $TALLYSTICK_CONFIG, else ./tallystick.toml."""
    return Path(os.environ.get("TALLYSTICK_CONFIG", "tallystick.toml"))


def load_settings(path: Path | None = None) -> Settings:
    """Return the settings of the file, else of $TALLYSTICK_CONFIG, else of ./tallystick.toml."""
    return settings.load(path or settings_path())


def land(config: Settings, progress: Progress | None = None, only: str | None = None) -> LandingSummary:
    """Bring what is new in the sources into the raw tables."""
    with Warehouse.open(config.warehouse_file) as warehouse:
        summary = land_files(config, warehouse, only=only, progress=progress)
        late = locking.late_files(warehouse)
        return replace(
            summary,
            late=tuple(map(late_text, late.items())),
            late_files={str(month): files for month, files in late.items()},
            invoices=invoices_of(warehouse.run("invoices_of_month")),
            states={kind: KindState(*told) for kind, *told in warehouse.run("landed_state").rows()},
        )


def reconcile(
    config: Settings, month: Month, progress: Progress | None = None, lock: Lock | None = None
) -> Reconciled:
    """Compute a month's core, recon and report tables and commit them in one transaction.

    A locked month is computed and compared, and nothing of it is written. With `lock` the month is locked
    then, unless something hinders it.

    Raises:
        ChecksFailedError: a conservation law is broken; the last good state stays.
    """
    tell = progress or (lambda what, done, whole: None)
    with Warehouse.open(config.warehouse_file) as warehouse:
        if locking.month_standing(warehouse, month).is_locked:
            found = locking.compared(config, month, warehouse, computer(config, warehouse, tell))
            return _reconciled(warehouse, month, tuple(check(warehouse, n, month) for n in CHECKS), found)
        with warehouse.transaction():
            checks = _commit(config, month, warehouse, tell)
        hinders = locking.lock(config, month, warehouse, lock.who, prepared=lock.is_preparer) if lock else ()
        return _reconciled(warehouse, month, checks)._replace(hinders=hinders)


def _commit(config: Settings, month: Month, warehouse: Warehouse, tell: Progress) -> tuple[CheckResult, ...]:
    compute = computer(config, warehouse, tell)
    tables = compute(month)
    late = locking.candidates(config, month, warehouse, compute)
    tables["recon.finding"] = assemble([tables["recon.finding"], late])
    earlier = warehouse.read(BY_NAME["report.open_item"])
    items = open_items(month, tables["recon.finding"], earlier, config.closing)
    for name, frame in {**tables, "report.open_item": items}.items():
        warehouse.replace_month(BY_NAME[name], str(month), frame)
    evidence = warehouse.run("recon/evidence", month=str(month)).cast(BY_NAME["recon.evidence"].schema)
    warehouse.replace_month(BY_NAME["recon.evidence"], str(month), evidence)
    checks = tuple(check(warehouse, name, month) for name in CHECKS)
    if not all(result.passed for result in checks):
        raise ChecksFailedError(checks)
    return checks


def _reconciled(
    warehouse: Warehouse, month: Month, checks: tuple[CheckResult, ...], found: Changes | None = None
) -> Reconciled:
    close = warehouse.read(BY_NAME["report.close"], "month = $month", month=str(month)).row(0, named=True)
    rows = {
        table.name: warehouse.count(table, "month = $month", month=str(month))
        for table in TABLES
        if table.is_monthly
    }
    done = Reconciled(month, close["close_id"], close["headline"], rows, checks, found)
    return done._replace(previews=previews(warehouse, month), steps=bridge_steps(warehouse, month))


def facts(config: Settings, month: Month) -> tuple[Calls, Meters, Rules]:
    """Return what `explain_drift` takes, from what has landed; commits nothing."""
    with Warehouse.open(config.warehouse_file) as warehouse:
        raw = read_raw(config, month, warehouse)
        config, calls, _ = narrowed(resolve_calls(config, month, warehouse), raw, config, month)
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
        tables = locking.read_month(warehouse, month, _READ)
        if tables["report.close"].is_empty():
            raise TallystickError(f"Month {month} has not been closed. Run `tallystick close {month}` first.")
        ledger = warehouse.read(BY_NAME["report.closing"])
        tables[periods.NAME] = periods.with_standing(tables[periods.NAME], ledger)
        recover(target)
        closing_files.refuse_strangers(target, tables["report.closing"])
        now = standing(tables["report.closing"])
        files = closing_files.intact(target, tables["report.closing"]) if now.is_locked else None
        fresh = target.with_name(f".{month}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        if files is None:
            with whole(fresh):
                files = _written(config, tables, fresh, target)
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
        now.state,
        now.version,
        errors=tables["report.open_item"].filter(severity="error", status="open", is_carried=False).height,
        close_id=close["close_id"],
    )


def _written(config: Settings, tables: dict[str, pl.DataFrame], fresh: Path, target: Path) -> tuple[str, ...]:
    """Write everything of a month into a folder that nobody reads yet; return the names of the files."""
    ledger = tables["report.closing"]
    now = standing(ledger)
    files = closing_files.hold(fresh, target, now, target.name, export_tables(tables, fresh))
    files += write_files(_pages(config, tables), fresh)
    files += closing_files.keep_versions(target, fresh, now)
    if now.is_locked:
        files += (closing_files.write(fresh, ledger, tables["raw.file"], files),)
    return files


def _copied(config: Settings, folder: Path, files: tuple[str, ...], close_id: str) -> str | None:
    if config.output.copy_to is None:
        return None
    try:
        return copy_month(folder, files, config.output.copy_to, close_id, config.s3.endpoint_url)
    except StorageError as error:
        told = f"The month is closed and published in {folder}, but not copied: {error.reason}"
        raise StorageError(told, error.advice, may_pass=error.may_pass) from None


def check_sources(config: Settings) -> list[Problem]:
    """Return what is wrong with configuration and sources; nothing is landed."""
    return preflight.check(config, landed_models(config), closed_teams(config))


def landed_models(config: Settings) -> pl.DataFrame | None:
    """Return provider, account and model of what is metered and billed; null where nothing is landed yet.

    Without contracts nobody asks, and the warehouse is left alone.
    """
    if not config.contracts or not config.warehouse_file.exists():
        return None
    with Warehouse.look(config.warehouse_file) as warehouse:
        return models(config, warehouse)


def closed_teams(config: Settings) -> frozenset[str]:
    """Return the teams and pools of all months closed so far; nobody asks without budgets."""
    if not config.budgets or not config.warehouse_file.exists():
        return frozenset()
    with Warehouse.look(config.warehouse_file) as warehouse:
        return frozenset(warehouse.query("select distinct team from report.team")["team"])


def close_month(
    config: Settings, month: Month, progress: Progress | None = None, lock: Lock | None = None
) -> Published:
    """Land what is new, reconcile the month and publish it: what `tallystick close` and the job do.

    With `lock` the month is locked in between, unless something hinders it or it is locked already.
    """
    land(config, progress)
    done = reconcile(config, month, progress, lock)
    return publish(config, month)._replace(changes=done.changes, hinders=done.hinders)


def _pages(config: Settings, tables: dict[str, pl.DataFrame]) -> Iterator[tuple[str, str | bytes]]:
    materiality = MaterialityText(config.materiality.usd, config.materiality.percent)
    month, post = open_month(tables, cause_texts(CAUSES), config.company, materiality), config.delivery
    yield from render_month(month, Letterhead(post.sender or NOBODY, post.reply_to, post.base_url))
    yield from render_disputes(tables, config.company).items()
    yield "workbook.xlsx", render_workbook(month)
