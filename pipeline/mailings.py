"""The mails of a published month: what a file says of itself, so that sending needs no warehouse."""

import hashlib
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import NamedTuple

from pipeline.closing_files import changed_files
from pipeline.errors import TallystickError
from pipeline.period import Month

REPORT = "X-Tallystick-Report"
"""Header that holds which version of the report it is."""
GROUP = "X-Tallystick-Group"
"""Header that holds for whom it is, as `group_of` says it."""
INDEX = "index"


class Mailing(NamedTuple):
    """One mail of a month, as published."""

    path: str
    """Below the folder of the month."""
    group: str
    report: str
    message: EmailMessage


def group_of(team: str | None) -> str:
    """Return the group of a team, fit for a header whatever the team is called; of all teams without one."""
    return INDEX if team is None else hashlib.sha256(team.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def read_mailings(folder: Path, month: Month) -> list[Mailing]:
    """Return the mails in the folder of a month, that of all teams first; of a locked month, as locked.

    Raises:
        TallystickError: there are none, a close replaced the folder meanwhile, or somebody changed one.
    """
    paths = [folder / "index.eml", *sorted((folder / "teams").glob("*.eml"))]
    try:
        found = [_read(path, folder) for path in paths]
    except FileNotFoundError:
        raise TallystickError(
            f"There is no mail of {month} in {folder}. Run `tallystick close {month}` first."
        ) from None
    changed = changed_files(folder)
    if spoilt := [each.path for each in found if each.path in changed]:
        raise TallystickError(
            f"{folder / spoilt[0]} is not the mail that was locked with {month}. Nothing was sent. Run "
            f"`tallystick close {month}`, which writes the files of the lock again."
        )
    if len({each.report for each in found}) > 1:
        raise TallystickError(
            f"The month {month} was closed again while its mails were read. Run `tallystick send` again."
        )
    return found


def _read(path: Path, folder: Path) -> Mailing:
    message = message_from_bytes(path.read_bytes(), policy=policy.SMTP)
    report, group = message[REPORT], message[GROUP]
    if not report or not group:
        raise TallystickError(
            f"{path} is no mail of Tallystick: a header is missing. Move it away and close the month again."
        )
    return Mailing(path.relative_to(folder).as_posix(), str(group), str(report), message)
