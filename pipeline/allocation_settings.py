"""`[allocation]`: by which method each kind of money goes to teams that no call gives to one."""

import difflib
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.sections import Section
from schemas.allocation import POOLS

Share = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]

_WHOLES = (Decimal(1), Decimal(100))


class Method(Section):
    """How one kind of money is shared; in short its name alone."""

    method: Literal["pool", "even", "fixed", "proportional"]
    """`pool`: stays apart; `even`: the same for each team; `fixed`: by `shares`; `proportional`: to usage."""
    shares: dict[str, Share] = Field(default_factory=dict)
    """Of `fixed`: team -> share; they add up to 1 or to 100."""
    teams: tuple[str, ...] = ()
    """Of `even`: the teams that share; all when left out."""

    @model_validator(mode="before")
    @classmethod
    def _may_be_a_word(cls, value: Any) -> Any:
        return {"method": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _says_what_it_needs(self) -> "Method":
        if (self.method == "fixed") != bool(self.shares):
            raise ValueError(
                "shares belong to the method fixed, and that needs them: "
                '{ method = "fixed", shares = { search = 60, support = 40 } }'
            )
        if self.teams and self.method != "even":
            raise ValueError("teams belong to the method even; fixed names its teams in shares")
        if twice := [team for team, count in Counter(self.teams).items() if count > 1]:
            raise ValueError(f"team '{twice[0]}' is listed more than once")
        whole = sum(self.shares.values(), Decimal(0))
        if self.shares and whole not in _WHOLES:
            raise ValueError(
                f"the shares add up to {whole}; write them so that they add up to 1, or to 100 as per cent"
            )
        return self


class Allocation(Section):
    """A method for each kind of money; what stays in a pool is shown and charged to nobody."""

    unowned: Method = Method(method="pool")
    """Calls without an owner."""
    uninstrumented: Method = Method(method="pool")
    """Metered traffic without calls."""
    unexplained: Method = Method(method="proportional")
    """Tokens that no cause explains, and lines for models that nobody metered or traced."""
    idle: Method = Method(method="pool")
    """Minimum charges under a contract with a commitment or capacity, and capacity that nobody used."""
    fees: Method = Method(method="proportional")
    minimums: Method = Method(method="proportional")
    credits: Method = Method(method="proportional")
    discounts: Method = Method(method="proportional")
    tax: Method = Method(method="proportional")
    currency: Method = Method(method="proportional")
    rounding: Method = Method(method="proportional")
    teams: tuple[str, ...] = ()
    """Teams beyond those that rules and scopes name, such as those that only attributes of spans name."""

    @field_validator("teams")
    @classmethod
    def _are_no_pools(cls, teams: tuple[str, ...]) -> tuple[str, ...]:
        for team in teams:
            refuse_pool(team)
        return teams

    def method_of(self, pool: str) -> Method:
        """Return the method of a kind of money."""
        found: Method = getattr(self, pool)
        return found

    @property
    def methods(self) -> dict[str, Method]:
        """Kind of money -> its method, in the order of the page."""
        return {pool: self.method_of(pool) for pool in POOLS if pool != "usage"}


def check_teams(allocation: Allocation, known: Iterable[str]) -> Allocation:
    """Return the section when all teams that it gives money to exist.

    Raises:
        ValueError: a team that no rule, scope or `teams` names, or the name of a pool.
    """
    names = sorted({*known, *allocation.teams})
    for pool, method in allocation.methods.items():
        for team in (*method.shares, *method.teams):
            refuse_pool(team)
            if team not in names:
                close = difflib.get_close_matches(team, names, 1, 0.5)
                advice = f"Did you mean '{close[0]}'?" if close else "Correct the name."
                raise ValueError(
                    f"{pool} gives money to team '{team}', which no [[teams]] or [[scopes]] names. {advice} "
                    "A team that only attributes of spans name is listed in allocation.teams"
                )
    return allocation


def refuse_pool(team: str) -> str:
    """Return the name of a team.

    Raises:
        ValueError: it is that of a pool, whose money would be added to the team's.
    """
    if team in POOLS:
        raise ValueError(f"'{team}' is the name of a pool, not of a team")
    return team
