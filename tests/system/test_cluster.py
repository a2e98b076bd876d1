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
from pipeline.intake.spool import Spool
from pipeline.landing_settings import Landing
from pipeline.output_settings import S3
from pipeline.settings import Settings
from pipeline.source_settings import Source
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


@pytest.fixture(autouse=True)
def _pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    options = DecodeOptions(("feature", "team"), (), 50_000, 500_000)
    monkeypatch.setattr(landing.DecodeOptions, "of", lambda _: options)


def _landed(folder: Path, how: Landing, progress: Any = None, **other: Any) -> dict[str, list]:
    source = Source(name="otel", kind="traces", uri=other.pop("uri", "*.jsonl"))
    settings = Settings(sources=(source,), root=folder, landing=how, **other)
    tables = ("raw.span", "raw.quarantine", "raw.file")
    with Warehouse.open(None) as warehouse:
        landing.land(settings, warehouse, progress=progress)
        return {name: warehouse.read(BY_NAME[name]).drop("version", strict=False).rows() for name in tables}


class Killer:
    """Kills a worker when something has landed."""

    def __init__(self, worker: subprocess.Popen[bytes]) -> None:
        self.worker = worker
        self.bytes_left = 0

    def __call__(self, _: str, done: int, whole: int) -> None:
        if done and self.worker.poll() is None:
            self.worker.kill()
            self.bytes_left = whole - done
            time.sleep(0.1)


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_lands_the_same_rows_and_a_killed_worker_costs_but_time(
    tmp_path: Path, cluster: Cluster
) -> None:
    address, workers = cluster
    folder = tmp_path / "month"
    folder.mkdir()
    write_dump(folder / "dump.jsonl", 20_000)
    alone = _landed(folder, Landing(workers=1))
    assert len(alone["raw.span"]) == 20_000
    on_cluster = Landing(executor="dask", scheduler=address, parts=str(tmp_path / "shared"))
    assert _landed(folder, on_cluster) == alone

    killer = Killer(workers[0])
    assert _landed(folder, on_cluster, killer) == alone
    assert killer.bytes_left > 0
    assert workers[0].poll() is not None
    assert list((tmp_path / "shared").iterdir()) == []


@pytest.mark.filterwarnings("ignore")
def test_sources_and_parts_on_s3_give_the_same_rows_also_when_a_worker_is_killed(
    tmp_path: Path, cluster: Cluster, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, workers = cluster
    dump = tmp_path / "dump.jsonl"
    write_dump(dump, 12_000)
    lines = dump.read_bytes().splitlines(keepends=True)
    bucket.put("in/large.jsonl", b"".join(lines[40:]))
    for number, line in enumerate(lines[:40]):
        small = line + b"garbage\n" * (number % 2)
        bucket.put(f"in/{number:03}.jsonl", small)
        bucket.put(f"in/z{number:03}.jsonl", b"\x00%d" % number if number % 4 else small)
    there = {"uri": f"s3://{bucket.name}/in", "s3": S3(endpoint_url=bucket.url)}
    alone = _landed(tmp_path, Landing(workers=2), **there)
    assert len(alone["raw.span"]) == 12_000
    assert len(alone["raw.quarantine"]) == 20 + 30
    own = Settings(root=tmp_path, landing=Landing(parts=f"s3://{bucket.name}/parts/")).parts_place
    bucket.put(f"{own.removeprefix(f's3://{bucket.name}/')}/killed/left.parquet", b"rubbish")
    on_cluster = Landing(executor="dask", scheduler=address, parts=f"s3://{bucket.name}/parts/")
    monkeypatch.setattr(landing, "Spool", lambda folder: Spool(folder, 0))  # workers elsewhere see no copies
    assert _landed(tmp_path, on_cluster, **there) == alone
    assert bucket.objects("parts") == {}
    killer = Killer(workers[0])
    assert _landed(tmp_path, on_cluster, killer, **there) == alone
    assert killer.bytes_left > 0
    assert workers[0].poll() is not None
    assert bucket.objects("parts") == {}
