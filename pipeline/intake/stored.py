"""What landing asks of a stored file before it is read in pieces, and the folder where their parts go."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import WarehouseError
from pipeline.storage import Content


def signature(path: Path) -> str:
    """Return what changes when a file is written again: size, time and inode; "" without a file."""
    try:
        facts = path.stat()
    except OSError:
        return ""
    return f"{facts.st_size}-{facts.st_mtime_ns}-{facts.st_ino}"


def is_plain(path: Path) -> bool:
    """Return whether a file is stored as it is read, so that it can be read from any byte on."""
    try:
        with path.open("rb") as stored:
            return Content(stored).coding == "plain"
    except OSError:
        return False


@contextmanager
def parts_folder(path: Path) -> Iterator[Path]:
    """Make an empty folder for parts, and remove it at the end; what a killed landing left goes first.

    Nobody else uses it: whoever lands holds the warehouse.
    """
    try:
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WarehouseError(
            f"There can be no folder {path} for the parts of the landing: {error.strerror}. Give yourself "
            "the right to write there, or name another one as `parts` under [landing]."
        ) from None
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
