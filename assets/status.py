"""`tallystick status`: sources, months and alarms on one page, and an exit code for whoever watches."""

import json
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
from pipeline.locking import late_files
from pipeline.settings import Settings
from pipeline.status import MonthStanding, SourceStanding, months, sources
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

    @property
    def is_well(self) -> bool:
        """Whether nobody has to do anything."""
        errors = any(month.open_errors for month in self.months)
        return not errors and not self.late and all(check.passed for check in self.checks)


def collect(settings: Settings, now: datetime) -> Status:
    """Return how everything stands; nothing is landed and nothing is written."""
    with Warehouse.look(settings.warehouse_file) as warehouse:
        landed, closed = sources(settings, warehouse, now), months(warehouse)
        late = {str(month): files for month, files in late_files(warehouse).items()}
    pages = {month.month: settings.output_folder / month.month / "index.html" for month in closed}
    written = {
        month: datetime.fromtimestamp(page.stat().st_mtime, UTC)
        for month, page in pages.items()
        if page.exists()
    }
    return Status(landed, closed, written, late, health.watch_landing(settings, now))


def status(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for a machine.")] = False,
    config: Annotated[
        Path, typer.Option("--config", help="The configuration file.", envvar="TALLYSTICK_CONFIG")
    ] = Path("tallystick.toml"),
) -> None:
    """Say how sources, months, locks and open items stand; ends with 1 when somebody has to do something."""
    settings = load_settings(config)
    found = collect(settings, datetime.now(UTC))
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
        "checks": [{"name": c.name, "passed": c.passed, "message": c.message} for c in found.checks],
    }


def _show(found: Status) -> None:
    _out.print(_sources(found.sources), _months(found))
    lines = [
        f"{name} is locked, and {len(files):,} files came late for it." for name, files in found.late.items()
    ]
    lines += [f"{check.name}: {check.message}" for check in found.checks if not check.passed]
    for line in lines:
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
