"""`tallystick status`: sources, months, runs and alarms on one page, and an exit code for whoever watches."""

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from assets import health
from assets.close import load_settings
from assets.laws import CheckResult
from pipeline.errors import TallystickError
from pipeline.locking import late_files
from pipeline.settings import Settings
from pipeline.status import MonthStanding, RunStanding, SourceStanding, months, sources
from pipeline.warehouse import Warehouse
from reports import format as fmt

_out = Console(highlight=False, soft_wrap=True)


class Status(NamedTuple):
    """How everything stands."""

    sources: list[SourceStanding]
    months: list[MonthStanding]
    published_at: dict[str, datetime]
    """Month -> when its folder was written last."""
    late: dict[str, tuple[str, ...]]
    """Locked month -> files that came late for it."""
    checks: tuple[CheckResult, ...]
    runs: tuple[RunStanding, ...] | None = None
    """Of Dagster; null where it has no instance or that cannot be read."""

    @property
    def is_well(self) -> bool:
        """Whether nobody has to do anything."""
        errors = any(month.open_errors for month in self.months)
        failed = any(run.is_failed for run in self.runs or ())
        return not errors and not self.late and not failed and all(check.passed for check in self.checks)


def collect(settings: Settings, now: datetime, home: Path | None = None) -> Status:
    """Return how everything stands; nothing is landed and nothing is written. `home` is that of Dagster."""
    with Warehouse.look(settings.warehouse_file) as warehouse:
        landed, closed = sources(settings, warehouse, now), months(warehouse)
        late = {str(month): files for month, files in late_files(warehouse).items()}
    pages = {month.month: settings.output_folder / month.month / "index.html" for month in closed}
    written = {
        month: datetime.fromtimestamp(page.stat().st_mtime, UTC)
        for month, page in pages.items()
        if page.exists()
    }
    runs, wrong = _runs(home, now)
    return Status(landed, closed, written, late, (*health.watch_landing(settings, now), *wrong), runs)


def _runs(home: Path | None, now: datetime) -> tuple[tuple[RunStanding, ...] | None, list[CheckResult]]:
    """Return the newest runs, and what is wrong where they cannot be read."""
    if home is None or not (home / "dagster.yaml").is_file():
        return None, []
    from assets.last_runs import last_runs  # noqa: PLC0415  (Dagster takes a second, and many do without)

    try:
        return last_runs(home, now), []
    except TallystickError as error:
        return None, [CheckResult("runs_can_be_read", "", False, str(error), {})]


def status(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for a machine.")] = False,
    config: Annotated[
        Path, typer.Option("--config", help="The configuration file.", envvar="TALLYSTICK_CONFIG")
    ] = Path("tallystick.toml"),
) -> None:
    """Say how sources, months, locks, open items and the last runs of Dagster stand.

    Ends with 1 when somebody has to do something. Runs are told where $DAGSTER_HOME holds an instance.
    """
    settings, home = load_settings(config), os.environ.get("DAGSTER_HOME")
    found = collect(settings, datetime.now(UTC), Path(home) if home else None)
    if as_json:
        _out.print(json.dumps(_plain(found), default=str, indent=2), markup=False)
    else:
        _show(found)
    if not found.is_well:
        raise typer.Exit(1)


def _plain(found: Status) -> dict[str, Any]:
    return {
        "is_well": found.is_well,
        "sources": [asdict(each) for each in found.sources],
        "months": [
            {**asdict(each), "published_at": found.published_at.get(each.month)} for each in found.months
        ],
        "late": found.late,
        "runs": None if found.runs is None else [asdict(each) for each in found.runs],
        "checks": [{"name": c.name, "passed": c.passed, "message": c.message} for c in found.checks],
    }


def _show(found: Status) -> None:
    _out.print(_sources(found.sources), _months(found))
    if found.runs is not None:
        _out.print(_last_runs(found.runs))
    lines = [
        f"{name} is locked, and {len(files):,} files came late for it." for name, files in found.late.items()
    ]
    lines += [_failed(run) for run in found.runs or () if run.is_failed]
    lines += [f"{check.name}: {check.message}" for check in found.checks if not check.passed]
    for line in (each for told in lines for each in told.replace("\n", "\n  ").splitlines()):
        _out.print(fmt.label(line, 2000), markup=False)
    _out.print("All is well." if found.is_well else "Somebody has to do something; see above.")


def _sources(landed: list[SourceStanding]) -> Table:
    table = Table("source", "kind", "files", "MB", "in quarantine", "newest row (UTC)", title="Sources")
    for each in landed:
        newest = f"{each.newest_at:%Y-%m-%d %H:%M}" if each.newest_at else "none"
        size = f"{each.size_bytes / 1e6:,.1f}"
        table.add_row(each.name, each.kind, f"{each.files:,}", size, f"{each.rows_quarantined:,}", newest)
    return table


def _months(found: Status) -> Table:
    table = Table("month", "state", "status", "open errors", "open items", "published (UTC)", title="Months")
    for month in found.months:
        state = f"{month.state}, version {month.version}" if month.version else month.state
        at = found.published_at.get(month.month)
        written = f"{at:%Y-%m-%d %H:%M}" if at else "not yet"
        counts = (f"{month.open_errors:,}", f"{month.open_items:,}")
        table.add_row(month.month, state, month.status, *counts, written)
    return table


def _last_runs(runs: tuple[RunStanding, ...]) -> Table:
    table = Table("job", "month", "status", "started (UTC)", "seconds", title="Last runs")
    if not runs:
        table.caption = "None. Paths in dagster.yaml start in this folder: is it the daemon's?"
    for run in runs:
        started = f"{run.started_at:%Y-%m-%d %H:%M}" if run.started_at else "not yet"
        took = "" if run.seconds is None else f"{run.seconds:,.0f}"
        table.add_row(run.job, run.month or "", run.status, started, took)
    return table


def _failed(run: RunStanding) -> str:
    what = f"{run.job} of {run.month}" if run.month else run.job
    return (
        f"The last run of {what} failed: {(run.why or '').rstrip('.')}. Launch it again once that is mended; "
        f"run {run.run_id[:8]} in the UI has its log, and can be deleted there if it is settled otherwise."
    )
