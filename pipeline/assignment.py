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

    Both: `key`, `provider`, `model`, `family`, `input`, `output`. left: `left`, `name`, `from_at`,
    `to_at`, `expected_at`, `spread` (seconds), `is_estimate`. right: `right`, `at`. Of assignments of one
    cost, `name` of the left rows and the number `right` decide.
    """

    left: pl.DataFrame
    right: pl.DataFrame


def assign(sides: Sides) -> pl.DataFrame:
    """Return the pairs `left`, `right` of least total cost, each row in at most one pair.

    Only rows of the same `key` pair, and only inside the window of the left row. To stay alone costs `LIMIT`
    a pair. A block of more than 800 left rows that all overlap is cut by time, and a pair across a cut lost.
    """
    pairs = _candidates(sides)
    names = pairs.select("name", number="left").unique("number").sort("name").with_row_index("left")
    numbers = names.select("number", pl.col("left").cast(pl.Int64))
    pairs = pairs.rename({"left": "number"}).join(numbers, on="number")
    edges = _costs(pairs).filter(pl.col("cost") < LIMIT).sort("left", "right")
    sure = [edges.select("left", "right").clear()]
    for _ in range(_PASSES):
        found = _safe(edges)
        if found.is_empty():
            break
        sure.append(found)
        edges = edges.join(found, on="left", how="anti").join(found, on="right", how="anti")
        edges = edges.sort("left", "right")
    found = pl.concat([*sure, _solved(edges)]).join(numbers, on="left")
    return found.select("right", left="number").select("left", "right").sort("left", "right")


def _candidates(sides: Sides) -> pl.DataFrame:
    """All pairs of a key in which the right row is inside the window of the left row, names as numbers."""
    left, right = _numbered(sides)
    left = left.drop_nulls(["from_at", "to_at"])
    right = right.drop_nulls(["at"]).sort("key", "at", "right")
    if left.is_empty() or right.is_empty():
        return left.join(right, on="key")
    zero = min(left["from_at"].to_physical().min(), right["at"].to_physical().min())  # type: ignore[type-var]
    end = max(left["to_at"].to_physical().max(), right["at"].to_physical().max())  # type: ignore[type-var]
    width = end - zero + 1  # type: ignore[operator]

    def line(frame: pl.DataFrame, name: str) -> np.ndarray:
        times = frame[name].to_physical().to_numpy() - zero
        return np.asarray(frame["key"].to_numpy() * width + times)

    times = line(right, "at")
    first = np.searchsorted(times, line(left, "from_at"), side="left")
    count = np.maximum(np.searchsorted(times, line(left, "to_at"), side="right") - first, 0)
    rows = np.repeat(np.arange(left.height), count)
    others = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    mine, theirs = left.drop("key", "from_at", "to_at")[rows], right.drop("key")[others]
    return mine.hstack(theirs.select(pl.all().name.suffix("_right")).rename({"right_right": "right"}))


def _numbered(sides: Sides) -> list[pl.DataFrame]:
    """Both sides with equal numbers for equal keys and names."""
    frames = list(sides)
    for name in ("key", "provider", "model", "family"):
        number = _numbers(pl.concat([side[name] for side in sides]))
        parts = (number.head(sides.left.height), number.tail(sides.right.height))
        frames = [frame.with_columns(part.alias(name)) for frame, part in zip(frames, parts, strict=True)]
    return frames


def _numbers(names: pl.Series) -> pl.Series:
    """Equal numbers for equal names or structs of names; null for null names."""
    if names.dtype == pl.Struct:
        parts = [_numbers(part).fill_null(-1) + 1 for part in names.struct.unnest()]
        number = parts[0]
        for part in parts[1:]:
            number = number * (int(part.max() or 0) + 1) + part  # type: ignore[arg-type]
        return number
    return names.cast(pl.Categorical).to_physical().cast(pl.Int64)


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
    cost = edges["cost"].to_numpy()
    best_left, second_left = _two_least(edges["left"].to_numpy(), cost)
    best_right, second_right = _two_least(edges["right"].to_numpy(), cost)
    is_mutual = (cost == best_left) & (cost == best_right)
    is_safe = second_left + second_right - cost >= LIMIT
    is_alone = (second_left > cost) & (second_right > cost)
    return edges.filter(pl.Series(is_mutual & is_safe & is_alone)).select("left", "right")


def _two_least(side: np.ndarray, cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and the second-least cost of the row of one side that each pair has; LIMIT without one."""
    if not len(side):
        return cost, cost
    order = np.argsort(side, kind="stable")
    starts = np.flatnonzero(np.diff(side[order], prepend=-1))
    group = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(side)))
    sorted_cost = cost[order]
    least = np.minimum.reduceat(sorted_cost, starts)
    at = np.flatnonzero(sorted_cost == least[group])
    others = sorted_cost.copy()
    others[at[np.unique(group[at], return_index=True)[1]]] = LIMIT
    second = np.minimum.reduceat(others, starts)
    back = np.empty_like(group)
    back[order] = group
    return least[back], second[back]


