"""Claims and drift as arrays: one place a time step, one column a token kind, one row a claim that can move.

A place is a bucket without its token kind: all kinds of a place, and the requests that its meter counts, are
explained together. Claims that are exact never move and are taken off the drift at once.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.cause import BUCKET
from pipeline.errors import BalanceError

PLACE = tuple(name for name in BUCKET if name != "token_kind")
"""The dimensions of a bucket but for the token kind."""

UNEXPLAINED_SHARE = 0.01
"""Standard deviation of the unexplained as a share of a bucket's traced plus metered tokens."""

REQUEST_SHARE, REQUEST_FLOOR = 0.003, 0.5
"""Standard deviation of unexplained requests: a share of what the meter counts, plus half a request."""

MOVES = pl.col("rate").is_not_null() | (pl.col("variance") > 0)
"""A claim that calibration or the balance may move."""

_REQUESTS = "requests"

Array = np.ndarray
"""Float64."""

Index = np.ndarray
"""Int64."""

Flags = np.ndarray
"""Booleans."""


class Moments(NamedTuple):
    """Claims as random numbers: x = mean + pull * z + e, with one z for all rows of an item."""

    mean: Array
    pull: Array
    noise: Array
    """Variance of e, by row."""
    spread: Array
    """Variance of z, by item."""


@dataclass(frozen=True)
class Places:
    """What can move, as arrays: places and kinds, items that stand or fall together, and their rows."""

    keys: pl.DataFrame
    """`PLACE` of every place, sorted."""
    kinds: tuple[str, ...]
    """Token kinds, and `requests` last where a meter counts them."""
    rates: pl.DataFrame
    """Rates on the claims, sorted by code, with prior, bounds and size."""
    drift: Array
    """Places by kinds: drift less what is exact; 0 where no claim can move."""
    slack: Array
    """Places by kinds: variance of the unexplained."""
    is_seen: Flags
    """Places by kinds: whether a claim can move there."""
    item_place: Index
    place: Index
    kind: Index
    item: Index
    rate: Index
    """Place in `rates`, -1 without a rate."""
    claim: Index
    """Row in the claims; -1 for the requests of an item, which are a row of their own."""
    is_chance: Flags
    full: Array
    variance: Array
    low: Array
    high: Array

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Numbers of places and of kinds."""
        return self.keys.height, len(self.kinds)

    def by_kind(self, values: Array) -> Array:
        """Return the sums of the rows' values, places by kinds."""
        places, kinds = self.shape
        cells = self.place * kinds + self.kind
        return np.bincount(cells, values, places * kinds).reshape(places, kinds)

    def only(self, wanted: Flags) -> "tuple[Places, Index]":
        """Return some of the places, and which rows are theirs."""
        rows = np.flatnonzero(wanted[self.place])
        items, item = np.unique(self.item[rows], return_inverse=True)
        number = np.cumsum(wanted) - 1
        names = ("kind", "rate", "claim", "is_chance", "full", "variance", "low", "high")
        some = replace(
            self,
            keys=self.keys.filter(pl.Series(wanted)),
            drift=self.drift[wanted],
            slack=self.slack[wanted],
            is_seen=self.is_seen[wanted],
            item_place=number[self.item_place[items]],
            place=number[self.place[rows]],
            item=item,
            **{name: getattr(self, name)[rows] for name in names},
        )
        return some, rows


def arrange(buckets: pl.DataFrame, claims: pl.DataFrame, counts: pl.DataFrame | None) -> Places:
    """Return what can move among the claims; their place in the result follows the order of the claims.

    Raises:
        BalanceError: a claim names a bucket that does not exist.
    """
    sums = claims.group_by(BUCKET).agg(still=pl.col("claimed_tokens").filter(~MOVES).sum())
    lost = sums.join(buckets, on=BUCKET, how="anti").sort(BUCKET)
    if lost.height:
        raise BalanceError(f"A claim names a bucket that does not exist: {lost.row(0)}")
    live = claims.with_row_index("claim").filter(MOVES)
    keys = live.select(PLACE).unique().sort(PLACE)
    requests = _requests(keys, claims, counts)
    rates = _rates(live)
    kinds = sorted(live["token_kind"].unique())
    live = _rows(live, keys, rates, [*kinds, _REQUESTS])
    counted = live.filter(pl.col("requests") != 0, pl.col("rate").is_not_null()).join(requests, on="place")
    if counted.height:
        kinds.append(_REQUESTS)
        live = pl.concat([live, counted.select(_as_requests(live.columns, len(kinds) - 1))])
    arrays = {name: live[name].to_numpy() for name in ("claim", "place", "kind", "item", "rate", "is_chance",
                                                       "full", "variance", "low", "high")}  # fmt: skip
    arrays["rate"] = live["rate_number"].to_numpy()
    items, arrays["item"] = np.unique(arrays["item"], return_inverse=True)
    item_place = np.zeros(len(items), np.int64)
    item_place[arrays["item"]] = arrays["place"]
    drift, slack = _drift(buckets.join(sums, on=BUCKET, how="left"), keys, kinds, requests)
    is_seen = np.zeros(drift.shape, bool)
    is_seen[arrays["place"], arrays["kind"]] = True
    return Places(
        keys, tuple(kinds), rates, np.where(is_seen, drift, 0.0), slack, is_seen, item_place, **arrays
    )


