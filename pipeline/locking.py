"""Locking a month in the warehouse, opening it again, signing it, and holding it against what came later."""

import shutil
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import polars as pl

from pipeline.changes import Changes, candidate, changed_files, changed_rates, changed_rules, differing
from pipeline.closing import Person, Standing, event, hashes, locked_files, locked_quarantine, standing
from pipeline.closing_files import results_hash
from pipeline.errors import TallystickError
from pipeline.exports import export_tables
from pipeline.figures import differences, figures, locked, restated
from pipeline.open_items import hindering
from pipeline.period import Month
from pipeline.settings import Settings
from pipeline.variance.outcomes import ROWS, read_outcomes
from pipeline.warehouse import Warehouse
from schemas.recon import Finding
from schemas.tables import BY_NAME, TABLES

Tables = Mapping[str, pl.DataFrame]
Compute = Callable[[Month], Tables]
"""Computes the tables of a month from what has landed, and writes nothing."""

_MARGIN = timedelta(days=2)
"""How far around a month its figures look."""

_RATE = "recon.expected_rate"
_LEDGER = BY_NAME["report.closing"]
_FIGURE = BY_NAME["report.locked_figure"]
_FILE = BY_NAME["report.locked_file"]


def month_standing(warehouse: Warehouse, month: Month) -> Standing:
    """Return how a month stands."""
    return standing(warehouse.read(_LEDGER, "month = $month", month=str(month)))


def locked_months(warehouse: Warehouse) -> list[Month]:
    """Return the months that are locked now, in order."""
    ledger = warehouse.read(_LEDGER)
    names = sorted(set(ledger["month"]))
    return [Month.parse(name) for name in names if standing(ledger.filter(month=name)).is_locked]


def read_month(warehouse: Warehouse, month: Month, names: tuple[str, ...]) -> dict[str, pl.DataFrame]:
    """Return tables of a month as committed; of a locked one, files and quarantine are those of the lock."""
    found = {}
    for table in (BY_NAME[name] for name in names):
        where = "month = $month" if table.is_monthly else "true"
        found[table.name] = warehouse.read(table, where, month=str(month))
    now = month_standing(warehouse, month)
    if now.is_locked:
        where = "month = $month and locked_version = $version"
        for name, kept in (
            ("raw.file", "report.locked_file"),
            ("raw.quarantine", "report.locked_quarantine"),
        ):
            frame = warehouse.read(BY_NAME[kept], where, month=str(month), version=now.version)
            found[name] = frame.select(list(BY_NAME[name].schema))
    return found


def _outcomes(settings: Settings) -> pl.DataFrame:
    return read_outcomes(settings)[ROWS]


def _of_time(warehouse: Warehouse, month: Month) -> pl.DataFrame:
    start, end = month.window(_MARGIN)
    return warehouse.run("files_of_time", start=start, end=end)


def _late(warehouse: Warehouse, month: Month) -> tuple[str, ...]:
    """Files of a locked month that came, went or are read otherwise since the lock."""
    now = month_standing(warehouse, month)
    where = "month = $month and locked_version = $version"
    then = warehouse.read(_FILE, where, month=str(month), version=now.version)
    return changed_files(then, warehouse.read(BY_NAME["raw.file"]), _of_time(warehouse, month))


def late_files(warehouse: Warehouse) -> dict[Month, tuple[str, ...]]:
    """Return for each locked month the files that touch it and are not those of the lock."""
    late = {month: _late(warehouse, month) for month in locked_months(warehouse)}
    return {month: files for month, files in late.items() if files}


def compared(settings: Settings, month: Month, warehouse: Warehouse, compute: Compute) -> Changes:
    """Return what closing a locked month again would change; nothing is written."""
    now = month_standing(warehouse, month)
    if now.lock is None:
        raise TallystickError(f"Month {month} is not locked.")
    fresh = compute(month)
    where = "month = $month and locked_version = $version"
    then = warehouse.read(_FIGURE, where, month=str(month), version=now.version)
    names = tuple(name for name in fresh if BY_NAME[name].exported and not BY_NAME[name].is_ledger)
    old = read_month(warehouse, month, (*names, _RATE))
    tables = differing(old, {name: fresh[name] for name in names})
    facts = hashes(settings, warehouse.read(BY_NAME["raw.file"]), fresh[_RATE], _outcomes(settings))
    gaps, rates = differences(then, figures(fresh)), changed_rates(old[_RATE], fresh[_RATE])
    rules = changed_rules(now.lock, facts, rates)
    return Changes(str(month), gaps, tables, _late(warehouse, month), rules)


