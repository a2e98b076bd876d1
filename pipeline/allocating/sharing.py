"""Who shares each kind of money: usage by its users, what they do not carry by the configured methods."""

from collections.abc import Sequence

import polars as pl

from pipeline.allocating.apportion import UNITS, WHOLE, shares
from pipeline.allocating.methods import DETAILS, Targets, targets
from pipeline.allocating.owners import TRAITS, UNINSTRUMENTED, UNOWNED
from pipeline.allocation_settings import Allocation
from schemas.allocation import POOLS

SHARE = ["team", "is_pool", *TRAITS, "pool", "method", "method_details"]
_PLACE = ["key", "provider", "account"]
_WHOLE = pl.lit(WHOLE, UNITS)
_CARRIED = "usage"
_NOBODYS = (UNOWNED, UNINSTRUMENTED, "unexplained")
"""Usage that no team's calls carry."""

Rules = tuple[Allocation, Sequence[str]]
"""The configuration, and all teams that there are."""


def shares_of(
    view: str,
    users: pl.DataFrame,
    places: pl.DataFrame,
    wanted: pl.DataFrame,
    rules: tuple[Allocation, Sequence[str]],
) -> pl.DataFrame:
    """Return for every `key` and `kind` of money who takes which share of it, in units of 10^-15.

    `users` are the owners of each key, `places` all keys with provider, account and whether they are the
    whole account, `wanted` the pairs of key and kind that there are.
    """
    usage = _usage(_in_view(users, view, rules[0]), places, rules)
    takers = usage.join(_used(users, places, wanted), on="key", how="semi")
    takers = takers.group_by(*_PLACE, "team", "is_pool").agg(weight=pl.col("share").sum())
    beside = [
        _given(
            pool, places.select(_PLACE).join(wanted.filter(kind=pool).select("key"), on="key"), rules, takers
        )
        for pool in POOLS
        if pool != _CARRIED
    ]
    own = usage.join(wanted.filter(kind=_CARRIED).select("key"), on="key").with_columns(kind=pl.lit(_CARRIED))
    columns = ["key", "kind", *SHARE, "share"]
    return pl.concat([frame.select(columns) for frame in (own, *beside)])


def _used(users: pl.DataFrame, places: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """Keys with users, or of accounts that are billed for usage: what stands beside it goes by that."""
    charged = places.join(wanted.filter(kind=_CARRIED), on="key", how="semi")
    billed = places.join(charged, on=["provider", "account"], how="semi")
    return pl.concat([frame.select("key") for frame in (users, billed)]).unique()


def _in_view(users: pl.DataFrame, view: str, allocation: Allocation) -> pl.DataFrame:
    """Users with the team of the view and the kind of money that theirs is."""
    team = pl.col(view)
    stands = allocation.unexplained.method == "proportional"
    is_rest = pl.col("rule") == "unexplained"
    pool = (
        pl.when(is_rest & (pl.lit(not stands) | ~team.is_in([UNOWNED, UNINSTRUMENTED])))
        .then(pl.lit("unexplained"))
        .when(team.is_in([UNOWNED, UNINSTRUMENTED]))
        .then(team)
        .otherwise(pl.lit(_CARRIED))
    )
    apart = pl.col("pool").is_in([name for name in _NOBODYS if allocation.method_of(name).method == "pool"])
    told = users.with_columns(pool=pool, team=team).with_columns(
        team=pl.when(apart).then("pool").otherwise("team"),
        rule=pl.when(apart).then(pl.lit("pool")).otherwise("rule"),
    )
    return told.group_by(*_PLACE, "team", *TRAITS, "pool", "rule").agg(pl.col("weight").sum())


def _usage(users: pl.DataFrame, places: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Shares of usage by key: of teams by their calls, of pools by their methods."""
    nobody = places.join(users, on="key", how="anti").with_columns(pool=pl.lit(UNINSTRUMENTED))
    ordered = users.sort("key", "team", *TRAITS, "pool", "rule", nulls_last=True)
    sized = ordered.with_columns(share=shares(ordered, "key", "weight"))
    is_placed = pl.lit(rules[0].unexplained.method == "proportional")
    is_apart = pl.col("rule") == "pool"
    stands = (pl.col("pool") == _CARRIED) | is_apart | (is_placed & (pl.col("pool") == "unexplained"))
    carried = _with_details(sized.filter(stands).with_columns(is_pool=is_apart))
    teams = carried.filter(pl.col("pool") == _CARRIED)
    takers = _account_usage(teams, places)
    rest = sized.filter(~stands).group_by(*_PLACE, "pool").agg(pl.col("share").sum())
    empty = nobody.select(*_PLACE, "pool", share=_WHOLE)
    given = [
        _given(pool, part, rules, takers).with_columns(share=pl.col("share") * pl.col("size") // _WHOLE)
        for pool in _NOBODYS
        if (part := pl.concat([rest, empty]).filter(pool=pool).rename({"share": "size"}).drop("pool")).height
    ]
    columns = [*_PLACE, *SHARE, "share"]
    rows = pl.concat([frame.select(columns) for frame in (carried, *given)])
    rows = rows.sort("key", "team", *TRAITS, "pool", "method", "method_details", nulls_last=True)
    return rows.with_columns(share=shares(rows, "key", "share")).filter(pl.col("share") > 0)


def _account_usage(teams: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    """What teams use of an account by their calls."""
    mine = teams.join(places.filter("is_account").select("key"), on="key")
    return mine.group_by("provider", "account", "team", "is_pool").agg(pl.col("weight").sum())


def _given(pool: str, places: pl.DataFrame, rules: Rules, usage: pl.DataFrame) -> pl.DataFrame:
    allocation, teams = rules
    rows = targets(pool, allocation, Targets(teams, usage), places).sort("key", "team", "method")
    blank = [pl.lit(None, pl.String).alias(name) for name in TRAITS]
    told = rows.with_columns(*blank, pool=pl.lit(pool), kind=pl.lit(pool))
    return told.with_columns(share=shares(told, "key", "part"))


def _with_details(rows: pl.DataFrame) -> pl.DataFrame:
    table = pl.DataFrame(
        [(rule, *told) for rule, told in DETAILS.items()],
        schema=["rule", "method", "method_details"],
        orient="row",
    )
    return rows.join(table, on="rule", how="left", maintain_order="left")
