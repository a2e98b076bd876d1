"""How an input splits over the token kinds: plain, read from a cache, written to it.

From siblings of the same service whose spans tell kinds; for services whose spans do not, from what the meter
has left when all others are taken off.
"""

import polars as pl

from pipeline.grouping import numbers
from schemas.types import TOKEN_KINDS

INPUT_KINDS = tuple(kind for kind in TOKEN_KINDS if not kind.startswith("output"))
WRITES = ("cache_write_5m", "cache_write_1h", "cache_write_other")

_MODEL = ["provider", "account", "scope", "model", "service_tier"]
_SERVICE = ["provider", "account", "model", "service", "operation"]
_GROUP = list(dict.fromkeys([*_MODEL, *_SERVICE]))
_LEAST_CALLS = 5


def kind_shares(calls: pl.DataFrame, metered: pl.DataFrame) -> list[pl.Series]:
    """Return `share_<kind>` of an input for each call, a series a kind of input, which add up to one.

    `calls` needs `fate` and leaves; `metered` has one row per bucket and kind. Cache writes of unknown
    lifetime go to the lifetimes that the meter knows, in its proportion.
    """
    known = (pl.col("fate") == "agrees") & (pl.col("usage_quality") == "recorded")
    told = calls.lazy().filter(known & (pl.col("cache_breakdown") != "none"))
    tells = told.select(*_GROUP, *(f"{kind}_tokens" for kind in INPUT_KINDS)).collect()
    own, left = _shares(tells, _SERVICE, _LEAST_CALLS), _left(tells, metered)
    which = numbers(calls, _GROUP)
    groups = calls.select(_GROUP).with_columns(which.alias("which")).unique("which")
    found = groups.join(own, on=_SERVICE, how="left").join(left, on=_MODEL, how="left", suffix="_left")
    blended = [
        pl.coalesce(f"share_{kind}", f"share_{kind}_left", pl.lit(float(kind == "input_uncached"))).alias(
            f"share_{kind}"
        )
        for kind in INPUT_KINDS
    ]
    shares = found.with_columns(blended).with_columns(_lifetime(kind) for kind in WRITES)
    rows = which.alias("which").to_frame().join(shares, on="which", how="left", maintain_order="left")
    return rows.select(f"share_{kind}" for kind in INPUT_KINDS).get_columns()


def _shares(calls: pl.DataFrame, group: list[str], least: int) -> pl.DataFrame:
    sums = calls.group_by(group).agg(
        pl.len().alias("_n"),
        *[pl.col(f"{kind}_tokens").sum().cast(pl.Float64).alias(f"share_{kind}") for kind in INPUT_KINDS],
    )
    return _of_one(sums.filter(pl.col("_n") >= least).drop("_n"))


def _left(calls: pl.DataFrame, metered: pl.DataFrame) -> pl.DataFrame:
    """Shares of what the meter of a scope's model has beyond the calls that tell their kinds, by month."""
    sums = metered.group_by(_MODEL).agg(
        pl.col("tokens").filter(pl.col("token_kind") == kind).sum().cast(pl.Float64).alias(f"share_{kind}")
        for kind in INPUT_KINDS
    )
    told = calls.group_by(_MODEL).agg(pl.col(f"{kind}_tokens").sum() for kind in INPUT_KINDS)
    rest = sums.join(told, on=_MODEL, how="left").with_columns(
        (pl.col(f"share_{kind}") - pl.col(f"{kind}_tokens").fill_null(0)).clip(0.0).alias(f"share_{kind}")
        for kind in INPUT_KINDS
    )
    return _of_one(rest.select(*_MODEL, *[f"share_{kind}" for kind in INPUT_KINDS]))


def _of_one(sums: pl.DataFrame) -> pl.DataFrame:
    names = [f"share_{kind}" for kind in INPUT_KINDS]
    whole = pl.sum_horizontal(names)
    return sums.with_columns(pl.when(whole > 0).then(pl.col(name) / whole).alias(name) for name in names)


def _lifetime(kind: str) -> pl.Expr:
    """Writes without a lifetime, by the meter's proportion of those that have one."""
    known = pl.sum_horizontal([pl.col(f"share_{name}_left") for name in WRITES[:-1]])
    lumped = pl.col(f"share_{WRITES[-1]}")
    if kind == WRITES[-1]:
        return pl.when(known > 0).then(0.0).otherwise(lumped).alias(f"share_{kind}")
    moved = pl.when(known > 0).then(lumped * pl.col(f"share_{kind}_left") / known).otherwise(0.0)
    return (pl.col(f"share_{kind}") + moved.fill_null(0.0)).alias(f"share_{kind}")
