"""Which rows of two sides belong together, one to one, by time and token counts: the optimal assignment.

Costs are natural logarithms of how much less likely a difference is than agreement, so that they add up.
"""

from typing import NamedTuple

import numpy as np
import polars as pl
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

LIMIT = 10.0
"""Cost at which a pair is no better than none: both counts far off, or one of them at a wrong time."""

_DIFFERENT = 3.0
"""Cost of two recorded counts that are not equal, beside what their distance costs."""

_DISTANCE = 4.0
"""Cost of counts of which one is nothing beside the other."""

_UNKNOWN = 1.5
"""Cost of a count that one side does not know: less than a difference, more than being equal."""

_OTHER_NAME = 1.0
"""Cost of another name of the same model family."""

_OTHER_MODEL = 8.0
"""Cost of another family: a pair only where both counts are equal at the expected time."""

_OTHER_PROVIDER = 2.0
"""Cost of another provider: spans often name the SDK's maker instead of who bills."""

_LATE = 3.0
"""Most that a time inside the window costs."""

_PASSES = 6
_BLOCK = 800
"""Most left rows of a block that is solved at once; larger ones are cut by time."""


class Sides(NamedTuple):
    """Two frames. Counts may be null.

    Both: `key`, `provider`, `model`, `family`, `input`, `output`. left: `left`, `from_at`, `to_at`,
    `expected_at`, `spread` (seconds), `is_estimate`. right: `right`, `at`.
    """

    left: pl.DataFrame
    right: pl.DataFrame


def assign(sides: Sides) -> pl.DataFrame:
    """Return the pairs `left`, `right` of least total cost, each row in at most one pair.

    Only rows of the same `key` pair, and only inside the window of the left row. To stay alone costs `LIMIT`
    a pair. A block of more than 800 left rows that all overlap is cut by time, and a pair across a cut lost.
    """
    edges = _costs(_candidates(sides)).filter(pl.col("cost") < LIMIT).sort("left", "right")
    sure = [edges.select("left", "right").clear()]
    for _ in range(_PASSES):
        found = _safe(edges)
        if found.is_empty():
            break
        sure.append(found)
        edges = edges.join(found, on="left", how="anti").join(found, on="right", how="anti")
    return pl.concat([*sure, _solved(edges)]).sort("left", "right")


def _candidates(sides: Sides) -> pl.DataFrame:
    """All pairs of a key in which the right row is inside the window of the left row."""
    left, right = sides
    keys = pl.concat([left.select("key"), right.select("key")]).unique().sort("key").with_row_index("place")
    left = left.drop_nulls(["from_at", "to_at"]).join(keys, on="key").sort("left")
    right = right.drop_nulls(["at"]).join(keys, on="key").sort("place", "at", "right")
    if left.is_empty() or right.is_empty():
        return left.join(right, on="key")
    zero = min(left["from_at"].to_physical().min(), right["at"].to_physical().min())  # type: ignore[type-var]
    end = max(left["to_at"].to_physical().max(), right["at"].to_physical().max())  # type: ignore[type-var]
    width = end - zero + 1  # type: ignore[operator]

    def line(frame: pl.DataFrame, name: str) -> np.ndarray:
        return frame["place"].cast(pl.Int64).to_numpy() * width + (
            frame[name].to_physical().to_numpy() - zero
        )

    times = line(right, "at")
    first = np.searchsorted(times, line(left, "from_at"), side="left")
    count = np.maximum(np.searchsorted(times, line(left, "to_at"), side="right") - first, 0)
    rows = np.repeat(np.arange(left.height), count)
    others = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    mine = left[rows].drop("place")
    return mine.hstack(right[others].select(pl.all().name.suffix("_right")).rename({"right_right": "right"}))


def _costs(pairs: pl.DataFrame) -> pl.DataFrame:
    if pairs.is_empty():
        return pl.DataFrame(
            schema={"left": pl.Int64, "right": pl.Int64, "cost": pl.Float64, "at_right": pl.Int64}
        )
    distance = (pl.col("at_right") - pl.col("expected_at")).dt.total_microseconds().abs() / 1e6
    cost = (
        _difference("input")
        + _difference("output")
        + (distance / pl.col("spread")).clip(upper_bound=_LATE)
        + pl.when(_same("model")).then(0.0).when(_same("family")).then(_OTHER_NAME).otherwise(_OTHER_MODEL)
        + pl.when(_same("provider")).then(0.0).otherwise(_OTHER_PROVIDER)
    )
    return pairs.select(
        pl.col("left", "right").cast(pl.Int64), cost=cost, at_right=pl.col("at_right").to_physical()
    )


