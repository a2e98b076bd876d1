"""A close as `dagster job execute` runs it: a process over the instance of the repository, and what it left."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import dagster as dg

from assets.definitions import build_defs
from pipeline import settings
from pipeline.simulator import world
from tests.system.servers import ROOT

MONTH = "2026-10"

Hashes = dict[str, str]


class Failure(NamedTuple):
    """A step that failed, as the page of the run tells it first."""

    step: str
    message: str


def make_world(folder: Path) -> Path:
    """Write a small month that nobody has closed."""
    world.write(folder, seed=5, month=MONTH, calls=300, progress=lambda what, done, whole: None)
    return folder


def prepare(home: Path) -> None:
    """Make an instance: two processes that make its tables at once leave it with two versions, which it refuses."""
    home.mkdir(exist_ok=True)
    shutil.copy(ROOT / "dagster.yaml", home)
    with instance(home) as made:
        assert made.get_runs() == []


def start(folder: Path, home: Path, **environment: str) -> subprocess.Popen[str]:
    home.mkdir(exist_ok=True)
    shutil.copy(ROOT / "dagster.yaml", home)
    env = {**os.environ, "DAGSTER_HOME": str(home), "TALLYSTICK_CONFIG": str(folder / "tallystick.toml")}
    env |= {"POLARS_MAX_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # an eighth less work for small frames
    command = ["-m", "dagster", "job", "execute", "-m", "assets.definitions", "-j", "close_month"]
    tags = f'{{"dagster/partition": "{MONTH}"}}'
    return subprocess.Popen(
        [sys.executable, "-u", *command, "--tags", tags], cwd=home, env=env | environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return how a run ended, and what it said."""
    _, told = process.communicate(timeout=600)
    return process.returncode, told


def closed(folder: Path, month: str = MONTH) -> Hashes:
    """Close the month by the same graph in this process, undisturbed, and return what is published then."""
    config = folder / "tallystick.toml"
    with dg.DagsterInstance.ephemeral() as opened:
        job = build_defs(config).resolve_job_def("close_month")
        assert job.execute_in_process(partition_key=month, instance=opened).success
    found = published(settings.load(config).output_folder, month)
    assert found
    return found


def published(output: Path, month: str = MONTH) -> Hashes | None:
    """The hashes of everything in the folder of the month; null when there is nothing."""
    root = output / month
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(f.relative_to(root)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files} or None


@contextlib.contextmanager
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with contextlib.chdir(home), dg.DagsterInstance.from_config(str(home)) as opened:
        yield opened


def failures(home: Path) -> list[Failure]:
    """The steps that failed in the last run."""
    with instance(home) as opened:
        last = opened.get_runs(limit=1)[0].run_id
        events = [entry.dagster_event for entry in opened.all_logs(last)]
        failed = [event for event in events if event and event.is_step_failure]
        return [Failure(e.step_key, e.step_failure_data.error.message) for e in failed]


def texts(home: Path) -> list[str]:
    """All that the pages of the runs tell."""
    with instance(home) as opened:
        return [entry.user_message for run in opened.get_runs() for entry in opened.all_logs(run.run_id)]
