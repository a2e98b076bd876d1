"""`tallystick status` tells how everything stands, and what is logged can be read by a machine."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assets import close, status
from assets.close import Lock
from pipeline.closing import Person
from pipeline.period import Month
from pipeline.simulator import world

COMMAND = str(Path(sys.executable).with_name("tallystick"))
MONTH = Month(2026, 10)
NOW = datetime(2026, 11, 2, tzinfo=UTC)


def _run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "COLUMNS": "200", **environment}
    return subprocess.run([COMMAND, *words], cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("status")
    world.write(folder, seed=11, month=str(MONTH), calls=300, progress=lambda what, done, whole: None)
    close.close_month(close.load_settings(folder / "tallystick.toml"), MONTH)
    return folder


def test_every_source_and_month_is_told(closed: Path) -> None:
    settings = close.load_settings(closed / "tallystick.toml")

    found = status.collect(settings, NOW)

    assert [each.name for each in found.sources] == [source.name for source in settings.sources]
    assert all(each.files and each.newest_at for each in found.sources)
    (month,) = found.months
    assert (month.month, month.state, month.version) == ("2026-10", "preliminary", 0)
    assert set(found.published_at) == {"2026-10"}
    assert not found.late


def test_the_command_ends_with_one_when_a_source_is_old(closed: Path) -> None:
    done = _run(closed, "status", "--json")

    told = json.loads(done.stdout)
    stale = next(check for check in told["checks"] if check["name"] == "sources_are_fresh")
    assert (done.returncode, told["is_well"], stale["passed"]) == (1, False, False)
    assert "hours ago" in stale["message"]
    text = _run(closed, "status").stdout
    assert len([line for line in text.splitlines() if line.endswith("are usual.")]) > 1
    assert "\ufffd" not in text


def test_late_files_of_a_locked_month_are_told(closed: Path) -> None:
    text = (closed / "tallystick.toml").read_text("utf-8")
    text += '\n[[closing.resolutions]]\nresolution = "accepted"\nwhy = "tried"\n'
    (closed / "tallystick.toml").write_text(text, "utf-8")
    settings = close.load_settings(closed / "tallystick.toml")
    done = close.close_month(settings, MONTH, lock=Lock(Person("Ada", NOW, None), is_preparer=True))
    assert not done.hinders
    bill = next((closed / "invoices").glob("*.toml"))
    bill.with_name("late.toml").write_text(bill.read_text("utf-8") + "\n# sent again\n", "utf-8")
    close.land(settings)

    found = status.collect(settings, NOW)

    assert found.months[0].state == "closed"
    assert list(found.late) == ["2026-10"]
    assert not found.is_well


def test_an_empty_configuration_is_well(tmp_path: Path) -> None:
    (tmp_path / "tallystick.toml").write_text('company = "Acme"\n', "utf-8")

    done = _run(tmp_path, "status")

    assert done.returncode == 0, done.stderr
    assert "All is well." in done.stdout


def test_what_is_logged_for_a_machine_is_one_object_a_line(tmp_path: Path) -> None:
    (tmp_path / "tallystick.toml").write_text('compnay = "Acme"\n', "utf-8")

    done = _run(tmp_path, "land", TALLYSTICK_LOG="json")

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == 2
    assert [(line["level"], "company" in line["message"]) for line in lines] == [("error", True)]


def test_the_steps_of_a_close_are_logged_for_a_machine(closed: Path) -> None:
    done = _run(closed, "land", TALLYSTICK_LOG="json")

    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert lines
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
