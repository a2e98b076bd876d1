"""Steps of a close that do nothing but tell: what the graph does with them is under test here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets import close, health, laws
from assets import steps as functions
from assets.definitions import build_defs
from assets.send import Sending
from pipeline.delivery import Outcome
from pipeline.health import DAILY, MONTHLY
from pipeline.landing import LandingSummary, Progress
from pipeline.landing_progress import KindState
from pipeline.period import Month
from pipeline.preflight import Problem
from pipeline.settings import Settings
from pipeline.watch import Alarm, Watch
from schemas.tables import TABLES


@dataclass
class Steps:
    """Records which steps ran, in order.

    `broken` names the law that does not hold, `alarm` a watch that warns; `refusal` is what landing meets.
    """

    broken: str = ""
    alarm: str = ""
    usage_state: str = "u"
    refusal: Exception | None = None
    mails: list[Outcome] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)

    def check(self, settings: Settings) -> list[Problem]:
        self.ran.append("check")
        return self.problems

    def land(self, settings: Settings, progress: Progress | None) -> LandingSummary:
        self.ran.append("land")
        if self.refusal is not None:
            raise self.refusal
        if progress:
            progress("otel", 3_000_000, 12_500_000)
            progress("otel", 12_500_000, 12_500_000)
        rows = {table.name: 7 for table in TABLES if not table.is_monthly}
        states = {"traces": KindState(2, 300, "t"), "usage": KindState(1, 50, self.usage_state)}
        return LandingSummary(sources=(), rows=rows, states=states)

    def reconcile(self, settings: Settings, month: Month) -> close.Reconciled:
        self.ran.append(f"reconcile {month}")
        checks = tuple(
            laws.CheckResult(name, table, name != self.broken, "12 of 12 cells", {"bad_rows": 0})
            for name, (table, _) in laws.CHECKS.items()
        )
        if self.broken:
            raise laws.ChecksFailedError(checks)
        rows = {table.name: 5 for table in TABLES if table.is_monthly}
        previews = {table.name: pl.DataFrame([{"month": "2026-10", "team": "[x](y)"}]) for table in TABLES}
        steps = {"traced": 900, "retries": 150, "unexplained": -50}
        done = close.Reconciled(month, "c10se", "All of it is explained.", rows, checks)
        return done._replace(previews=previews, steps=steps)

    def functions(self) -> functions.Steps:
        return functions.Steps(
            self.check,
            self.land,
            self.reconcile,
            self.publish,
            self.watch_landing,
            self.watch_month,
            self.send,
        )

    def _watched(self, watches: tuple[Watch, ...]) -> tuple[laws.CheckResult, ...]:
        alarm = Alarm("otel", "Source 'otel' is old.", "See whether it still runs.")
        return tuple(health.result(each, [alarm] * (each.code == self.alarm)) for each in watches)

    def watch_landing(self, settings: Settings) -> tuple[laws.CheckResult, ...]:
        self.ran.append("watch landing")
        return self._watched(DAILY)

    def watch_month(self, settings: Settings, month: Month) -> tuple[laws.CheckResult, ...]:
        self.ran.append(f"watch {month}")
        return self._watched(MONTHLY)

    def send(self, settings: Settings, month: Month) -> Sending:
        self.ran.append(f"send {month}")
        return Sending(tuple(self.mails), is_dry=False, unnamed=(), absent=())

    def publish(self, settings: Settings, month: Month) -> close.Published:
        self.ran.append(f"publish {month}")
        files = ("index.html", "teams/search.html", "teams/support.html", "bridge.parquet")
        folder = settings.output_folder / str(month)
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("x" * 10, "utf-8")
        return close.Published(
            folder,
            files,
            "All of it is explained.",
            "complete",
            pl.DataFrame(),
            pl.DataFrame(),
            close_id="c10se",
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
        defs = build_defs(config_path, steps.functions())
        with dg.DagsterInstance.ephemeral() as instance:
            return defs.resolve_job_def("close_month").execute_in_process(
                partition_key="2026-10", instance=instance, raise_on_error=False
            )

    return run


@pytest.fixture
def steps() -> Steps:
    return Steps()
