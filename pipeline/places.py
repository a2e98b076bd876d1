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

UNEXPLAINED_SHARE = 0.003
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

    @cached_property
    def is_transfer(self) -> Flags:
        """Rows of items that move tokens between kinds and add up to nothing."""
        counted = np.where(self.claim >= 0, self.full, 0.0)
        sums = np.bincount(self.item, counted, len(self.item_place))
        rows = np.bincount(self.item, minlength=len(self.item_place))
        return np.asarray(((sums == 0) & (rows > 1))[self.item])

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
    cells = _cells(buckets, claims)
    live = claims.with_row_index("claim").filter(MOVES)
    keys = live.select(PLACE).unique().sort(PLACE)
    live = live.join(keys.with_row_index("place"), on=PLACE, how="left", maintain_order="left")
    requests = _requests(keys, claims, counts)
    rates = _rates(live)
    kinds = sorted(live["token_kind"].unique()) or ["output"]
    rows = _rows(live, rates, kinds)
    counted = rows.filter(pl.col("requests") != 0, pl.col("rate") >= 0).join(requests, on="place", how="semi")
    if counted.height:
        kinds.append(_REQUESTS)
        rows = pl.concat([rows, counted.select(_as_requests(rows.columns, len(kinds) - 1))])
    arrays = {name: rows[name].to_numpy() for name in rows.columns if name != "requests"}
    items, arrays["item"] = np.unique(arrays["item"], return_inverse=True)
    item_place = np.zeros(len(items), np.int64)
    item_place[arrays["item"]] = arrays["place"]
    drift, slack = _drift(cells, keys, kinds, requests)
    is_seen = np.zeros(drift.shape, bool)
    is_seen[arrays["place"], arrays["kind"]] = True
    drift = np.where(is_seen, drift, 0.0)
    return Places(keys, tuple(kinds), rates, drift, slack, is_seen, item_place, **arrays)


def _cells(buckets: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """Buckets with `still`: the tokens of their claims that never move."""
    still = claims.group_by(BUCKET).agg(still=pl.col("claimed_tokens").filter(~MOVES).sum())
    cells = buckets.join(still, on=BUCKET, how="full", coalesce=True)
    lost = cells.filter(pl.col("drift_tokens").is_null()).sort(BUCKET)
    if lost.height:
        raise BalanceError(f"A claim names a bucket that does not exist: {lost.select(BUCKET).row(0)}")
    return cells


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
            buckets=pl.col("place").n_unique().cast(pl.Int64),
            full_tokens=pl.col("full_tokens").sum(),
        )
        .sort("rate")
    )


def _rows(live: pl.DataFrame, rates: pl.DataFrame, kinds: list[str]) -> pl.DataFrame:
    """Claims that can move, by number of place, kind, item and rate."""
    numbers = rates["rate"].to_list()
    own = pl.when(pl.col("item").is_null()).then(pl.col("claim"))
    item = pl.col("claim").first().over("place", "step", "item", "rate", "is_chance", own)
    has_rate = pl.col("rate").is_not_null()
    number = pl.col("rate").replace_strict(numbers, range(len(numbers)), default=-1, return_dtype=pl.Int64)
    return live.select(
        pl.col("claim", "place").cast(pl.Int64),
        kind=pl.col("token_kind").replace_strict(kinds, range(len(kinds)), return_dtype=pl.Int64),
        item=item.cast(pl.Int64),
        rate=number,
        is_chance="is_chance",
        full=pl.when(has_rate).then("full_tokens").otherwise("claimed_tokens").cast(pl.Float64),
        variance="variance",
        low=pl.col("tokens_low").cast(pl.Float64),
        high=pl.col("tokens_high").cast(pl.Float64),
        requests="requests",
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