def _same(name: str) -> pl.Expr:
    return pl.col(name) == pl.col(f"{name}_right")


def _difference(name: str) -> pl.Expr:
    """An estimate is never quite equal; a recorded count that differs is another request or another rule."""
    mine, theirs = pl.col(name), pl.col(f"{name}_right")
    relative = (mine - theirs).abs() / pl.max_horizontal(mine, theirs, 1)
    step = pl.when("is_estimate").then(0.0).otherwise(_DIFFERENT)
    return pl.when(mine == theirs).then(0.0).otherwise(step + _DISTANCE * relative).fill_null(_UNKNOWN)


def _safe(edges: pl.DataFrame) -> pl.DataFrame:
    """Pairs that some optimal assignment holds.

    A pair of cost w saves LIMIT - w. Without it, its two rows save at most what their second-best pairs do,
    so it may be taken when w + (second of left - w) + (second of right - w) >= LIMIT.
    """
    second = pl.col("cost").sort().slice(1, 1).first().fill_null(LIMIT)
    best = edges
    for side in ("left", "right"):
        ranks = edges.group_by(side).agg(
            **{f"best_{side}": pl.col("cost").min(), f"second_{side}": second},
        )
        best = best.join(ranks, on=side)
    is_mutual = (pl.col("cost") == pl.col("best_left")) & (pl.col("cost") == pl.col("best_right"))
    is_safe = pl.col("second_left") + pl.col("second_right") - pl.col("cost") >= LIMIT
    is_alone = (pl.col("second_left") > pl.col("cost")) & (pl.col("second_right") > pl.col("cost"))
    return best.filter(is_mutual & is_safe & is_alone).select("left", "right").sort("left", "right")


def _solved(edges: pl.DataFrame) -> pl.DataFrame:
    """The optimal assignment inside each connected block."""
    empty = edges.select("left", "right").clear()
    if edges.is_empty():
        return empty
    parts = [_block(block) for _, block in _blocks(edges).group_by("block", maintain_order=True)]
    return pl.concat([empty, *parts])


def _blocks(edges: pl.DataFrame) -> pl.DataFrame:
    left = edges["left"].rank("dense").cast(pl.Int64).to_numpy() - 1
    right = edges["right"].rank("dense").cast(pl.Int64).to_numpy() - 1
    size = int(left.max()) + int(right.max()) + 2
    graph = coo_matrix((np.ones(edges.height), (left, right + int(left.max()) + 1)), shape=(size, size))
    whole = connected_components(graph, directed=False)[1][left]
    order = ["at_right", "left", "right"]
    cut = (
        edges.with_columns(whole=pl.Series(whole, dtype=pl.Int64))
        .with_columns(first_at=pl.col("at_right").min().over("left"))
        .with_columns(chunk=(pl.struct("first_at", "left").rank("dense").over("whole") - 1) // _BLOCK)
        .with_columns(right_chunk=pl.col("chunk").sort_by("cost", "left").first().over("right"))
        .filter(pl.col("chunk") == pl.col("right_chunk"))
    )
    return cut.with_columns(block=pl.struct("whole", "chunk")).sort("whole", "chunk", *order)


def _block(edges: pl.DataFrame) -> pl.DataFrame:
    left, right = edges["left"].unique().sort(), edges["right"].unique().sort()
    rows, columns = left.search_sorted(edges["left"]), right.search_sorted(edges["right"])
    saved = np.zeros((left.len(), right.len()))
    saved[rows.to_numpy(), columns.to_numpy()] = edges["cost"].to_numpy() - LIMIT
    found = linear_sum_assignment(saved)
    is_pair = saved[found] < 0
    return pl.DataFrame({"left": left.gather(found[0][is_pair]), "right": right.gather(found[1][is_pair])})
