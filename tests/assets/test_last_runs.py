"""`tallystick status` tells the newest runs of an instance of Dagster, and makes none where there is none."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
import typer

from assets import status
from assets.last_runs import last_runs
from assets.laws import CheckResult, ChecksFailedError
from pipeline.settings import load

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 2, tzinfo=UTC)

Run = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def home(config_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The instance of the repository, beside the configuration; the daemon has not run yet."""
    shutil.copy(ROOT / "dagster.yaml", config_path.parent)
    monkeypatch.chdir(config_path.parent)  # where its relative paths start
    return config_path.parent


@pytest.fixture
def run(home: Path) -> Iterator[Run]:
    """Run a job of one step with the name of a real one; `broken` is a law that does not hold."""
    with dg.DagsterInstance.from_config(str(home)) as instance:

        def close(job: str, month: str | None, broken: str = "") -> dg.ExecuteInProcessResult:
            @dg.op(name="reconcile")
            def _step() -> None:
                if broken:
                    raise ChecksFailedError((CheckResult(broken, "", False, "12 of 12 cells", {}),))

            @dg.job(name=job)
            def _job() -> None:
                _step()

            tags = {"dagster/partition": month} if month else None
            return _job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)

        yield close


def _found(home: Path) -> list[tuple[str, str | None, str]]:
    return [(run.job, run.month, run.status) for run in last_runs(home, NOW)]


def test_the_newest_run_of_each_job_is_told(home: Path, run: Run) -> None:
    run("landing", None)
    run("close_month", "2026-10", broken="bridge_adds_up")
    run("close_month", "2026-10")

    assert _found(home) == [("landing", None, "success"), ("close_month", "2026-10", "success")]
    assert all(each.started_at and each.seconds and each.why is None for each in last_runs(home, NOW))


def test_a_month_whose_newest_run_failed_is_told_until_it_is_run_again(
    home: Path, config_path: Path, run: Run
) -> None:
    run("close_month", "2026-09", broken="bridge_adds_up")
    run("close_month", "2026-10")

    (_, failed) = last_runs(home, NOW)
    assert (failed.month, failed.status) == ("2026-09", "failure")
    assert failed.why.startswith("reconcile: bridge_adds_up: 12 of 12 cells")
    assert not status.collect(load(config_path), NOW, home).is_well

    run("close_month", "2026-09")

    assert {each[1:] for each in _found(home)} == {("2026-09", "success")}
    assert status.collect(load(config_path), NOW, home).is_well


def test_the_command_says_why_and_ends_with_one(
    home: Path, config_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    run("close_month", "2026-10", broken="teams_add_up")

    def told(*, as_json: bool) -> str:
        with pytest.raises(typer.Exit) as ended:
            status.status(as_json, config_path)
        assert ended.value.exit_code == 1
        return capsys.readouterr().out

    text = told(as_json=False)
    assert "Last runs" in text
    assert "The last run of close_month of 2026-10 failed: reconcile: teams_add_up" in text
    (read,) = json.loads(told(as_json=True))["runs"]
    assert (read["job"], read["month"], read["status"]) == ("close_month", "2026-10", "failure")


def test_no_instance_is_made_where_there_is_none(home: Path, config_path: Path) -> None:
    before = sorted(home.rglob("*"))

    assert last_runs(home, NOW) == ()
    assert sorted(home.rglob("*")) == before
    for place, runs in ((None, None), (home, ()), (home / "nowhere", None)):
        found = status.collect(load(config_path), NOW, place)
        assert (found.runs, found.is_well) == (runs, True)
    assert not (home / ".dagster").exists()


def test_an_instance_that_cannot_be_read_is_an_alarm_and_hides_nothing_else(
    home: Path, config_path: Path
) -> None:
    (home / "dagster.yaml").write_text("storrage: {}\n", "utf-8")

    found = status.collect(load(config_path), NOW, home)

    assert not found.is_well
    (alarm,) = [check for check in found.checks if not check.passed]
    assert alarm.name == "runs_can_be_read"
    assert "storrage" in alarm.message
    assert "dagster.yaml" in alarm.message
