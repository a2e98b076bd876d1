"""A month from S3 closes as the same month from a folder does, and is published there whole."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from assets.close import close_month, land, load_settings, reconcile
from pipeline.period import Month
from pipeline.simulator import world

pytestmark = pytest.mark.system

MONTH = Month.parse("2026-10")
CLOSE = [str(Path(sys.executable).with_name("tallystick")), "close", "2026-10"]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a simulated month, and its configuration."""
    folder = tmp_path_factory.mktemp("company")
    world.write(folder, seed=11, month="2026-10", calls=500)
    return folder


@pytest.fixture
def local(company: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(company, tmp_path / "local"))


@pytest.fixture
def remote(company: Path, bucket, tmp_path: Path) -> Path:
    """A folder with nothing but the configuration; the files are in the bucket."""
    folder = tmp_path / "remote"
    folder.mkdir()
    bucket.put_folder(company, "acme")
    text = (company / "tallystick.toml").read_text("utf-8")
    text, count = re.subn(r'(?m)^uri = "', f'uri = "s3://{bucket.name}/acme/', text)
    assert count > 3
    (folder / "tallystick.toml").write_text(f'{text}\n[s3]\nendpoint_url = "{bucket.url}"\n', "utf-8")
    return folder


def copying(folder: Path, to: str, endpoint_url: str) -> None:
    """Let the closes of a folder be copied to S3."""
    config = folder / "tallystick.toml"
    text = config.read_text("utf-8")
    assert "[output]" not in text
    config.write_text(f'{text}\n[output]\ncopy_to = "{to}"\n[s3]\nendpoint_url = "{endpoint_url}"\n', "utf-8")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def closed(folder: Path) -> dict[str, bytes]:
    return contents(close_month(load_settings(folder / "tallystick.toml"), MONTH).folder)


NAMES_FILES = {
    "quarantine.parquet", "quarantine.csv", "open_items.parquet", "open_items.csv", "index.html", "index.eml",
    "workbook.xlsx",
}  # fmt: skip
"""What says where a record lies that could not be read."""
PACKED = (".parquet", ".xlsx", ".eml")
"""Files in which a longer name moves other bytes."""


def test_a_month_from_s3_is_the_month_from_the_folder(local: Path, remote: Path, bucket) -> None:
    here, there = closed(local), closed(remote)
    assert set(here) == set(there)
    assert {name for name in here if here[name] != there[name]} == NAMES_FILES
    place = f"s3://{bucket.name}/acme/".encode()
    for name in NAMES_FILES:
        if not name.endswith(PACKED):
            assert there[name].replace(place, b"") == here[name], name


def published(bucket, prefix: str = "reports/2026-10") -> tuple[dict[str, bytes], dict[str, bytes]]:
    """What a reader finds: the pointers, and the files where `latest.json` points, checked against it."""
    objects = {key.removeprefix(f"{prefix}/"): body for key, body in bucket.objects(prefix).items()}
    pointers = {name: body for name, body in objects.items() if "/" not in name}
    if not pointers:
        return {}, {}
    latest = json.loads(pointers["latest.json"])
    files = {item["name"]: objects[latest["folder"] + item["name"]] for item in latest["files"]}
    assert [item["sha256"] for item in latest["files"]] == [
        hashlib.sha256(body).hexdigest() for body in files.values()
    ]
    if "index.html" in pointers:
        folder = re.search(rb"url=([0-9a-f]{16})/index.html", pointers["index.html"])[1].decode()
        assert f"{folder}/index.html" in objects
    return pointers, files


def test_a_month_published_twice_is_the_same_objects_with_the_same_bytes(local: Path, bucket) -> None:
    copying(local, f"s3://{bucket.name}/reports/", bucket.url)
    here = closed(local)
    pointers, files = published(bucket)
    assert files == here
    assert set(pointers) == {"latest.json", "index.html"}
    first = bucket.objects()
    assert closed(local) == here
    assert bucket.objects() == first


def test_a_copy_that_is_cut_off_anywhere_leaves_the_last_whole_month(local: Path, bucket, proxy) -> None:
    """Each run is killed between two uploads, one later every time."""
    copying(local, f"s3://{bucket.name}/reports", proxy.url)
    old = closed(local)
    late = sorted((local / "traces").glob("*.jsonl"))[4]
    late.write_bytes(b"".join(late.read_bytes().splitlines(keepends=True)[:-1]))
    config = load_settings(local / "tallystick.toml")
    land(config)
    reconcile(config, MONTH)
    uploads = len(old) + 2
    seen = [old]
    for most in (0, 1, uploads // 2, uploads - 3, uploads - 2, uploads - 1, uploads):
        process = subprocess.Popen([sys.executable, "-c", PUBLISH], cwd=local, stderr=subprocess.PIPE)
        puts = iter(range(most))

        def kill_after(what: str, process=process, puts=puts) -> bytes | None:
            if what.startswith("PUT") and next(puts, None) is None:
                process.kill()
                return b""
            return None

        proxy.fault = kill_after
        _, told = process.communicate(timeout=120)
        assert (process.returncode == 0) == (most == uploads), told.decode()
        _, files = published(bucket)
        seen.append(files)
    new = contents(local / "output" / "2026-10")
    assert new != old
    assert seen == [old] * 6 + [new] * 2


PUBLISH = """
from assets.close import load_settings, publish
from pipeline.period import Month
publish(load_settings(), Month.parse("2026-10"))
"""


def test_a_copy_that_fails_leaves_the_month_published_here_and_says_so(local: Path, bucket) -> None:
    copying(local, "s3://no-such-place/reports", bucket.url)
    ended = subprocess.run(CLOSE, cwd=local, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    told = " ".join(ended.stderr.split())
    assert "is closed and published in" in told
    assert "s3://no-such-place/reports/2026-10/" in told
    assert "there is no such bucket" in told
    assert (local / "output" / "2026-10" / "index.html").is_file()
