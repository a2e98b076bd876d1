"""A lock that is killed leaves the version before or the whole new one, and ends well the next time."""

import hashlib
import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

TALLYSTICK = str(Path(sys.executable).with_name("tallystick"))
ACCEPTED = '\n[[closing.resolutions]]\ncode = "quarantine"\nresolution = "accepted"\nwhy = "torn lines"\n'
LOCK = ("close", "2026-10", "--lock", "--by", "Ann")
CHANCE = random.Random(5)  # noqa: S311
MOMENTS = [0.2, 0.45, *(0.55 + (nth + CHANCE.random()) / 10 for nth in range(5))]
"""Shares of the run time: most near its end, where the month is locked and published."""

Hashes = dict[str, str]


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [TALLYSTICK, *words], cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def run(folder: Path, *words: str) -> str:
    process = start(folder, *words)
    said, told = process.communicate(timeout=300)
    assert process.returncode == 0, said + told
    return said


def tables(root: Path) -> Hashes:
    """Hashes of the published tables but those that tell of locks."""
    names = (path for path in sorted(root.iterdir()) if path.suffix in {".csv", ".parquet"})
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in names
        if path.stem not in {"closing", "restatement", "billing_period"}
    }


def whole(root: Path) -> dict[str, bytes]:
    paths = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def reopened(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Hashes, float]:
    """A month whose version 1 was opened for a late invoice; tables of version 2, and the seconds it took."""
    folder = Path(shutil.copytree(pristine, tmp_path_factory.mktemp("kills") / "month"))
    with (folder / "tallystick.toml").open("a") as config:
        config.write(ACCEPTED)
    run(folder, *LOCK)
    first = next(iter((folder / "invoices").glob("openai*"))).read_text("utf-8")
    lines = ['invoice_id = "LATE"' if line.startswith("invoice_id") else line for line in first.splitlines()]
    (folder / "invoices" / "late.toml").write_text("\n".join(lines), "utf-8")
    run(folder, "reopen", "2026-10", "--why", "late invoice")
    peace = Path(shutil.copytree(folder, folder.with_name("peace")))
    began = time.monotonic()
    assert "2026-10 is restated, version 2." in run(peace, *LOCK)
    return folder, tables(peace / "output" / "2026-10"), time.monotonic() - began


@pytest.mark.parametrize("share", MOMENTS)
def test_a_killed_lock_leaves_a_whole_version_and_ends_well(
    reopened: tuple[Path, Hashes, float], tmp_path: Path, share: float
) -> None:
    before, expected, seconds = reopened
    folder = Path(shutil.copytree(before, tmp_path / "month"))
    root = folder / "output" / "2026-10"
    first, old = whole(root), tables(root)

    process = start(folder, *LOCK)
    time.sleep(seconds * share)
    process.kill()
    process.communicate()

    if root.is_dir():  # between two renames there is none for a moment
        assert tables(root) in (old, expected)
    assert "2026-10 is restated, version 2." in run(folder, *LOCK)
    assert tables(root) == expected
    assert whole(root / "versions" / "1") == first
    assert [path.name for path in root.parent.iterdir()] == ["2026-10"]
    facts = json.loads((root / "closing.json").read_text("utf-8"))
    events = [(item["locked_version"], item["event"]) for item in facts["events"]]
    assert sorted(events) == [
        (1, "closed"),
        (1, "prepared"),
        (1, "reopened"),
        (2, "prepared"),
        (2, "restated"),
    ]
    assert all(
        hashlib.sha256((root / item["name"]).read_bytes()).hexdigest() == item["sha256"]
        for item in facts["files"]
    )
