"""What the system refuses, in words for people: what, where, how much room there is, and what to do now."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

_WAY_OUT = {
    errno.ENOSPC: "Make room on that disk and run again; the last good state is kept.",
    errno.EDQUOT: "Make room there, or have the quota raised, and run again; the last good state is kept.",
    errno.EACCES: "Give yourself the right to read and write it, and run again.",
    errno.EROFS: "Choose a folder that can be written, under [output], and run again.",
    errno.EISDIR: "Name a file where a file is expected, and run again.",
}
_PUT_RIGHT = "Put that right and run again; the last good state is kept."


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name the file in what the system refuses: of a full disk it says no name, and Polars no number.

    Raises:
        OSError: with number and name of the file; of a full disk also with how much room there is.
    """
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        number = _number(error)
        why = os.strerror(number) if number else str(error)
        told = f"{why}; {free}" if number == errno.ENOSPC and (free := room(path)) else why
        raise OSError(number, told, str(path)) from error


def refusal(error: OSError) -> str:
    """Return what the system refused, where it says so, and what to do now."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}. {_WAY_OUT.get(_number(error), _PUT_RIGHT)}"


def room(path: Path) -> str:
    """Return how much of the disk of a path is free; empty where nobody can tell."""
    try:
        usage = shutil.disk_usage(next(place for place in (path, *path.parents) if place.exists()))
    except (OSError, StopIteration):
        return ""
    return f"{usage.free / 1e6:,.1f} of its {usage.total / 1e6:,.1f} MB are free"


def _number(error: Exception) -> int:
    """Return the number that the system gave an error; some only in its text; else 0."""
    told = re.search(r"(?:os error|Errno) (\d+)", str(error))
    return getattr(error, "errno", None) or (int(told[1]) if told else 0)