def candidates(settings: Settings, month: Month, warehouse: Warehouse, compute: Compute) -> pl.DataFrame:
    """Return a finding of `month` for every earlier locked month whose figures late files would change."""
    rows = [pl.DataFrame(schema=pl.Schema(Finding.empty().schema))]
    for other in late_files(warehouse):
        found = compared(settings, other, warehouse, compute) if other < month else None
        if found and not found.is_none:
            rows.append(candidate(str(month), found))
    return pl.concat(rows)


def lock(
    settings: Settings, month: Month, warehouse: Warehouse, who: Person, *, prepared: bool
) -> tuple[str, ...]:
    """Lock a month that was committed since the warehouse was opened, so that nothing landed in between.

    Return what hinders it, in words; then nothing was locked.

    Raises:
        TallystickError: the month is locked already, or was never closed.
    """
    now = month_standing(warehouse, month)
    exported = (table.name for table in TABLES if table.exported)
    tables = read_month(warehouse, month, (*exported, "report.close", "raw.file", _RATE))
    if now.is_locked:
        raise TallystickError(f"Month {month} is locked already, as version {now.version}.")
    if tables["report.close"].is_empty():
        raise TallystickError(f"Month {month} has not been closed. Run `tallystick close {month}` first.")
    if hinders := _hinders(tables):
        return hinders
    number = now.version + 1
    why = now.reopened["why"] if now.reopened else None
    facts = hashes(settings, tables["raw.file"], tables[_RATE], _outcomes(settings))
    facts["close_id"] = tables["report.close"]["close_id"][0]
    facts["results_hash"] = _results(settings, month, tables)
    found = figures(tables)
    with warehouse.transaction():
        if now.version:
            old = warehouse.read(
                _FIGURE, "month = $month and locked_version = $version", month=str(month), version=now.version
            )
            rows = restated(str(month), number, differences(old, found), str(why))
            warehouse.insert(BY_NAME["report.restatement"], rows)
        state = "restated" if now.version else "closed"
        warehouse.insert(_LEDGER, event(month, number, state, who._replace(why=why), **facts))
        if prepared:
            warehouse.insert(_LEDGER, event(month, number, "prepared", who))
        of_month = _of_time(warehouse, month)
        warehouse.insert(_FILE, locked_files(month, number, tables["raw.file"], of_month))
        rest = locked_quarantine(month, number, tables["raw.quarantine"])
        warehouse.insert(BY_NAME["report.locked_quarantine"], rest)
        warehouse.insert(_FIGURE, locked(str(month), number, found))
    return ()


def _hinders(tables: Tables) -> tuple[str, ...]:
    items = hindering(tables["report.open_item"]).sort("code", "item_id")
    return tuple(
        f"{item_id} {code}: {message}"
        for item_id, code, message in items.select("item_id", "code", "message").rows()
    )


def _results(settings: Settings, month: Month, tables: Tables) -> str:
    """Hash of the bytes that will be published, written to where no reader looks."""
    place = settings.output_folder / f".{month}.new"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    try:
        export_tables(tables, place)
        return results_hash(Path(place))
    finally:
        shutil.rmtree(place, ignore_errors=True)


def reopen(month: Month, warehouse: Warehouse, who: Person) -> int:
    """Open a locked month again and return the version that stays published until the next lock."""
    now = _locked(month, warehouse)
    with warehouse.transaction():
        warehouse.insert(_LEDGER, event(month, now.version, "reopened", who))
    return now.version


def sign(month: Month, warehouse: Warehouse, who: Person, role: str) -> None:
    """Record the signature of a preparer or a reviewer under a locked month.

    Raises:
        TallystickError: the month is not locked, the role has signed, or one person would sign as both.
    """
    now = _locked(month, warehouse)
    what = {"preparer": "prepared", "reviewer": "reviewed"}[role]
    if what in now.signatures:
        row = now.signatures[what]
        raise TallystickError(
            f"Version {now.version} of {month} was {what} by {row['recorded_by']} on "
            f"{row['recorded_at']:%Y-%m-%d}. A signature is never replaced."
        )
    others = {row["recorded_by"].casefold() for row in now.signatures.values()}
    if who.name.casefold() in others:
        raise TallystickError(
            f"{who.name} has signed version {now.version} of {month} in the other role. "
            "Preparer and reviewer are two people; let another one sign."
        )
    with warehouse.transaction():
        warehouse.insert(_LEDGER, event(month, now.version, what, who))


def _locked(month: Month, warehouse: Warehouse) -> Standing:
    now = month_standing(warehouse, month)
    if not now.is_locked:
        raise TallystickError(f"Month {month} is not locked. `tallystick close {month} --lock` locks it.")
    return now
