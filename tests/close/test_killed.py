"""A close that is killed, doubled or starved leaves the last good state and ends well the next time."""

import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

CLOSE = [str(Path(sys.executable).with_name("tallystick")), "close", "2026-10"]
KILLS = 8

Hashes = dict[str, str]


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(CLOSE, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    said, told = process.communicate(timeout=300)
    return process.returncode, said, told


def published(folder: Path) -> Hashes | None:
    """The hashes of everything in the published folder; null when there is none."""
    root = folder / "output" / "2026-10"
    if not root.is_dir():
        return None
    files = [path for path in root.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files)
    }


@pytest.fixture(scope="module")
def undisturbed(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Hashes, float]:
    """The month closed in peace: its folder, what was published, and the seconds that it took."""
    folder = Path(shutil.copytree(pristine, tmp_path_factory.mktemp("peace") / "month"))
    began = time.monotonic()
    code, _, told = finish(start(folder))
    assert code in {0, 1}, told
    found = published(folder)
    assert found
    return folder, found, time.monotonic() - began


CHANCE = random.Random(7)  # noqa: S311
MOMENTS = [(nth + CHANCE.random()) / KILLS for nth in range(KILLS)]
"""Shares of the run time, one in each eighth."""


@pytest.mark.parametrize("share", MOMENTS)
def test_a_killed_close_ends_as_if_it_had_never_been_killed(
    undisturbed: tuple[Path, Hashes, float], month_folder: Path, share: float
) -> None:
    _, expected, seconds = undisturbed
    process = start(month_folder)
    time.sleep(seconds * share)
    process.kill()
    finish(process)
    assert published(month_folder) in (None, expected)
    code, _, told = finish(start(month_folder))
    assert code in {0, 1}, told
    assert published(month_folder) == expected
    left = [path.name for path in (month_folder / "output").iterdir()]
    assert left == ["2026-10"]


def test_the_published_month_is_always_a_whole_one(
    undisturbed: tuple[Path, Hashes, float], tmp_path: Path
) -> None:
    """A trace comes late: killed again and again, the folder holds the old month or the new one."""
    closed, old, seconds = undisturbed
    folder = Path(shutil.copytree(closed, tmp_path / "month"))
    late = sorted((folder / "traces").glob("*.jsonl"))[4]
    late.write_bytes(b"".join(late.read_bytes().splitlines(keepends=True)[:-1]))
    calm = Path(shutil.copytree(folder, tmp_path / "calm"))
    finish(start(calm))
    new = published(calm)
    assert new != old
    chance = random.Random(3)  # noqa: S311
    for _ in range(4):
        process = start(folder)
        time.sleep(seconds * (0.3 + 0.4 * chance.random()))
        process.kill()
        finish(process)
        assert published(folder) in (None, old, new)
    finish(start(folder))
    assert published(folder) == new


def test_a_kill_between_two_renames_loses_nothing(
    undisturbed: tuple[Path, Hashes, float], tmp_path: Path
) -> None:
    closed, expected, _ = undisturbed
    folder = Path(shutil.copytree(closed, tmp_path / "month"))
    output = folder / "output"
    (output / "2026-10").rename(output / ".2026-10.old")
    shutil.copytree(output / ".2026-10.old", output / ".2026-10.new")
    (output / ".2026-10.new" / "bridge.csv").write_text("half", "utf-8")
    finish(start(folder))
    assert published(folder) == expected
    assert [path.name for path in output.iterdir()] == ["2026-10"]


def test_two_closes_at_once_both_succeed(undisturbed: tuple[Path, Hashes, float], month_folder: Path) -> None:
    first, second = start(month_folder), start(month_folder)
    results = [finish(first), finish(second)]
    assert all(code in {0, 1} for code, _, _ in results), results
    assert published(month_folder) == undisturbed[1]
    told = results[0][2] + results[1][2]
    waited_for = [process.pid for process in (first, second) if f"waiting for process {process.pid}" in told]
    assert waited_for, told


