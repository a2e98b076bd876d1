"""The instance over PostgreSQL and S3, as the file in the root says, on a real PostgreSQL and a server of S3."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import psycopg2
import pytest

from assets.last_runs import last_runs
from pipeline.errors import TallystickError
from pipeline.simulator import world

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]
MONTH = "2026-10"
NOW = datetime(2026, 11, 2, tzinfo=UTC)


def _tool(name: str) -> str | None:
    return shutil.which(name) or next(
        iter(map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")))), None
    )


def _port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL of our own on loopback."""
    initdb, server = _tool("initdb"), _tool("postgres")
    if not initdb or not server:
        pytest.skip("there is no PostgreSQL on this machine (initdb and postgres)")
    folder = Path(tmp_path_factory.mktemp("postgres")).resolve()
    who = _somebody(folder)
    data, port = folder / "data", _port()
    made = subprocess.run(
        [initdb, "-D", data, "-U", "tally", "-A", "trust", "-E", "UTF8", "--no-sync"],
        cwd="/", capture_output=True, text=True, check=False, user=who,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    options = ["-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", "", "-F"]
    process = subprocess.Popen([server, *options], cwd="/", user=who, stderr=subprocess.DEVNULL)
    try:
        url = f"postgresql://tally@127.0.0.1:{port}/postgres"
        _wait(url)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def _somebody(folder: Path) -> int | None:
    """PostgreSQL refuses to run as root: then it runs as nobody, in a folder that is nobody's."""
    if os.geteuid() != 0:
        return None
    try:
        who = pwd.getpwnam("nobody").pw_uid
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no other user")
    os.chown(folder, who, -1)
    for parent in folder.parents:
        if not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    return who


def _wait(url: str) -> None:
    for _ in range(120):
        try:
            psycopg2.connect(url).close()
        except psycopg2.OperationalError:
            time.sleep(0.5)
        else:
            return
    pytest.fail("PostgreSQL does not answer")


def _tables(url: str) -> set[str]:
    kept = psycopg2.connect(url)
    with kept, kept.cursor() as cursor:
        cursor.execute("select tablename from pg_tables where schemaname = 'public'")
        found = {name for (name,) in cursor.fetchall()}
    kept.close()
    return found


def test_a_month_is_closed_over_postgresql_with_its_logs_on_s3(
    postgres, bucket, tmp_path, monkeypatch
) -> None:
    world.write(tmp_path / "demo", seed=5, month=MONTH, calls=300, progress=lambda what, done, whole: None)
    bucket.s3.create_bucket(Bucket=bucket.name)
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(ROOT / "dagster-postgres.yaml", home / "dagster.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", postgres.replace("postgresql:", "postgresql+psycopg2:"))
    monkeypatch.setenv("DAGSTER_LOGS_BUCKET", bucket.name)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", bucket.url)
    monkeypatch.setenv("TALLYSTICK_CONFIG", str(tmp_path / "demo" / "tallystick.toml"))

    with pytest.raises(TallystickError, match="cannot be read"):
        last_runs(home, NOW)
    assert _tables(postgres) == set()  # whoever asks how things stand makes none

    command = [sys.executable, "-m", "dagster", "job", "execute", "-m", "assets.definitions"]
    done = subprocess.run(
        [*command, "-j", "close_month", "--tags", f'{{"dagster/partition": "{MONTH}"}}'],
        cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-4000:]
    with dg.DagsterInstance.get() as instance:
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.SUCCESS
        bridge = instance.get_latest_materialization_event(dg.AssetKey(["recon", "bridge"]))
        assert bridge.run_id == run.run_id
    assert "runs" in _tables(postgres)
    assert [(each.job, each.month, each.status) for each in last_runs(home, NOW)] == [
        ("close_month", MONTH, "success")
    ]
    assert not (home / "storage").exists()
    logs = bucket.s3.list_objects_v2(Bucket=bucket.name, Prefix="tallystick/").get("Contents", [])
    assert any(run.run_id in each["Key"] for each in logs)