def _requests(keys: pl.DataFrame, claims: pl.DataFrame, counts: pl.DataFrame | None) -> pl.DataFrame:
    """Places whose meter counts requests: how many are left once told and certain ones are taken off."""
    if counts is None:
        counts = pl.DataFrame(schema={**keys.schema, "request_count": pl.Int64, "told_requests": pl.Float64})
    certain = claims.filter(pl.col("rate").is_null(), pl.col("requests") != 0).group_by(PLACE)
    left = pl.col("request_count") - pl.col("told_requests").fill_null(0) - pl.col("certain").fill_null(0.0)
    return (
        keys.with_row_index("place")
        .join(counts.drop_nulls("request_count"), on=PLACE)
        .join(certain.agg(certain=pl.col("requests").sum()), on=PLACE, how="left")
        .sort("place")
        .select(
            pl.col("place").cast(pl.Int64),
            left=left.cast(pl.Float64),
            noise=(pl.col("request_count") * REQUEST_SHARE + REQUEST_FLOOR) ** 2,
        )
    )


def _rates(live: pl.DataFrame) -> pl.DataFrame:
    return (
        live.filter(pl.col("rate").is_not_null())
        .group_by("rate")
        .agg(
            pl.col("rate_prior", "rate_error", "rate_low", "rate_high").first(),
            steps=pl.col("step").unique().sort().str.join(","),
            buckets=pl.struct(PLACE).n_unique().cast(pl.Int64),
            full_tokens=pl.col("full_tokens").sum(),
        )
        .sort("rate")
    )


def _rows(live: pl.DataFrame, keys: pl.DataFrame, rates: pl.DataFrame, kinds: list[str]) -> pl.DataFrame:
    numbered = rates.select("rate").with_row_index("rate_number")
    own = pl.when(pl.col("item").is_null()).then(pl.col("claim"))
    item = pl.col("claim").first().over("place", "step", "item", "rate", "is_chance", own)
    full = pl.when(pl.col("rate").is_not_null()).then("full_tokens").otherwise("claimed_tokens")
    return (
        live.join(keys.with_row_index("place"), on=PLACE, how="left", maintain_order="left")
        .join(numbered, on="rate", how="left", maintain_order="left")
        .select(
            pl.col("claim", "place").cast(pl.Int64),
            pl.col("token_kind").replace_strict(kinds, list(range(len(kinds)))).alias("kind").cast(pl.Int64),
            item.alias("item").cast(pl.Int64),
            "rate",
            pl.col("rate_number").cast(pl.Int64).fill_null(-1),
            "is_chance",
            full.cast(pl.Float64).alias("full"),
            "variance",
            pl.col("tokens_low").cast(pl.Float64).alias("low"),
            pl.col("tokens_high").cast(pl.Float64).alias("high"),
            "requests",
        )
    )


def _as_requests(columns: list[str], kind: int) -> list[pl.Expr]:
    """The requests of an item as a row of it, all or nothing."""
    count = pl.col("requests")
    told = {
        "claim": pl.lit(-1, pl.Int64),
        "kind": pl.lit(kind, pl.Int64),
        "full": count,
        "variance": pl.lit(0.0),
        "low": pl.min_horizontal(count, 0.0),
        "high": pl.max_horizontal(count, 0.0),
    }
    return [told.get(name, pl.col(name)).alias(name) for name in columns]


def _drift(
    buckets: pl.DataFrame, keys: pl.DataFrame, kinds: list[str], requests: pl.DataFrame
) -> tuple[Array, Array]:
    drift, slack = np.zeros((keys.height, len(kinds))), np.ones((keys.height, len(kinds)))
    size = (pl.col("traced_tokens") + pl.col("metered_tokens")) * UNEXPLAINED_SHARE
    cells = buckets.filter(pl.col("token_kind").is_in(kinds)).join(keys.with_row_index("place"), on=PLACE)
    for number, kind in enumerate(kinds):
        some = cells.filter(pl.col("token_kind") == kind).select(
            "place", left=pl.col("drift_tokens") - pl.col("still").fill_null(0), noise=size.clip(1.0) ** 2
        )
        some = requests if kind == _REQUESTS else some
        drift[some["place"].to_numpy(), number] = some["left"].to_numpy()
        slack[some["place"].to_numpy(), number] = some["noise"].to_numpy()
    return drift, slack
