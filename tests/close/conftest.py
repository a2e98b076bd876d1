"""A small simulated month on disk, closed once; tests change copies of it."""

import hashlib
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from assets.close import close_month, load_settings
from pipeline.period import Month
from pipeline.simulator import world

MONTH = Month.parse("2026-10")


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a simulated month, not closed."""
    folder = tmp_path_factory.mktemp("world")
    world.write(folder, seed=11, month="2026-10", calls=500)
    return folder


@pytest.fixture
def month_folder(pristine: Path, tmp_path: Path) -> Path:
    """A copy of the month that a test may change."""
    return Path(shutil.copytree(pristine, tmp_path / "month"))


@pytest.fixture(scope="session")
def close() -> Callable[[Path], dict[str, str]]:
    """Close the month of a folder; return the hashes of its exported tables by file name."""

    def run(folder: Path) -> dict[str, str]:
        published = close_month(load_settings(folder / "tallystick.toml"), MONTH).folder
        tables = [path for path in published.iterdir() if path.suffix in {".parquet", ".csv"}]
        return {path.name: hashlib.sha256(_figures(path)).hexdigest() for path in sorted(tables)}

    return run


def _figures(path: Path) -> bytes:
    """The bytes of a table; of the FOCUS charges without the hash of all inputs, which any more file changes."""
    if path.stem != "allocation":
        return path.read_bytes()
    read = pl.read_parquet if path.suffix == ".parquet" else partial(pl.read_csv, infer_schema=False)
    return read(path).drop("x_InputHash").write_csv().encode()


@pytest.fixture(scope="session")
def expected(
    pristine: Path, close: Callable[[Path], dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The hashes of the month as it is."""
    folder = tmp_path_factory.mktemp("closed") / "month"
    return close(Path(shutil.copytree(pristine, folder)))