def assert_told(result: tuple[int, str, str], *words: str) -> None:
    """It ended with 2 and a message of a few lines, without a traceback."""
    code, said, told = result
    assert code == 2, said + told
    assert "Traceback" not in said + told
    for word in words:
        assert word in told


def test_a_file_that_is_no_warehouse_is_told(month_folder: Path) -> None:
    (month_folder / "tallystick.duckdb").write_bytes(b"not a database" * 1000)
    assert_told(finish(start(month_folder)), "tallystick.duckdb", "not a valid DuckDB", "Move that file away")


def test_an_output_folder_that_is_a_file_is_told(month_folder: Path) -> None:
    (month_folder / "output").write_text("", "utf-8")
    assert_told(finish(start(month_folder)), "output", "run again")


NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def as_nobody(folder: Path) -> tuple[int, str, str]:
    """Close as somebody who may read everything there, and write what anybody may write."""
    process = subprocess.Popen(
        [*NOBODY, *CLOSE], cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"HOME": "/", "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    return finish(process)


@pytest.fixture
def open_month(undisturbed: tuple[Path, Hashes, float]) -> Iterator[Path]:
    """A closed month outside pytest's own folders, which pytest keeps to itself."""
    if subprocess.run([*NOBODY, CLOSE[0], "--help"], capture_output=True, check=False).returncode:
        pytest.skip("nobody else may run the environment of the tests")
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        folder = Path(shutil.copytree(undisturbed[0], Path(place) / "month"))
        folder.chmod(0o755)
        yield folder


needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can become somebody else"
)


@needs_root
def test_a_warehouse_that_may_not_be_written_is_told(
    undisturbed: tuple[Path, Hashes, float], open_month: Path
) -> None:
    assert_told(as_nobody(open_month), "tallystick.duckdb", "Permission denied", "Give yourself the right")
    assert published(open_month) == undisturbed[1]


@needs_root
def test_a_file_that_may_not_be_read_is_set_aside(open_month: Path) -> None:
    folder = open_month
    (folder / "traces" / "zz.jsonl").write_bytes(b"{}")
    (folder / "traces" / "zz.jsonl").chmod(0)
    (folder / "traces" / "zz").mkdir(mode=0)
    for path in (folder, folder / "tallystick.duckdb", *(folder / "output").rglob("*"), folder / "output"):
        os.chown(path, 65534, 65534)
    code, _, told = as_nobody(folder)
    assert code in {0, 1}, told
    rows = (folder / "output" / "2026-10" / "quarantine.csv").read_text("utf-8")
    assert rows.count("Permission denied") == 2
    assert "traces/zz.jsonl" in rows


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts a disk of so many kilobytes."""
    place = tmp_path / "disk"

    def mount(kilobytes: int) -> Path:
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(place)]
        if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("only root can mount a small disk")
        return place

    yield mount
    if place.is_mount():
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("target", ["warehouse", "folder"])
def test_a_full_disk_is_told_and_the_next_close_ends_well(
    undisturbed: tuple[Path, Hashes, float],
    month_folder: Path,
    small_disk: Callable[[int], Path],
    target: str,
) -> None:
    disk = small_disk(1_500 if target == "warehouse" else 200)
    config = month_folder / "tallystick.toml"
    before = config.read_text("utf-8")
    name = disk / ("w.duckdb" if target == "warehouse" else "output")
    config.write_text(before.replace("[materiality]", f'[output]\n{target} = "{name}"\n\n[materiality]', 1))
    assert_told(finish(start(month_folder)), "No space left", "Make room on that disk")
    subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)
    code, _, told = finish(start(month_folder))
    assert code in {0, 1}, told
    if target == "folder":
        shutil.copytree(name / "2026-10", month_folder / "output" / "2026-10")
    assert published(month_folder) == undisturbed[1]
