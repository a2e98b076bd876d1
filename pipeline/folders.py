"""Local places: a file, a folder or a glob. Names that leave the folder are refused."""

import os
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pipeline.stored import Ignored, Listing, StoredFile, printable

_SETTLED_NS = 2 * 10**9
"""A file that changed this short a time ago may change again without another time: clocks are coarse."""


def list_folder(root: Path, uri: str) -> Listing:
    """Return the files of a source: one file, a folder with all below it, or a glob with `**`.

    Hidden names, links that leave the folder and what is not a regular file are passed over, visibly. What
    cannot be opened, a folder or a broken link too, is listed as a file: reading it says why.
    A uri that matches nothing gives an empty listing.
    """
    root = Path(os.path.normpath(root.absolute()))
    whole = Path(os.path.normpath(root / uri))
    base, pattern = _split_glob(whole)
    listing = Listing([], [])
    for path in sorted(set(_candidates(base, pattern)), key=lambda path: _relative(path, root)):
        name = _relative(path, root)
        if why := _refusal(path, base):
            listing.ignored.append(Ignored(name, why))
        else:
            listing.files.append(_stored(path, name))
    return listing


def _stored(path: Path, name: str) -> StoredFile:
    try:
        facts = path.stat()
    except OSError:
        return StoredFile(path, name, 0, datetime.fromtimestamp(0, UTC))
    modified = datetime.fromtimestamp(int(facts.st_mtime), UTC)
    return StoredFile(path, name, facts.st_size, modified, stamp=stamp(facts, time.time_ns()))


def stamp(facts: os.stat_result, now_ns: int) -> str | None:
    """Return what is another one after any change of a file; null while two changes could look alike.

    The time of the last change of state is set by the system and by nobody else, so that a file whose size
    and time of modification were put back has another one.
    """
    if now_ns - facts.st_ctime_ns < _SETTLED_NS:
        return None
    return f"{facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns} {facts.st_ino}"


def _split_glob(whole: Path) -> tuple[Path, str]:
    parts = whole.parts
    wild = next((i for i, part in enumerate(parts) if any(sign in part for sign in "*?[")), None)
    if wild is None or whole.exists():
        return whole, ""
    pattern = "/".join(parts[wild:])
    return Path(*parts[:wild]), f"{pattern}/*" if parts[-1] == "**" else pattern


def _candidates(base: Path, pattern: str) -> Iterator[Path]:
    if pattern:
        descends = "**" in pattern
        yield from (
            path for path in base.glob(pattern) if path.is_symlink() or not (descends and path.is_dir())
        )
    elif base.is_dir():
        closed: list[OSError] = []
        for folder, folders, names in os.walk(base, onerror=closed.append):
            links = [name for name in folders if (Path(folder) / name).is_symlink()]
            yield from (Path(folder) / name for name in (*names, *links))
        yield from (Path(error.filename) for error in closed)
    elif base.exists() or base.is_symlink():
        yield base


def _refusal(path: Path, base: Path) -> str:
    inside = path.relative_to(base).parts
    if any(part.startswith(".") for part in inside):
        return "hidden: its name, or that of a folder above it, starts with a dot"
    try:
        if not path.resolve(strict=True).is_relative_to(base.resolve()):
            return "a link that leaves the folder of the source"
        mode = path.stat().st_mode
    except (OSError, RuntimeError):  # Python 3.11 and 3.12 raise the latter for links in a circle
        return ""
    if stat.S_ISDIR(mode):
        return _folder_refusal(path)
    return "" if stat.S_ISREG(mode) else "not a regular file"


def _folder_refusal(path: Path) -> str:
    if path.is_symlink():
        return "a link to a folder"
    return "a folder; write `**` to read what is below it" if os.access(path, os.R_OK | os.X_OK) else ""


def _relative(path: Path, root: Path) -> str:
    return printable(os.path.relpath(path, root)).replace(os.sep, "/")
