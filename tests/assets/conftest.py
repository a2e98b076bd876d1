"""Steps of a close that do nothing but tell: what the graph does with them is under test here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets import close, laws
from assets.definitions import build_defs
from pipeline.landing import LandingSummary, Progress
from pipeline.period import Month
from pipeline.settings import Settings
from schemas.tables import TABLES


@dataclass
class Steps:
    """Records which steps ran, in order; `broken` names the law that does not hold."""

    broken: str = ""
    ran: list[str] = field(default_factory=list)

    def land(self, settings: Settings, progress: Progress | None) -> LandingSummary:
        self.ran.append("land")
        if progress:
            progress("otel", 3_000_000, 12_500_000)
            progress("otel", 12_500_000, 12_500_000)
        return LandingSummary(sources=(), rows={table.name: 7 for table in TABLES if not table.is_monthly})

    def reconcile(self, settings: Settings, month: Month) -> close.Reconciled:
        self.ran.append(f"reconcile {month}")
        checks = tuple(
            laws.CheckResult(name, table, name != self.broken, "12 of 12 cells", {"bad_rows": 0})
            for name, (table, _) in laws.CHECKS.items()
        )
        if self.broken:
            raise laws.ChecksFailedError(checks)
        rows = {table.name: 5 for table in TABLES if table.is_monthly}
        return close.Reconciled(month, "c10se", "All of it is explained.", rows, checks)

    def publish(self, settings: Settings, month: Month) -> close.Published:
        self.ran.append(f"publish {month}")
        files = ("index.html", "teams/search.html", "teams/support.html", "bridge.parquet")
        folder = settings.output_folder / str(month)
        return close.Published(
            folder, files, "All of it is explained.", "complete", pl.DataFrame(), pl.DataFrame()
        )


@pytest.fixture
def config_path(tmp_path: Path) -> Path:
    path = tmp_path / "tallystick.toml"
    path.write_text('company = "Acme"\n', "utf-8")
    return path


@pytest.fixture
def run_close(config_path: Path) -> Callable[[Steps], dg.ExecuteInProcessResult]:
    """Run the job that closes October 2026 over some steps."""

    def run(steps: Steps) -> dg.ExecuteInProcessResult:
        defs = build_defs(config_path, land=steps.land, reconcile=steps.reconcile, publish=steps.publish)
        with dg.DagsterInstance.ephemeral() as instance:
            return defs.resolve_job_def("close_month").execute_in_process(
                partition_key="2026-10", instance=instance, raise_on_error=False
            )

    return run


@pytest.fixture
def steps() -> Steps:
    return Steps()
