"""How everything stands: sources, months, locks and open items, from the warehouse, and runs."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from pipeline.closing import standing
from pipeline.settings import Settings
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME


@dataclass(frozen=True)
class SourceStanding:
    """What has landed of a source."""

    name: str
    kind: str
    files: int
    size_bytes: int
    rows_quarantined: int
    newest_at: datetime | None
    """Its newest row; null where it has none."""


@dataclass(frozen=True)
class MonthStanding:
    """How a month stands."""

    month: str
    state: str
    """preliminary, closed or restated."""
    version: int
    """Of the lock; 0 without one."""
    status: str
    """preliminary, complete or incomplete."""
    open_errors: int
    open_items: int
    close_id: str


@dataclass(frozen=True)
class RunStanding:
    """How the newest run of a job ended, or stands."""

    job: str
    month: str | None
    """Null for a landing, which belongs to none."""
    status: str
    """queued, started, success, failure, canceled and what else Dagster calls it."""
    started_at: datetime | None
    """Null while it waits for its turn."""
    seconds: float | None
    """How long it took, or has taken until now."""
    why: str | None
    """Why it failed, in one line; null unless it did."""
    run_id: str

    @property
    def is_failed(self) -> bool:
        """Whether somebody has to look at it."""
        return self.why is not None


def sources(settings: Settings, warehouse: Warehouse, now: datetime) -> list[SourceStanding]:
    """Return what has landed of every configured source."""
    newest = dict(
        warehouse.run("health/newest", now=now).group_by("source").agg(pl.col("newest_at").max()).rows()
    )
    files = warehouse.query(
        "select source, count(*)::bigint, sum(size_bytes)::bigint, sum(rows_quarantined)::bigint "
        "from raw.file group by source"
    )
    known: dict[str, tuple[int, int, int]] = {name: (n, size, bad) for name, n, size, bad in files.rows()}
    return [
        SourceStanding(each.name, each.kind, *known.get(each.name, (0, 0, 0)), newest.get(each.name))
        for each in settings.sources
    ]


def months(warehouse: Warehouse) -> list[MonthStanding]:
    """Return how every closed month stands, in order."""
    ledger = warehouse.read(BY_NAME["report.closing"])
    items = warehouse.query(
        "select month, count(*) filter (severity = 'error')::bigint as errors, count(*)::bigint as items "
        "from report.open_item where status = 'open' and not is_carried group by month"
    )
    counts = {month: (errors, number) for month, errors, number in items.rows()}
    found = []
    for row in warehouse.read(BY_NAME["report.close"]).sort("month").iter_rows(named=True):
        now = standing(ledger.filter(month=row["month"]))
        errors, number = counts.get(row["month"], (0, 0))
        found.append(
            MonthStanding(
                row["month"], now.state, now.version, row["status"], errors, number, row["close_id"]
            )
        )
    return found
