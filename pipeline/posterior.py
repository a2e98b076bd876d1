"""How sure the placed tokens are: 90 % intervals by cell, owner and step."""

from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.algebra import covariance, meet, misfit, moments, pairs_of
from pipeline.calibration import Learned
from pipeline.cause import CELL, OWNER
from pipeline.places import MOVES, Array, Index, Places

INTERVAL_SCALE = 3.0
"""Factor on every standard error, set on simulated worlds so that 90 % intervals hold nine times in ten: what
is not modelled (bad days of a provider, services that change) errs more than what is."""

SHARED_ERROR = 0.15
"""Part of a step's tokens of all kinds by which each kind may err beside: how an event splits over the kinds
is taken from other events, and errs for all of a service at once."""

_NINETY = 1.645
"""Standard errors on either side of a 90 % interval."""

_NO_BOUND = 2**62

_GROUP = [*CELL, *OWNER, "step"]


class _Known(NamedTuple):
    """What the drift of every place says: the inverse of its covariance, and how badly it fits."""

    inverse: Array
    scale: Array


def intervals(buckets: pl.DataFrame, claims: pl.DataFrame, learned: Learned) -> pl.DataFrame:
    """Return `tokens`, `tokens_low` and `tokens_high` (90 %) by cell, owner and step.

    `claims` are those of `balance` over the claims of `learned`. An interval is what rows and rates leave
    open once the drift is known, and holds the point. It never changes the sign that the claims allow; else
    it may go beyond their bounds, which are those of single events. `unexplained` has one row a cell, owner
    null.
    """
    places, rates = learned.places, learned.rates["posterior"].to_numpy()
    inverse = np.linalg.inv(covariance(places, moments(places, rates))[0])
    known = _Known(inverse, misfit(places, inverse, rates))
    named = claims.group_by(_GROUP).agg(
        pl.col("tokens", "tokens_low", "tokens_high").sum(),
        moving=pl.col("tokens").filter(MOVES).sum(),
        firm=pl.col("tokens").filter(MOVES).sum() + pl.col("tokens_low").filter(~MOVES).sum(),
        loose=pl.col("tokens").filter(MOVES).sum() + pl.col("tokens_high").filter(~MOVES).sum(),
    )
    kinds = [name for name in _GROUP if name != "token_kind"]
    named = named.sort(_GROUP).with_columns(
        shared=(pl.col("moving").abs().sum().over(kinds) * SHARED_ERROR * (pl.col("moving") != 0))
    )
    variance = _of_groups(places, known, _groups(claims, named), rates, learned.covariance)
    width = np.sqrt(np.pad(variance, (0, named.height - len(variance))))
    rest = _unexplained(buckets, claims)
    spare = np.sqrt(_of_unexplained(places, known, rest, learned.covariance))
    return pl.concat([_around(named, width), _around(rest.with_columns(shared=pl.lit(0.0)), spare)])


def _around(points: pl.DataFrame, error: Array) -> pl.DataFrame:
    own = pl.Series(error.round(6), dtype=pl.Float64) * (_NINETY * INTERVAL_SCALE)
    reach = (own**2 + points["shared"] ** 2).sqrt()
    low = (pl.col("firm") - reach).floor().cast(pl.Int64)
    high = (pl.col("loose") + reach).ceil().cast(pl.Int64)
    tokens = pl.col("tokens")
    least = pl.when(pl.col("tokens_low") >= 0).then("tokens_low").otherwise(-_NO_BOUND)
    most = pl.when(pl.col("tokens_high") <= 0).then("tokens_high").otherwise(_NO_BOUND)
    return points.select(
        *_GROUP,
        "tokens",
        tokens_low=pl.min_horizontal(tokens, pl.max_horizontal(low, least)),
        tokens_high=pl.max_horizontal(tokens, pl.min_horizontal(high, most)),
    )


def _groups(claims: pl.DataFrame, named: pl.DataFrame) -> Index:
    """The row in `named` of every claim, up to the last that can move."""
    numbered = named.select(_GROUP).with_row_index("group")
    moving = claims.select(MOVES).to_series().arg_true()
    groups = claims.head(1 + moving[-1] if len(moving) else 0).join(
        numbered, on=_GROUP, how="left", maintain_order="left", nulls_equal=True
    )
    return groups["group"].cast(pl.Int64).to_numpy()


