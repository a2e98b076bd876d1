"""`tallystick reopen` and `tallystick sign`, and what the command line says of locked months."""

import getpass
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from assets.close import Lock, Published, load_settings, publish
from pipeline import locking
from pipeline.changes import Changes, told
from pipeline.closing import Person, person
from pipeline.period import Month
from pipeline.warehouse import Warehouse
from reports import format as fmt

_out = Console(highlight=False, soft_wrap=True)

ByOption = Annotated[str | None, typer.Option("--by", help="Your name; else that of your account here.")]
_Config = Annotated[
    Path, typer.Option("--config", help="The configuration file.", envvar="TALLYSTICK_CONFIG")
]
_Month = Annotated[str, typer.Argument(help="The month, as YYYY-MM.")]
_CONFIG = Path("tallystick.toml")


class Role(StrEnum):
    """As what somebody signs."""

    preparer = "preparer"
    reviewer = "reviewer"


def reopen(
    month: _Month,
    why: Annotated[str, typer.Option(help="Why, for whoever reads the restatement.")],
    by: ByOption = None,
    config: _Config = _CONFIG,
) -> None:
    """Open a locked month again; its version stays published until the next close."""
    settings, wanted = load_settings(config), Month.parse(month)
    with Warehouse.open(settings.warehouse_file) as warehouse:
        version = locking.reopen(wanted, warehouse, somebody(by, why))
    _say(
        f"{wanted} is open again. Version {version} stays published until the next close.",
        f"`tallystick close {wanted}` shows the new figures; --lock makes them version {version + 1}.",
    )


def sign(
    month: _Month,
    role: Annotated[Role, typer.Option("--as", help="As what.")] = Role.reviewer,
    by: ByOption = None,
    config: _Config = _CONFIG,
) -> None:
    """Sign a locked month as its preparer or its reviewer; no figure changes."""
    settings, wanted = load_settings(config), Month.parse(month)
    who = somebody(by)
    with Warehouse.open(settings.warehouse_file) as warehouse:
        locking.sign(wanted, warehouse, who, role.value)
    published = publish(settings, wanted)
    _say(f"Version {published.version} of {wanted} is signed by {who.name} as {role.value}.")


def somebody(by: str | None, why: str | None = None) -> Person:
    """Return who does something now."""
    return person(by or _account(), datetime.now(UTC), why)


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a name for its user
        return "unknown"


def lock_of(by: str | None) -> Lock:
    """Return what locks a month; who gives a name signs as its preparer."""
    return Lock(somebody(by), is_preparer=by is not None)


def tell(month: Month, published: Published) -> bool:
    """Say how the month stands; return whether somebody has to do something."""
    if published.hinders:
        _say(f"{month} is not locked. What hinders it:", *(f"  {line}" for line in published.hinders))
        _say("Settle each, or write a [[closing.resolutions]] for it, and close with --lock again.")
    if published.state != "preliminary":
        _say(f"{month} is {published.state}, version {published.version}.")
    if published.changes is None:
        return bool(published.hinders)
    _say(*_compared(month, published.changes))
    return not published.changes.is_none


def _compared(month: Month, found: Changes) -> Iterator[str]:
    if found.is_none:
        yield "Closed now it would have the same figures. Its files are those of the lock."
        yield from told(found)
        if found.tables:
            yield f"  Rows without a figure would be others in: {', '.join(found.tables)}"
        return
    yield "Nothing of it was changed. Closed now it would have other figures; what came, and by how much:"
    yield from told(found)
    yield f'If that is right: tallystick reopen {month} --why "..." and tallystick close {month} --lock'


def _say(*lines: str) -> None:
    for line in lines:
        _out.print(fmt.label(line, 1000), markup=False)
