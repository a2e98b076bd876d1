"""What is wrong with `[delivery]`, before anything is sent."""

import difflib
from collections.abc import Iterator
from pathlib import Path

from pipeline.delivery_settings import Recipients
from pipeline.errors import ConfigError, TallystickError
from pipeline.mailings import group_of, read_mailings
from pipeline.period import Month
from pipeline.settings import Secrets, Settings
from pipeline.smtp import SmtpTransport

Told = tuple[str, str, str, str]
"""Severity, where, message, advice."""


def delivery_problems(settings: Settings) -> Iterator[Told]:
    """Yield what is wrong with recipients and with what mails are sent over; no server is asked."""
    told = settings.delivery
    known = {rule.team for rule in settings.teams} | {scope.team for scope in settings.scopes if scope.team}
    mailed = _mailed(settings.output_folder)
    for each in told.recipients:
        if each.team not in known and group_of(each.team) not in mailed:
            yield _unknown(each, known)
    if told.is_configured and not told.finance and not told.recipients:
        yield (
            "warning", "delivery", "There is a way to send mails, and nobody who gets one.",
            "Add finance = [...] or [[delivery.recipients]].",
        )  # fmt: skip
    if told.smtp:
        secret = Secrets().smtp_password
        try:
            SmtpTransport(told.smtp, settings.root, secret.get_secret_value() if secret else None)
        except ConfigError as error:
            yield ("error", "delivery.smtp", str(error), "Correct it before you send.")


def _unknown(each: Recipients, known: set[str]) -> Told:
    near = difflib.get_close_matches(each.team, sorted(known), 1, 0.5)
    meant = f" Did you mean '{near[0]}'?" if near else ""
    return (
        "warning", f"delivery.recipients of '{each.team}'",
        f"No rule names this team, and no mail of the latest published month is for it.{meant}",
        "Correct the name; a team that only attributes of spans name is known from its first close on.",
    )  # fmt: skip


def _mailed(output: Path) -> set[str]:
    """Return the groups that the latest published month has mails for."""
    months = sorted(path.name for path in output.glob("[0-9][0-9][0-9][0-9]-[0-9][0-9]") if path.is_dir())
    if not months:
        return set()
    try:
        return {each.group for each in read_mailings(output / months[-1], Month.parse(months[-1]))}
    except TallystickError:  # not a month, or one that an older version published
        return set()
