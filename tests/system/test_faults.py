"""Disks that run full or may not be written, and two runs at once: told, and mended by the next run."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.system.runs import MONTH, Failure, Hashes, closed, failures, finish, make_world, published, start

pytestmark = pytest.mark.system
TALLYSTICK = str(Path(sys.executable).with_name("tallystick"))


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("world") / "demo")


@pytest.fixture(scope="module")
def calm(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Hashes]:
    """A month that was closed undisturbed, and what that published."""
    folder = Path(shutil.copytree(pristine, tmp_path_factory.mktemp("calm") / "demo"))
    return folder, closed(folder, folder.parent / "home")


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


@pytest.fixture
def read_only() -> Iterator[Callable[[Path], None]]:
    """Lets nobody write below a folder, until the test ends or `undo` is called."""
    with ExitStack() as mounted:
        yield lambda folder: _forbid(folder, mounted)


def _forbid(folder: Path, undo: ExitStack) -> None:
    if os.geteuid():
        for path in (folder, *folder.rglob("*")):
            path.chmod(path.stat().st_mode & ~0o222)
        return
    place = str(folder)
    if not mount("--bind", place, place):
        pytest.skip("the machine does not let anybody mount a folder")
    undo.callback(subprocess.run, ["umount", place], check=True)
    assert mount("-o", "remount,ro,bind", place)


def configure(folder: Path, **output: Path) -> None:
    config = folder / "tallystick.toml"
    lines = "".join(f'{key} = "{value}"\n' for key, value in output.items())
    config.write_text(
        config.read_text("utf-8").replace("[materiality]", f"[output]\n{lines}\n[materiality]", 1), "utf-8"
    )


def only_failure(folder: Path, home: Path) -> Failure:
    """Run a close that fails, and return what the page of the run tells of it."""
    code, told = finish(start(folder, home))
    assert code != 0
    (failure,) = failures(home)
    assert failure.message.split(":", 1)[1].strip() in told
    return failure


def test_a_disk_that_runs_full_is_told_and_the_next_run_ends_well(calm, month, small_disk, tmp_path) -> None:
    """First that of the warehouse while the files land, then that of the pages while they are written."""
    warehouse, output = small_disk("warehouse", 600), small_disk("output", 200)
    configure(month, warehouse=warehouse / "w.duckdb", folder=output / "output")
    home = tmp_path / "home"

    failure = only_failure(month, home)

    print(failure)
    assert failure.step == "land"
    for words in (
        str(warehouse / "w.duckdb"),
        "No space left",
        "of its 0.6 MB are free",
        "Make room on that disk and run again",
    ):
        assert words in failure.message
    assert published(output / "output") is None
    assert mount("-o", "remount,size=100m", str(warehouse))

    failure = only_failure(month, home)

    print(failure)
    assert failure.step == "publish"
    for words in (
        str(output / "output"),
        "No space left",
        "of its 0.2 MB are free",
        "Make room on that disk and run again",
    ):
        assert words in failure.message
    assert list((output / "output").iterdir()) == []
    assert mount("-o", "remount,size=100m", str(output))

    assert finish(start(month, home))[0] == 0
    assert published(output / "output") == calm[1]