def _of_groups(places: Places, known: _Known, groups: Index, rates: Array, spread: Array) -> Array:
    """Variance of the tokens of every group, all its places together.

    Given the drift, tokens of group g in place b vary by P_gg - P_g S^-1 P_g, and move with the rates by
    A_g - P_g S^-1 A: P_g is the covariance with the drift, S that of the drift, A full tokens by rate.
    """
    some = moments(places, rates)
    rows = np.flatnonzero(places.claim >= 0)
    group, kind = groups[places.claim[rows]], places.kind[rows]
    names, part = np.unique(group * places.shape[0] + places.place[rows], return_inverse=True)
    place, owner = names % places.shape[0], names // places.shape[0]
    shared = (some.spread[places.item] * some.pull)[rows]
    pull = covariance(places, some)[1][places.item[rows]]
    spans = [np.bincount(part, shared * pull[:, one], len(names)) for one in range(places.shape[1])]
    with_drift = np.stack(spans, 1)
    kind_of = np.zeros(len(names), np.int64)
    kind_of[part] = kind
    with_drift[np.arange(len(names)), kind_of] += np.bincount(part, some.noise[rows], len(names))
    gain = _times(with_drift, known.inverse, place)
    own = with_drift[np.arange(len(names)), kind_of]
    left = (own - (gain * with_drift).sum(1)).clip(0) * known.scale[place]
    count = int(groups.max(initial=-1)) + 1
    pairs = pairs_of(places)
    one, other = meet(place, pairs.place, places.shape[0])
    taken = sum(gain[one, k] * pairs.full[other, k] for k in range(places.shape[1]))
    scaled = np.flatnonzero(places.rate[rows] >= 0)
    width = len(spread)
    moves = np.bincount(
        group[scaled] * width + places.rate[rows][scaled], places.full[rows][scaled], count * width
    ) - np.bincount(owner[one] * width + pairs.rate[other], taken, count * width)
    return np.asarray(np.bincount(owner, left, count) + _through(moves.reshape(count, width), spread))


def _of_unexplained(places: Places, known: _Known, rest: pl.DataFrame, spread: Array) -> Array:
    """Variance of the unexplained of every cell, where claims could move."""
    numbers = rest.select(CELL).with_row_index("cell")
    count, width, pairs = rest.height, len(spread), pairs_of(places)
    pulled = _times(pairs.full, known.inverse, pairs.place)
    variance, moves = np.zeros(count), np.zeros(count * width)
    for number, kind in enumerate(places.kinds):
        cells = places.keys.with_columns(token_kind=pl.lit(kind)).join(
            numbers, on=CELL, how="left", maintain_order="left"
        )
        cell = cells["cell"].cast(pl.Int64).fill_null(-1).to_numpy()
        slack = places.slack[:, number]
        some = places.is_seen[:, number] & (cell >= 0)
        left = (slack - slack**2 * known.inverse[:, number, number]).clip(0) * known.scale
        variance += np.bincount(cell[some], left[some], count)
        here = some[pairs.place]
        at = cell[pairs.place[here]] * width + pairs.rate[here]
        moves += np.bincount(at, (slack[pairs.place] * pulled[:, number])[here], count * width)
    return np.asarray(variance + _through(moves.reshape(count, width), spread))


def _times(rows: Array, matrices: Array, place: Index) -> Array:
    """Every row times the matrix of its place."""
    return sum((rows[:, [k]] * matrices[place, k] for k in range(rows.shape[1])), np.zeros_like(rows))


def _through(moves: Array, spread: Array) -> Array:
    """Variance that the rates lend to what moves with them."""
    lent: Array = np.einsum("gj,gj->g", moves @ spread, moves)
    return lent.clip(0)


def _unexplained(buckets: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """One row a cell: drift less what was placed, without bounds."""
    placed = claims.group_by(CELL).agg(placed=pl.col("tokens").sum())
    cells = buckets.group_by(CELL).agg(pl.col("drift_tokens").sum()).join(placed, on=CELL, how="left")
    tokens = pl.col("drift_tokens") - pl.col("placed").fill_null(0)
    return cells.sort(CELL).select(
        *CELL,
        *(pl.lit(None, pl.String).alias(name) for name in OWNER),
        tokens.alias("tokens"),
        pl.lit(-_NO_BOUND).alias("tokens_low"),
        pl.lit(_NO_BOUND).alias("tokens_high"),
        pl.lit("unexplained").alias("step"),
        firm=tokens,
        loose=tokens,
    )