def _solved(edges: pl.DataFrame) -> pl.DataFrame:
    """The optimal assignment inside each connected block."""
    empty = edges.select("left", "right").clear()
    if edges.is_empty():
        return empty
    cut = _blocks(edges)
    left, right, cost = (cut[name].to_numpy() for name in ("left", "right", "cost"))
    starts = np.flatnonzero(cut["is_first"].to_numpy())
    ends = np.append(starts[1:], len(left))
    alone = starts[ends - starts == 1]
    found = [(left[alone], right[alone])]
    for start, end in zip(starts, ends, strict=True):
        if end - start > 1:
            found.append(_block(left[start:end], right[start:end], cost[start:end]))
    return pl.DataFrame(
        {
            "left": np.concatenate([pair[0] for pair in found]),
            "right": np.concatenate([pair[1] for pair in found]),
        },
        schema=empty.schema,
    )


def _blocks(edges: pl.DataFrame) -> pl.DataFrame:
    """Pairs in blocks that have no row in common; `is_first` of a block. Large blocks are cut by time."""
    left, right = (edges[side].rank("dense").cast(pl.Int64).to_numpy() - 1 for side in ("left", "right"))
    size = int(left.max()) + int(right.max()) + 2
    graph = coo_matrix((np.ones(edges.height), (left, right + int(left.max()) + 1)), shape=(size, size))
    block = connected_components(graph, directed=False)[1]
    rows = np.bincount(block[: int(left.max()) + 1], minlength=size)
    whole = pl.Series("whole", block[left], pl.Int64)
    table = edges.with_columns(whole, chunk=pl.lit(0, pl.UInt32))
    is_large = pl.Series(rows[block[left]] > _BLOCK)
    parts = [table.filter(~is_large), _cut(table.filter(is_large))]
    key = pl.struct("whole", "chunk")
    return (
        pl.concat(parts)
        .sort("whole", "chunk", maintain_order=True)
        .with_columns(is_first=key.ne_missing(key.shift(1)))
    )


def _cut(edges: pl.DataFrame) -> pl.DataFrame:
    """Large blocks in chunks of as many left rows as may be; pairs across a cut are left out."""
    return (
        edges.with_columns(first_at=pl.col("at_right").min().over("left"))
        .with_columns(chunk=(pl.struct("first_at", "left").rank("dense").over("whole") - 1) // _BLOCK)
        .with_columns(right_chunk=pl.col("chunk").sort_by("cost", "left").first().over("right"))
        .filter(pl.col("chunk") == pl.col("right_chunk"))
        .select(edges.columns)
    )


def _block(left: np.ndarray, right: np.ndarray, cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mine, rows = np.unique(left, return_inverse=True)
    theirs, columns = np.unique(right, return_inverse=True)
    saved = np.zeros((len(mine), len(theirs)))
    saved[rows, columns] = cost - LIMIT
    found = linear_sum_assignment(saved)
    is_pair = saved[found] < 0
    return mine[found[0][is_pair]], theirs[found[1][is_pair]]
