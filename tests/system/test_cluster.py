"""A landing by a real Dask cluster on loopback: the same rows, also when one of its workers is killed."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assets.bench_data import write_dump
from pipeline import landing
from pipeline.intake.decoding import DecodeOptions
from pipeline.settings import Landing, Settings, Source
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME

pytestmark = pytest.mark.system
distributed = pytest.importorskip("distributed")

Cluster = tuple[str, list[subprocess.Popen[bytes]]]


def _start(module: str, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", f"distributed.cli.{module}", "--no-dashboard", *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler and two workers: its address and the worker processes."""
    told = str(tmp_path / "scheduler.json")
    scheduler = _start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", told)
    options = ("--scheduler-file", told, "--nthreads", "1", "--no-nanny", "--local-directory", str(tmp_path))
    workers = [_start("dask_worker", *options) for _ in range(2)]
    try:
        with distributed.Client(scheduler_file=told, timeout=120, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=120)
            address = client.scheduler.address
        yield address, workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def _landed(folder: Path, how: Landing, progress: Any = None) -> dict[str, list]:
    settings = Settings(
        sources=(Source(name="otel", kind="traces", uri="*.jsonl"),), root=folder, landing=how
    )
    with Warehouse.open(None) as warehouse:
        landing.land(settings, warehouse, progress=progress)
        return {name: warehouse.read(BY_NAME[name]).rows() for name in ("raw.span", "raw.file")}


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_lands_the_same_rows_and_a_killed_worker_costs_but_time(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, workers = cluster
    folder = tmp_path / "month"
    folder.mkdir()
    write_dump(folder / "dump.jsonl", 20_000)
    monkeypatch.setattr(
        landing.DecodeOptions, "of", lambda _: DecodeOptions(("feature", "team"), (), 50_000, 500_000)
    )
    alone = _landed(folder, Landing(workers=1))
    assert len(alone["raw.span"]) == 20_000
    on_cluster = Landing(executor="dask", scheduler=address, parts=str(tmp_path / "shared"))
    assert _landed(folder, on_cluster) == alone

    def kill(_: str, done: int, whole: int) -> None:
        if done and workers[0].poll() is None:
            workers[0].kill()
            time.sleep(0.1)

    assert _landed(folder, on_cluster, kill) == alone
    assert workers[0].poll() is not None
    assert list((tmp_path / "shared").iterdir()) == []
