"""`tallystick send`: the mails of a published month, each version to each recipient once."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console

from assets.close import load_settings
from pipeline.delivery import Letter, Outcome, Post, send_letters, standing, transport_of
from pipeline.delivery_journal import open_journal, read_journal
from pipeline.delivery_settings import Delivery
from pipeline.errors import ConfigError
from pipeline.mailings import Mailing, group_of, read_mailings
from pipeline.period import Month
from pipeline.settings import Settings
from reports import format as fmt

_out = Console(highlight=False, soft_wrap=True)
_CONFIG = Path("tallystick.toml")
_WORDS = {
    "sent": "sent",
    "before": "has it",
    "waiting": "would get it",
    "rejected": "rejected",
    "failed": "failed",
    "undecided": "not known",
}


class Wanted(NamedTuple):
    """What of a month is to be sent, and whether."""

    team: str | None = None
    """Only the mail of this team."""
    deliver: bool | None = None
    """Null: send where [delivery] says over what, and else only list."""
    again: bool = False
    """Also what was rejected or is undecided; never what was sent."""


class Sending(NamedTuple):
    """What became of the mails of a month."""

    outcomes: tuple[Outcome, ...]
    is_dry: bool
    unnamed: tuple[str, ...]
    """Mails for which the configuration names nobody."""
    absent: tuple[str, ...]
    """Teams with recipients that have no mail this month."""

    @property
    def is_well(self) -> bool:
        """Whether every recipient has the mail, or would get it."""
        fine = {"sent", "before", "waiting"} if self.is_dry else {"sent", "before"}
        return all(outcome.state in fine for outcome in self.outcomes)


def send_month(
    config: Settings, month: Month, wanted: Wanted | None = None, pause: Callable[[float], None] = time.sleep
) -> Sending:
    """Send the mails of a published month; what `tallystick send` does, and what a job can call.

    Raises:
        TallystickError: there is nothing to send, another process is sending, or the journal is damaged.
        ConfigError: nothing is configured to send with, or the team has no recipients.
    """
    wanted = wanted or Wanted()
    mailings = read_mailings(config.output_folder / str(month), month)
    letters = list(_letters(config.delivery, mailings, wanted.team))
    is_dry = not (config.delivery.is_configured if wanted.deliver is None else wanted.deliver)
    outcomes = _listed(config, letters) if is_dry else _sent(config, letters, pause, again=wanted.again)
    named = {letter.mailing.path for letter in letters}
    groups = {mailing.group for mailing in mailings}
    unnamed = tuple(m.path for m in mailings if m.path not in named and wanted.team is None)
    absent = tuple(
        each.team
        for each in config.delivery.recipients
        if group_of(each.team) not in groups and wanted.team in (None, each.team)
    )
    return Sending(outcomes, is_dry, unnamed, absent)


def _listed(config: Settings, letters: list[Letter]) -> tuple[Outcome, ...]:
    last = read_journal(journal_file(config))
    return tuple(standing(letter, last.get(letter.key)) for letter in letters)


def _sent(
    config: Settings, letters: list[Letter], pause: Callable[[float], None], *, again: bool
) -> tuple[Outcome, ...]:
    transport = transport_of(config)
    try:
        with open_journal(journal_file(config)) as journal:
            return tuple(send_letters(letters, Post(config.delivery, transport, journal, pause), again=again))
    finally:
        transport.close()


def journal_file(config: Settings) -> Path:
    """Return where it is written down what was sent."""
    return config.warehouse_file.with_name(f"{config.warehouse_file.name}.deliveries.jsonl")


def _letters(delivery: Delivery, mailings: list[Mailing], team: str | None) -> Iterator[Letter]:
    people = {group_of(each.team): each.to for each in delivery.recipients if team in (None, each.team)}
    if team is None:
        people[group_of(None)] = delivery.finance
    elif not people:
        raise ConfigError(
            f"[delivery] names nobody for team '{fmt.label(team)}'. Add it to [[delivery.recipients]], or "
            "leave --team out."
        )
    for mailing in mailings:
        yield from (Letter(mailing, to) for to in people.get(mailing.group, ()))


def send(
    month: Annotated[str, typer.Argument(help="The month, as YYYY-MM.")],
    team: Annotated[str | None, typer.Option(help="Only the mail of this team.")] = None,
    deliver: Annotated[
        bool | None,
        typer.Option(
            "--deliver/--dry-run", help="Send, or only say who would get what; by default as configured."
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also what was rejected, or may have been sent; never what was.")
    ] = False,
    config: Annotated[
        Path, typer.Option("--config", help="The configuration file.", envvar="TALLYSTICK_CONFIG")
    ] = _CONFIG,
) -> None:
    """Mail the reports of a published month, each version to each recipient once.

    Ends with 0, with 1 when somebody did not get a mail or nobody knows whether they did, with 2 when nothing
    can be sent.
    """
    done = send_month(load_settings(config), Month.parse(month), Wanted(team, deliver, again))
    for line in _told(done):
        _out.print(line, markup=False)
    if not done.is_well:
        raise typer.Exit(1)


def _told(done: Sending) -> Iterator[str]:
    last = ""
    for outcome in done.outcomes:
        path = outcome.letter.mailing.path
        if path != last:
            yield f"{path}: {outcome.letter.mailing.message['Subject']}"
        last = path
        word = _WORDS[outcome.state] if done.is_dry or outcome.state != "waiting" else "not sent"
        yield f"  {outcome.letter.to}: {word}{f', {outcome.told}' if outcome.told else ''}"
    for path in done.unnamed:
        yield f"{path}: nobody is named for it under [delivery]."
    for team in done.absent:
        yield f"Team '{fmt.label(team)}' has recipients and no mail in this month."
    yield _summary(done)


def _summary(done: Sending) -> str:
    count = {state: sum(each.state == state for each in done.outcomes) for state in _WORDS}
    if done.is_dry:
        return f"Dry run, nothing was sent: {count['waiting']} would get a mail, {count['before']} have it."
    bad = len(done.outcomes) - count["sent"] - count["before"]
    text = f"{fmt.plural(count['sent'], 'mail')} sent, {count['before']} sent before, {bad} not."
    if count["undecided"]:
        text += (
            " What is not known may have arrived: ask the recipient, or look for the Message-ID in the log "
            "of the server. --again sends it again."
        )
    return text
