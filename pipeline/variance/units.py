"""recon.unit_cost: what a call, a conversation, a feature's use and a task cost, as distributions."""

from collections.abc import Iterator
from decimal import Decimal, localcontext

import polars as pl

from pipeline.money import quantize
from schemas.types import ALL
from schemas.variance import UnitCost

_SCHEMA = pl.Schema(UnitCost.empty().schema)
_USD = pl.Decimal(38, 12)
_WHO = ("team", "feature", "model")
_SHARES = (50, 95, 99)
_LEVELS = (("model", 3), ("feature", 2), ("team", 1), ("all", 0))
"""Level -> how many of team, feature and model it tells apart; from the finest, which the next is made of."""

_SUMMED = ("calls", "recorded", "unpriced_tokens", "tokens", "usd")
_SUMS = (
    pl.col(_SUMMED[:3]).sum(),
    pl.when(pl.col("tokens").is_not_null().any()).then(pl.col("tokens").sum()).alias("tokens"),
    pl.when(pl.col("usd").is_not_null().any()).then(pl.col("usd").sum()).alias("usd"),
)


def unit_costs(costed: pl.DataFrame, tasks: pl.DataFrame, month: str) -> pl.DataFrame:
    """Return recon.unit_cost of billed calls with their tokens and dollars.

    A conversation, a trace of a feature and a task are the calls of a row's team, feature and model in them:
    at the level `team` a conversation of two teams counts for both, with the part of each. A percentile is
    the smallest amount that so many units do not exceed; it is one that occurred. Units with tokens of
    unknown price are counted apart and are in no dollars, those that recorded no tokens are in no figure.

    `tasks` has `call_id`, `task_id`, and how many tasks (`task`) and resolved ones (`resolved_task`) an id
    stands for; what an id costs is divided evenly. Resolved tasks bear all calls of their ids.
    """
    calls = costed.with_columns(
        calls=pl.lit(1, pl.Int64), recorded=pl.col("tokens").is_not_null().cast(pl.Int64)
    )
    told = calls.join(tasks, on="call_id", how="inner")
    units = (
        ("call", calls.with_columns(unit_id="call_id")),
        ("conversation", calls.rename({"conversation_id": "unit_id"}).drop_nulls("unit_id")),
        ("feature", calls.filter(pl.col("feature") != "").rename({"trace_id": "unit_id"})),
        ("task", told.rename({"task_id": "unit_id", "task": "weight"})),
        ("resolved_task", told.rename({"task_id": "unit_id", "resolved_task": "weight"})),
    )
    parts = [_figures(part) for name, frame in units for part in _levels(name, frame)]
    rows = pl.concat([_SCHEMA.to_frame().drop("month"), *parts]).with_columns(pl.lit(month).alias("month"))
    return rows.select(list(_SCHEMA)).sort("unit", "level", *_WHO)


def _levels(unit: str, calls: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The units of each level, one row each: who, calls, tokens and dollars, and how many it stands for."""
    found = calls if "weight" in calls.columns else calls.with_columns(weight=pl.lit(1, pl.Int64))
    found = found.filter(pl.col("weight") > 0).select("unit_id", "weight", *_WHO, *_SUMMED)
    for level, depth in _LEVELS:
        found = found.with_columns(pl.lit(ALL).alias(name) for name in _WHO[depth:])
        if unit != "call":
            found = found.group_by(*_WHO, "unit_id", "weight").agg(_SUMS)
        yield found.with_columns(pl.lit(unit).alias("unit"), pl.lit(level).alias("level"))


def _figures(units: pl.DataFrame) -> pl.DataFrame:
    """Rows of recon.unit_cost without the month, of the units of one level."""
    keys = ["unit", "level", *_WHO]
    weight, is_recorded = pl.col("weight"), pl.col("recorded") > 0
    is_priced = is_recorded & (pl.col("unpriced_tokens") == 0)
    counts = units.group_by(keys).agg(
        count=weight.sum(),
        priced_count=weight.filter(is_priced).sum(),
        unpriced_count=weight.filter(is_recorded & (pl.col("unpriced_tokens") > 0)).sum(),
        unrecorded_count=weight.filter(~is_recorded).sum(),
        calls=pl.col("calls").sum(),
    )
    tokens = _spread(_each(units.filter(is_recorded), "tokens"), "tokens", keys)
    dollars = _spread(_each(units.filter(is_priced), "usd"), "usd", keys)
    rows = counts.join(tokens, on=keys, how="left").join(dollars, on=keys, how="left")
    pairs = rows.select("usd", "priced_count").rows()
    means = [None if usd is None else _mean(usd, count) for usd, count in pairs]
    whole = rows.with_columns(pl.Series("usd_mean", means, dtype=_USD))
    return whole.select(name for name in _SCHEMA if name != "month").cast(
        {name: dtype for name, dtype in _SCHEMA.items() if name != "month"}
    )


def _each(units: pl.DataFrame, name: str) -> pl.DataFrame:
    """Add `each`: what one of the units that a row stands for costs; tokens as whole ones, half to even."""
    several = units.filter(pl.col("weight") > 1).select(name, "weight").unique()
    if several.is_empty():
        return units.with_columns(pl.col(name).alias("each"))
    dtype = units.schema[name]
    shares = [_share(amount, weight, dtype) for amount, weight in several.rows()]
    known = several.with_columns(pl.Series("share", shares, dtype=dtype))
    joined = units.join(known, on=[name, "weight"], how="left", nulls_equal=True)
    return joined.with_columns(each=pl.coalesce("share", name))


def _share(amount: Decimal | int, weight: int, dtype: pl.DataType) -> Decimal | int:
    share = _mean(Decimal(amount), weight)
    return int(quantize(share, Decimal(1))) if dtype == pl.Int64 else share


def _mean(amount: Decimal, count: int) -> Decimal:
    with localcontext(prec=60):
        return quantize(amount / count)


def _spread(units: pl.DataFrame, name: str, keys: list[str]) -> pl.DataFrame:
    """Sum, percentiles by nearest rank, and maximum of each key."""
    weight, each = pl.col("weight"), pl.col("each")
    reached = weight.cum_sum() * 100
    ranks = [
        each.filter(reached >= weight.sum() * share).first().alias(f"{name}_p{share}") for share in _SHARES
    ]
    groups = units.sort("each").group_by(keys, maintain_order=True)
    return groups.agg(pl.col(name).sum(), *ranks, each.last().alias(f"{name}_max"))
