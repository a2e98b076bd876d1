"""recon.unit_cost: what a call, a conversation, a feature's use and a task cost, as distributions."""

from collections.abc import Iterator

import polars as pl

from pipeline.variance.earlier import KNOWN
from pipeline.variance.spreads import SUMMED, figures
from schemas.types import ALL
from schemas.variance import UnitCost

_SCHEMA = pl.Schema(UnitCost.empty().schema)
_WHO = ("team", "feature", "model")
_LEVELS = (("model", 3), ("feature", 2), ("team", 1), ("all", 0))
"""Level -> how many of team, feature and model it tells apart; from the finest, which the next is made of."""

_SUMS = (
    pl.col("calls", "recorded", "unpriced_tokens").sum(),
    pl.when(pl.col("tokens").is_not_null().any()).then(pl.col("tokens").sum()).alias("tokens"),
    KNOWN,
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
    who = costed.select(_WHO).unique().sort(_WHO).with_row_index("who")
    calls = costed.join(who, on=_WHO, how="left", maintain_order="left").with_columns(
        calls=pl.lit(1, pl.Int64),
        recorded=pl.col("tokens").is_not_null().cast(pl.Int64),
        weight=pl.lit(1, pl.Int64),
    )
    told = calls.drop("weight").join(tasks, on="call_id", how="inner")
    units = (
        ("call", calls.with_columns(unit_id=pl.lit(None, pl.String))),
        ("conversation", calls.rename({"conversation_id": "unit_id"}).drop_nulls("unit_id")),
        ("feature", calls.filter(pl.col("feature") != "").rename({"trace_id": "unit_id"})),
        ("task", told.rename({"task_id": "unit_id", "task": "weight"})),
        ("resolved_task", told.rename({"task_id": "unit_id", "resolved_task": "weight"})),
    )
    parts = [part for unit, frame in units for part in _levels(unit, frame, who)]
    rows = pl.concat(parts).with_columns(pl.lit(month).alias("month"))
    return rows.select(list(_SCHEMA)).cast(dict(_SCHEMA)).sort("unit", "level", *_WHO)  # type: ignore[arg-type]


def _levels(unit: str, calls: pl.DataFrame, who: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The rows of a unit, level by level: the first of those that a level tells apart no more stands for all.

    Names are long and many rows share them: what is grouped are numbers.
    """
    found = calls.filter(pl.col("weight") > 0).select("unit_id", "weight", "who", *SUMMED)
    for level, depth in _LEVELS:
        first = pl.col("who").min().over(_WHO[:depth]) if depth else pl.col("who").min()
        standing = who.with_columns(first.alias("who"))["who"]
        found = found.with_columns(standing.gather(found["who"]))
        if unit != "call":
            found = found.group_by("who", "unit_id", "weight").agg(_SUMS)
        names = who.with_columns(pl.lit(ALL).alias(name) for name in _WHO[depth:])
        words = names.with_columns(pl.lit(unit).alias("unit"), pl.lit(level).alias("level"))
        yield figures(found).join(words, on="who", how="left")
