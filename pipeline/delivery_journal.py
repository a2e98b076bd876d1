"""What was sent to whom: a journal beside the warehouse whose lines are only added, each on disk at once.

It is no table, because it must outlive the warehouse: that can be made again from its sources, and mails that
were sent cannot.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pipeline.errors import TallystickError

STATES = ("sending", "sent", "rejected", "failed")
"""sending: about to leave, and how it ended is not known; failed: not taken, and worth another try."""


class Key(NamedTuple):
    """One mail to one recipient."""

    report: str
    """Month, version and close, as the mail says it."""
    group: str
    to: str
    """The address in lower case: nobody gets two mails because somebody wrote it otherwise."""


class Entry(NamedTuple):
    """What last became of a mail."""

    state: str
    at: datetime
    told: str
    """What the server answered, or why it failed."""


class Journal:
    """An open journal; nobody else writes to it meanwhile."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._file = file
        self._last = read_journal(path)

    def last(self, key: Key) -> Entry | None:
        """Return what last became of a mail; none if it never left."""
        return self._last.get(key)

    def add(self, key: Key, state: str, told: str = "", message_id: str = "") -> None:
        """Write down what becomes of a mail; it is on disk when this returns."""
        at = datetime.now(UTC).replace(microsecond=0)
        row = {**key._asdict(), "state": state, "at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "told": told}
        row |= {"message_id": message_id} if message_id else {}
        self._file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._last[key] = Entry(state, at, told)


@contextmanager
def open_journal(path: Path) -> Iterator[Journal]:
    """Open the journal for writing, or make it; let go of it at the end, or when this process dies.

    Raises:
        TallystickError: another process is sending, or the journal was damaged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    with path.open("ab+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TallystickError(
                f"Another `tallystick send` is at work with {path}. Wait for it to end and run again."
            ) from None
        if is_new:
            _sync_folder(path.parent)
        _mend(file)
        yield Journal(path, file)


def read_journal(path: Path) -> dict[Key, Entry]:
    """Return what last became of every mail; nothing where nothing was ever sent.

    Raises:
        TallystickError: a line is no line of a journal.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]  # what follows the last line end was cut off by a kill
    except FileNotFoundError:
        return {}
    found = {}
    for number, line in enumerate(lines, 1):
        try:
            row: dict[str, Any] = json.loads(line)
            key = Key(row["report"], row["group"], row["to"])
            found[key] = Entry(row["state"], datetime.fromisoformat(row["at"]), row["told"])
        except (ValueError, KeyError, TypeError):
            raise TallystickError(
                f"{path} line {number} is no line of the journal of mails. Nothing was sent, for nobody "
                "could tell what was sent before. Bring the file back from a copy, or mend the line."
            ) from None
    return found


def _mend(file: BinaryIO) -> None:
    """Take away what a kill left of a line: it was not on disk, so nothing was done after it."""
    file.seek(0)
    data = file.read()
    if data and not data.endswith(b"\n"):
        file.truncate(data.rfind(b"\n") + 1)
    file.seek(0, os.SEEK_END)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
