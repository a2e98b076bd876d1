"""Units as distributions: how many, their sum, mean, percentiles and maximum, in tokens and in dollars."""

from decimal import Decimal, localcontext

import polars as pl

from pipeline.money import quantize

SUMMED = ("calls", "recorded", "unpriced_tokens", "tokens", "usd")
"""Columns that a unit has of its calls."""

_SHARES = (50, 95, 99)
_USD = pl.Decimal(38, 12)


def figures(units: pl.DataFrame) -> pl.DataFrame:
    """Return the figures of recon.unit_cost by `who`; each row of `units` stands for `weight` units."""
    weight, is_recorded = pl.col("weight"), pl.col("recorded") > 0
    is_unpriced = pl.col("unpriced_tokens") > 0
    counts = units.group_by("who").agg(
        count=weight.sum(),
        priced_count=weight.filter(is_recorded & ~is_unpriced).sum(),
        unpriced_count=weight.filter(is_recorded & is_unpriced).sum(),
        unrecorded_count=weight.filter(~is_recorded).sum(),
        calls=pl.col("calls").sum(),
    )
    known = units.filter(is_recorded)
    rows = counts.join(_spread(known, "tokens"), on="who", how="left").join(
        _spread(known.filter(~is_unpriced), "usd"), on="who", how="left"
    )
    pairs = rows.select("usd", "priced_count").rows()
    means = [None if usd is None else _mean(usd, count) for usd, count in pairs]
    return rows.with_columns(pl.Series("usd_mean", means, dtype=_USD))


def _spread(units: pl.DataFrame, name: str) -> pl.DataFrame:
    """Sum, percentiles by nearest rank, and maximum of one measure, by `who`.

    In one order of all rows, the units up to a row are counted through: a percentile stands where the count
    within its owner reaches so many hundredths, rounded up.
    """
    mine = _each(units.select("who", "weight", name), name)
    rows = mine.sort("each").sort("who", maintain_order=True)  # twice as fast as by both at once
    owners = rows.group_by("who", maintain_order=True).agg(
        pl.col("weight").sum(), pl.col(name).sum(), pl.col("each").last().alias(f"{name}_max")
    )
    reached, before = rows["weight"].cum_sum(), owners["weight"].cum_sum() - owners["weight"]
    places = {
        share: reached.search_sorted(before + (owners["weight"] * share + 99) // 100, side="left")
        for share in _SHARES
    }
    ranks = [rows["each"].gather(place).alias(f"{name}_p{share}") for share, place in places.items()]
    return owners.drop("weight").with_columns(ranks)


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
