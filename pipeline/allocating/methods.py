"""Methods by which money that no call carries goes to teams: pool, even, fixed, proportional."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl

from pipeline.allocating.apportion import UNITS, WHOLE
from pipeline.allocation_settings import Allocation, Method

_APART = "stays apart: the configuration gives it to no team"

DETAILS = {
    "pool": ("pool", _APART),
    "direct": ("direct", "its own calls: nobody else uses the key, or their tokens are recorded facts"),
    "evidence": ("evidence", "a key that several share: by the metered tokens of the calls of each"),
    "owner": ("evidence", "metered without calls: the configuration names the team as owner of the scope"),
    "traced": ("evidence", "no meter covers it: by the tokens that the calls recorded"),
    "unexplained": (
        "proportional",
        "tokens that no cause explains: in proportion to the billed tokens of the calls in the same place",
    ),
}
"""Rule of a share -> its method, and what a reader is told."""

CENTS = ("proportional", "makes the team's part of the bill whole cents, by largest remainder")
"""Method and words of the share that rounds."""


class Targets(NamedTuple):
    """Teams that money may go to: `even` ones, and by account in proportion to usage."""

    teams: Sequence[str]
    usage: pl.DataFrame
    """One row per provider, account, team and is_pool, with its weight."""


_TARGET = pl.Schema(
    {
        "team": pl.String(),
        "is_pool": pl.Boolean(),
        "method": pl.String(),
        "method_details": pl.String(),
        "part": UNITS(),
    }
)


def targets(pool: str, allocation: Allocation, known: Targets, places: pl.DataFrame) -> pl.DataFrame:
    """Return for each row of `places` (provider, account, key) who takes a kind of money, and in which parts.

    Where there is no team or no usage to go by the money stays in its pool.
    """
    method = allocation.method_of(pool)
    if method.method == "proportional":
        return _by_usage(pool, known, places)
    return places.join(_fixed(pool, method, known.teams), how="cross")


def _fixed(pool: str, method: Method, teams: Sequence[str]) -> pl.DataFrame:
    if method.method == "fixed":
        parts: Mapping[str, int] = {team: int(share * WHOLE) for team, share in method.shares.items()}
        words = "by the shares in the configuration"
        return _rows("fixed", words, {team: part for team, part in parts.items() if part})
    takers = method.teams or tuple(teams)
    if method.method == "even" and takers:
        return _rows("even", f"the same for each of {len(takers)} teams", dict.fromkeys(sorted(takers), 1))
    words = _APART if method.method == "pool" else "stays apart: no team is known to share it"
    return _rows("pool", words, {pool: 1}, is_pool=True)


def _rows(method: str, words: str, parts: Mapping[str, int], *, is_pool: bool = False) -> pl.DataFrame:
    rows = [(team, is_pool, method, words, part) for team, part in parts.items()]
    return pl.DataFrame(rows, schema=_TARGET, orient="row")


def _by_usage(pool: str, known: Targets, places: pl.DataFrame) -> pl.DataFrame:
    """In proportion to the usage in the same place; without any, it stays."""
    on = [name for name in places.columns if name in known.usage.columns]
    has_pools = bool(known.usage["is_pool"].any())
    words = (
        "in proportion to the usage of the teams" + (" and pools" if has_pools else "") + " in the account"
    )
    found = places.join(known.usage, on=on, how="inner").with_columns(
        method=pl.lit("proportional"), method_details=pl.lit(words), part="weight"
    )
    left = places.join(known.usage, on=on, how="anti")
    stay = _rows("pool", "stays apart: no team has usage in the account to go by", {pool: 1}, is_pool=True)
    columns = [*places.columns, *_TARGET]
    return pl.concat([found.select(columns), left.join(stay, how="cross").select(columns)])
