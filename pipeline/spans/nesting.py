"""Spans that repeat the usage of the spans below them: the deepest span with usage is the call."""

from typing import NamedTuple

import polars as pl

from pipeline.spans.tree import nearest
from pipeline.tokens import TOTAL
from schemas.types import KIND_COLUMNS

_LEVELS = 64
"""How many aggregates may lie one inside the other."""


class Nesting(NamedTuple):
    """What nesting says of the candidates, row by row."""

    reason: pl.Series
    """Why a candidate is dropped; null where it is not."""
    stands_for: pl.Series
    """Index of the call on which a dropped candidate reports; its own index where it is kept."""
    remainder: pl.DataFrame
    """`row` of a call without usage and its leaves, known because an aggregate says what is missing."""


def resolve_nesting(candidates: pl.DataFrame) -> Nesting:
    """Decide which candidates only repeat others.

    `candidates` has one row per group of spans or aggregate, `above` (index of the candidate around it, null
    at the top), `role`, `has_usage`, `status` and leaves. An aggregate without usage is dropped as nothing.
    """
    table = candidates.with_row_index("row").with_columns(
        (pl.col("role") == "aggregate").alias("is_aggregate"), TOTAL.alias("total")
    )
    empty = table.select((pl.col("is_aggregate") & ~pl.col("has_usage")).alias("empty"))["empty"]
    deepest = _deepest(table)
    table = table.with_columns((pl.col("is_aggregate") & ~deepest & ~empty).alias("is_repeat"))
    below = _below(table)
    wrapper = _wrappers(table.with_columns(empty.alias("empty")))
    stands = _stands_for(table, wrapper)
    reason = (
        pl.when(empty)
        .then(pl.lit("no_usage_of_its_own"))
        .when(table["is_repeat"])
        .then(pl.lit("aggregate_span"))
        .when(wrapper.is_not_null())
        .then(pl.lit("repeats_descendants"))
    )
    return Nesting(pl.select(reason.alias("reason"))["reason"], stands, _remainder(table, below))


def _deepest(table: pl.DataFrame) -> pl.Series:
    """Aggregates that are the deepest span with usage: no call below them recorded any, or there is none.

    One call without usage takes the aggregate's figures instead; several cannot share them.
    """
    parent = table["above"]
    counted = table["is_aggregate"] & table["has_usage"]
    pairs = _pairs(table, counted, parent)
    facts = pairs.join(table.select("row", "is_aggregate", "has_usage", "status"), on="row")
    is_call = ~pl.col("is_aggregate")
    tally = facts.group_by("aggregate").agg(
        (is_call & pl.col("has_usage")).sum().alias("with_usage"),
        (is_call & ~pl.col("has_usage") & (pl.col("status") != "error")).sum().alias("lacking"),
        (pl.col("is_aggregate") & pl.col("has_usage")).sum().alias("inner"),
    )
    joined = table.select("row").join(
        tally, left_on="row", right_on="aggregate", how="left", maintain_order="left"
    )
    alone = joined.select(
        (pl.col("with_usage").fill_null(0) == 0)
        & (pl.col("inner").fill_null(0) == 0)
        & (pl.col("lacking").fill_null(0) != 1)
    ).to_series()
    return counted & alone


def _pairs(table: pl.DataFrame, aggregates: pl.Series, parent: pl.Series) -> pl.DataFrame:
    """Every candidate with every one of those aggregates above it: `row`, `aggregate`, `level` from 1."""
    jump = nearest(parent, aggregates)
    current = table.select("row").with_columns(jump.alias("aggregate")).drop_nulls()
    found = [current.with_columns(pl.lit(1).alias("level"))]
    for level in range(2, _LEVELS):
        outer = jump.gather(current["aggregate"])
        current = current.with_columns(outer.alias("aggregate")).drop_nulls()
        if current.is_empty():
            break
        found.append(current.with_columns(pl.lit(level).alias("level")))
    return pl.concat(found).filter(pl.col("row") != pl.col("aggregate"))


def _below(table: pl.DataFrame) -> pl.DataFrame:
    """Calls below the aggregates that repeat them, kept aggregates included."""
    pairs = _pairs(table, table["is_repeat"], table["above"])
    kept = table.filter(~pl.col("is_repeat") & (pl.col("has_usage") | ~pl.col("is_aggregate")))
    return pairs.join(kept, on="row").sort("aggregate", "row")


