"""Largest remainder in columns: many totals, each split over its own weights into whole units."""

import polars as pl

from pipeline.errors import BalanceError
from pipeline.money import CENT, TINY

WHOLE = 10**15
"""Units of a share: fine enough that a line of up to a thousand dollars is exact in all its digits."""

UNITS = pl.Int128
_ZERO = pl.lit(0, UNITS)
_MAX = 10**38
"""What a product of a total and a weight may be in 128 bits."""


def units(name: str) -> pl.Expr:
    """Return a column of money as whole units of 10^-12 dollars."""
    return pl.col(name).to_physical().cast(UNITS)


def dollars(name: str) -> pl.Expr:
    """Return whole units of 10^-12 dollars as money."""
    return (pl.col(name).cast(pl.Decimal(38, 0)) * pl.lit(TINY)).cast(pl.Decimal(38, 12))


def apportion(frame: pl.DataFrame, group: str, total: str, weight: str) -> pl.Series:
    """Return each row's part of its group's total; the parts of a group add up to it exactly.

    `total` is one integer a group, of any sign, `weight` an integer that is not negative. Every part lies
    within one of its exact share; the units that are left go to the largest remainders, ties to the row that
    stands first. A group without weight gives all to its first row.
    """
    rows = _within(frame.select(pl.col(group, total, weight)), group, total, weight)
    size = pl.col(total).abs()
    return (
        rows.with_columns(product=size * pl.col(weight), whole=pl.col(weight).sum().over(group))
        .with_columns(part=pl.col("product") // pl.col("whole"), rest=pl.col("product") % pl.col("whole"))
        .with_columns(
            left=size - pl.col("part").sum().over(group),
            place=pl.col("rest").rank("ordinal", descending=True).over(group),
        )
        .select(
            part=pl.col(total).sign()
            * (pl.col("part") + pl.when(pl.col("place") <= pl.col("left")).then(1).otherwise(0))
        )
        .to_series()
        .cast(UNITS)
    )


def _within(rows: pl.DataFrame, group: str, total: str, weight: str) -> pl.DataFrame:
    """Weights that are at least one in each group, and small enough there to be multiplied."""
    rows = rows.with_columns(pl.col(total, weight).cast(UNITS))
    most = pl.max_horizontal(pl.col(total).abs(), pl.len().cast(UNITS)).max().over(group)
    step = pl.col(weight).max().over(group) // (pl.lit(_MAX, UNITS) // most) + 1
    scaled = rows.with_columns(pl.col(weight) // step)
    is_first = pl.int_range(pl.len()).over(group) == 0
    none = pl.col(weight).sum().over(group) == 0
    return scaled.with_columns(
        pl.when(none & is_first).then(pl.lit(1, UNITS)).otherwise(weight).alias(weight)
    )


def shares(frame: pl.DataFrame, group: str, weight: str) -> pl.Series:
    """Return each row's share of its group in units of 10^-15; the shares of a group add up to one."""
    told = frame.select(group, weight, total=pl.lit(WHOLE, UNITS))
    return apportion(told, group, "total", weight)


def to_cents(frame: pl.DataFrame, group: str, amount: str) -> pl.Series:
    """Return what makes each amount whole cents; over a group nothing is added, by largest remainder.

    Amounts are units of 10^-12 dollars that add up to whole cents in each group.

    Raises:
        BalanceError: a group does not add up to whole cents; always a bug.
    """
    cent = pl.lit(int(CENT / TINY), UNITS)
    rows = (
        frame.select(group, amount)
        .with_columns(rest=pl.col(amount) % cent)
        .with_columns(over=pl.col("rest").sum().over(group))
    )
    odd = rows.filter(pl.col("over") % cent != 0)
    if odd.height:
        raise BalanceError(
            f"{odd[group].n_unique()} bills are no whole cents, first: {odd.row(0, named=True)}"
        )
    place = pl.col("rest").rank("ordinal", descending=True).over(group)
    up = pl.when(place <= pl.col("over") // cent).then(cent).otherwise(_ZERO)
    return rows.select(gap=(up - pl.col("rest")).cast(UNITS)).to_series()
