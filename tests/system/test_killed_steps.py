"""A run of the graph that is killed in each of its steps in turn: the last one gives the bytes of an undisturbed one."""

import contextlib
import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest

from pipeline.simulator import world
from tests.system.servers import ROOT

pytestmark = pytest.mark.system
MONTH = "2026-10"
STEPS = ("land", "watch_landing", "reconcile", "watch_month", "publish")
ROUNDS = 4
CHANCE = random.Random(11)  # noqa: S311
MOMENTS = [tuple(CHANCE.random() for _ in STEPS) for _ in range(ROUNDS)]
"""For each kill the part of its step that may pass; the last can come too late, and is then no kill."""


def _start(folder: Path, home: Path) -> subprocess.Popen[str]:
    home.mkdir(exist_ok=True)
    shutil.copy(ROOT / "dagster.yaml", home)
    env = {**os.environ, "DAGSTER_HOME": str(home), "TALLYSTICK_CONFIG": str(folder / "tallystick.toml")}
    command = ["-m", "dagster", "job", "execute", "-m", "assets.definitions", "-j", "close_month"]
    tags = f'{{"dagster/partition": "{MONTH}"}}'
    return subprocess.Popen(
        [sys.executable, "-u", *command, "--tags", tags],
        cwd=home, env=env, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def _published(folder: Path) -> dict[str, str] | None:
    root = folder / "output" / MONTH
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(f.relative_to(root)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files} or None


def _seconds(told: str) -> dict[str, float]:
    """How long each step took, from what Dagster says of them."""
    found = re.findall(r'Finished execution of step "(\w+)" in ([\d.]+)(ms|s)', told)
    return {step: float(number) / (1000 if unit == "ms" else 1) for step, number, unit in found}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str], dict[str, float]]:
    """A month that nobody has closed, what its close publishes, and how long each step takes."""
    pristine = tmp_path_factory.mktemp("world") / "demo"
    world.write(pristine, seed=5, month=MONTH, calls=300, progress=lambda what, done, whole: None)
    calm = Path(shutil.copytree(pristine, tmp_path_factory.mktemp("calm") / "demo"))
    process = _start(calm, calm.parent / "home")
    _, told = process.communicate(timeout=600)
    assert process.returncode == 0, told[-3000:]
    found = _published(calm)
    seconds = _seconds(told)
    assert found
    assert set(STEPS) <= set(seconds), told[-3000:]
    return pristine, found, seconds


def _bury(home: Path) -> int:
    """Mark killed runs as failed and free their place in the pool, as the daemon does (dagster.yaml)."""
    with contextlib.chdir(home), dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.run_monitoring_settings["free_slots_after_run_end_seconds"] > 0
        killed = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        for run in killed:
            instance.report_run_failed(run, "killed")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(killed)


@pytest.mark.parametrize("moments", MOMENTS)
def test_killed_in_any_of_its_steps_a_month_is_as_if_it_had_never_been(
    undisturbed, tmp_path, moments
) -> None:
    pristine, expected, seconds = undisturbed
    folder, home = Path(shutil.copytree(pristine, tmp_path / "demo")), tmp_path / "home"
    kills = 0
    for step, moment in zip(STEPS, moments, strict=True):
        process = _start(folder, home)
        assert process.stderr
        begun = any(f'Started execution of step "{step}"' in line for line in process.stderr)
        assert begun
        time.sleep(moment * seconds[step])
        process.kill()
        process.communicate(timeout=60)
        assert _published(folder) in (None, expected)
        kills += _bury(home)

    again = _start(folder, home)
    _, told = again.communicate(timeout=300)

    assert kills >= len(STEPS) - 1
    assert again.returncode == 0, told[-3000:]
    assert _published(folder) == expected