def _wrappers(table: pl.DataFrame) -> pl.Series:
    """For calls whose counts are the sum of the calls below, or equal one of them: the first of those."""
    counted = table["has_usage"] & ~table["is_repeat"]
    table = table.with_columns(
        nearest(table["above"], counted).alias("around"),
        _side("input", "cache").alias("side_in"),
        _side("output").alias("side_out"),
    )
    sides = table.select("row", "side_in", "side_out", "started_at", "around").filter(counted)
    around = sides.select("row", "side_in", "side_out").filter(
        pl.col("row").is_in(sides["around"].drop_nulls().unique().implode())
    )
    inside = sides.filter(pl.col("around").is_not_null()).join(
        around, left_on="around", right_on="row", suffix="_around"
    )
    equal = (pl.col("side_in") == pl.col("side_in_around")) & (
        pl.col("side_out") == pl.col("side_out_around")
    )
    verdict = (
        inside.sort("started_at", "row")
        .group_by("around")
        .agg(
            pl.col("row").sort_by(~equal, pl.col("started_at"), pl.col("row")).first().alias("stands_for"),
            equal.any().alias("equals_one"),
            (
                (pl.col("side_in").sum() == pl.col("side_in_around").first())
                & (pl.col("side_out").sum() == pl.col("side_out_around").first())
            ).alias("equals_sum"),
            (pl.col("side_in_around") + pl.col("side_out_around")).first().alias("size"),
        )
        .filter((pl.col("equals_one") | pl.col("equals_sum")) & (pl.col("size") > 0))
    )
    return table.select("row").join(
        verdict, left_on="row", right_on="around", how="left", maintain_order="left"
    )["stands_for"]


def _side(*prefixes: str) -> pl.Expr:
    names = [name for name in KIND_COLUMNS if name.startswith(prefixes)]
    return pl.sum_horizontal([pl.col(name).fill_null(0) for name in names])


def _stands_for(table: pl.DataFrame, wrapper: pl.Series) -> pl.Series:
    """Follow every dropped candidate to the call that it repeats, if possible one with usage.

    An aggregate points at the first call right below it, else at an aggregate there, which points on.
    """
    worth = (
        pl.when(pl.col("is_repeat"))
        .then(1)
        .when(pl.col("has_usage"))
        .then(0)
        .when(~pl.col("is_aggregate"))
        .then(2)
    )
    first = (
        table.with_columns(
            nearest(table["above"], table["is_repeat"]).alias("aggregate"), worth.alias("worth")
        )
        .drop_nulls(["aggregate", "worth"])
        .sort("aggregate", "worth", "started_at", "row")
        .unique("aggregate", keep="first", maintain_order=True)
        .select("aggregate", target="row")
    )
    targets = table.select("row").join(
        first, left_on="row", right_on="aggregate", how="left", maintain_order="left"
    )["target"]
    step = pl.select(pl.coalesce(targets, wrapper, table["row"]).cast(pl.UInt32)).to_series()
    for _ in range(_LEVELS):
        further = step.gather(step)
        if (further == step).all():
            break
        step = further
    return step


def _remainder(table: pl.DataFrame, below: pl.DataFrame) -> pl.DataFrame:
    """What an aggregate counts beyond its descendants, when exactly one call below it lacks usage."""
    lacking = ~pl.col("has_usage") & (pl.col("status") != "error")
    sums = below.group_by("aggregate").agg(
        lacking.sum().alias("lacking"),
        pl.col("row").filter(lacking).first().alias("row"),
        pl.col("level").filter(lacking).first().alias("level"),
        *[pl.col(name).sum().alias(f"sum_{name}") for name in KIND_COLUMNS],
    )
    whole = table.select(pl.col("row").alias("aggregate"), *KIND_COLUMNS)
    rest = sums.filter(pl.col("lacking") == 1).join(whole, on="aggregate")
    leaves = [(pl.col(name).fill_null(0) - pl.col(f"sum_{name}")).alias(name) for name in KIND_COLUMNS]
    return (
        rest.with_columns(leaves)
        .filter(pl.all_horizontal([pl.col(name) >= 0 for name in KIND_COLUMNS]) & (TOTAL > 0))
        .sort("row", "level", "aggregate")
        .unique("row", keep="first", maintain_order=True)
        .select("row", *KIND_COLUMNS)
    )
