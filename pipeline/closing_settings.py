"""`[closing]` of the configuration: who sees to open items, and what has become of them."""

from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field

from pipeline.sections import Section

_Month = Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")]


class _Rule(Section):
    """Which open items are meant: every glob must fit."""

    code: str = "*"
    """Glob of the item's code."""
    provider: str = "*"
    account: str = "*"
    team: str = "*"

    def fits(self, code: str, provider: str, account: str, team: str) -> bool:
        """Return whether an item is meant."""
        pairs = ((code, self.code), (provider, self.provider), (account, self.account), (team, self.team))
        return all(fnmatchcase(value, glob) for value, glob in pairs)


class Owner(_Rule):
    """Who sees to the items that fit; rules are tried in order, the first match counts."""

    owner: Annotated[str, Field(min_length=1, max_length=120)]


class Resolution(_Rule):
    """What has become of the items that fit; the first match counts."""

    item: str | None = None
    """Id of one item."""
    month: _Month | None = None
    """Only items that this month has of its own."""
    resolution: Literal["accepted", "corrected", "written_off", "disputed"]
    """A disputed item stays open and does not hinder the lock; the others settle it."""
    why: Annotated[str, Field(min_length=1, max_length=400)]


class Closing(Section):
    """Rules for open items."""

    owners: tuple[Owner, ...] = ()
    resolutions: tuple[Resolution, ...] = ()
