"""Disks that run full or may not be written, and two runs at once: told, and mended by the next run."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.warehouse import Warehouse
from tests.system.runs import (
    MONTH,
    Hashes,
    closed,
    failures,
    finish,
    make_world,
    prepare,
    published,
    start,
    texts,
)

pytestmark = pytest.mark.system
TALLYSTICK = str(Path(sys.executable).with_name("tallystick"))


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("world") / "demo")


@pytest.fixture(scope="module")
def calm(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Hashes]:
    """A month that was closed undisturbed, and what that published."""
    folder = Path(shutil.copytree(pristine, tmp_path_factory.mktemp("calm") / "demo"))
    return folder, closed(folder)


@pytest.fixture
def month(pristine: Path, tmp_path: Path) -> Path:
    """The same month, not closed yet."""
    return Path(shutil.copytree(pristine, tmp_path / "demo"))


def mount(*options: str) -> bool:
    return (
        os.geteuid() == 0
        and not subprocess.run(["mount", *options], check=False, capture_output=True).returncode
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str, int], Path]]:
    """Mounts a disk of so many kilobytes."""
    with ExitStack() as mounted:

        def made(name: str, kilobytes: int) -> Path:
            (place := tmp_path / name).mkdir()
            if not mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(place)):
                pytest.skip("only root can mount a small disk, where the machine lets it")
            mounted.callback(subprocess.run, ["umount", str(place)], check=True)
            return place

        yield made


def read_only(folder: Path, until: ExitStack) -> None:
    """Let nobody write below a folder until the end; root may in spite of any mode."""
    if os.geteuid():
        for path in (folder, *folder.rglob("*")):
            until.callback(path.chmod, path.stat().st_mode)
            path.chmod(path.stat().st_mode & ~0o222)
        return
    place = str(folder)
    if not mount("--bind", place, place):
        pytest.skip("only root can mount a folder, where the machine lets it")
    until.callback(subprocess.run, ["umount", place], check=True)
    assert mount("-o", "remount,ro,bind", place)


def configure(month: Path, **output: Path) -> None:
    config = month / "tallystick.toml"
    lines = "".join(f'{key} = "{value}"\n' for key, value in output.items())
    text = config.read_text("utf-8")
    config.write_text(text.replace("[materiality]", f"[output]\n{lines}\n[materiality]", 1), "utf-8")


def assert_told(month: Path, home: Path, step: str, *words: str) -> None:
    """A run fails in this step, and begins what it says of it, on its page and on the terminal, with the words."""
    code, told = finish(start(month, home))
    assert code != 0
    (failure,) = failures(home)
    assert failure.step == step
    first = failure.message.splitlines()[0]
    assert first in told
    assert [word for word in words if word not in first] == [], first


def test_a_disk_that_runs_full_is_told_and_the_next_run_ends_well(calm, month, small_disk, tmp_path) -> None:
    """First that of the warehouse while files land, then that of the pages while they are written."""
    warehouse, output = small_disk("warehouse", 600), small_disk("output", 400)
    configure(month, warehouse=warehouse / "w.duckdb", folder=output / "output")
    home = tmp_path / "home"

    full = ("No space left", "Make room on that disk and run again")
    assert_told(month, home, "land", str(warehouse / "w.duckdb"), "of its 0.6 MB are free", *full)
    assert mount("-o", "remount,size=100m", str(warehouse))
    assert_told(month, home, "publish", str(output / "output"), "of its 0.4 MB are free", *full)
    assert list((output / "output").iterdir()) == []
    assert mount("-o", "remount,size=100m", str(output))

    assert closed(month) == calm[1]


def test_a_warehouse_that_may_not_be_written_is_told_and_can_be_looked_at(calm, tmp_path) -> None:
    month = Path(shutil.copytree(calm[0], tmp_path / "demo"))
    with ExitStack() as until:
        read_only(month, until)
        assert_told(
            month,
            tmp_path / "home",
            "land",
            "tallystick.duckdb",
            "ead-only",
            "Make the file and its folder writable",
        )
        assert published(month / "output") == calm[1]
        status = tallystick(month, "status")
        explained = tallystick(month, "explain", MONTH, "--team", "search")

    assert status.returncode in {0, 1}, status.stderr
    assert MONTH in status.stdout
    assert "traces" in status.stdout
    assert explained.returncode == 0, explained.stderr
    assert "search" in explained.stdout
    shutil.rmtree(month / "output")
    assert closed(month) == calm[1]


def tallystick(month: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TALLYSTICK, *words], cwd=month, capture_output=True, text=True, check=False)


def test_runs_at_once_of_two_instances_end_well(calm, month, tmp_path) -> None:
    """Two runs that nobody queued, and one elsewhere: each waits for the file, and says for whom."""
    prepare(home := tmp_path / "home")
    file = f"waiting for process {os.getpid()}, which holds"

    with Warehouse.open(month / "tallystick.duckdb"):
        running = [start(month, home) for _ in range(2)]
        assert all(waits(process, file) for process in running)
    with ThreadPoolExecutor() as reading:
        ended = reading.map(finish, running)
        assert closed(month) == calm[1]

    assert [code for code, told in ended] == [0, 0]
    assert published(month / "output") == calm[1]
    assert [path.name for path in (month / "output").iterdir()] == [MONTH]
    assert any(text.startswith(file) for text in texts(home))  # on the page of the run as well


def waits(process: subprocess.Popen[str], words: str) -> bool:
    """Return whether a run says these words; what it says before is read."""
    assert process.stderr
    return any(words in line for line in process.stderr)
