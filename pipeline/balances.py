"""Ways to make the claims of a place fit its drift: the one in use, and plainer ones to compare it with."""

from collections.abc import Callable

import numpy as np
import polars as pl

from pipeline.algebra import moments, settle
from pipeline.places import Array, Moments, Places
from schemas.types import STEPS

_PASSES = 12
"""Clipping passes; each fixes at least one claim of every place that is not settled yet."""


def by_variance(places: Places, rates: Array, steps: pl.Series) -> Array:
    """All token kinds and the requests of a place at once, in proportion to covariance."""
    some = moments(places, rates)
    placed = settle(places, some, _PASSES)
    start = some.mean.clip(places.low, places.high)
    before, after = (_unexplained(places, rows) for rows in (start, placed))
    is_worse = (after > before)[places.place]
    return np.where(is_worse, start, placed)


def independently(places: Places, rates: Array, steps: pl.Series) -> Array:
    """Each token kind by itself, in proportion to variance; requests are not looked at."""
    some = moments(places, rates)
    own = some.spread[places.item] * some.pull**2 + some.noise
    return settle(places, _alone(places, some, own), _PASSES)


def equally(places: Places, rates: Array, steps: pl.Series) -> Array:
    """Each token kind by itself, every claim that can move by the same."""
    some = moments(places, rates)
    own = some.spread[places.item] * some.pull**2 + some.noise
    total, count = places.by_kind(own), places.by_kind((own > 0).astype(float))
    same = (total / np.maximum(count, 1))[places.place, places.kind]
    return settle(places, _alone(places, some, np.where(own > 0, same, 0.0)), _PASSES)


def in_sequence(places: Places, rates: Array, steps: pl.Series) -> Array:
    """All at their point, then one cause after another takes what is left of the drift inside its bounds."""
    placed = moments(places, rates).mean.clip(places.low, places.high)
    names = steps.gather(places.claim.clip(0)).to_numpy()
    for step in (*STEPS, *sorted(set(names) - set(STEPS))):
        own = (names == step) & (places.claim >= 0)
        rest = (places.drift - places.by_kind(placed))[places.place, places.kind]
        room = np.where(own, np.where(rest > 0, places.high - placed, placed - places.low), 0.0)
        whole = places.by_kind(room)[places.place, places.kind]
        share = np.minimum(np.abs(rest), whole) / np.where(whole > 0, whole, 1.0)
        placed = placed + np.sign(rest) * room * share
    return placed


def not_at_all(places: Places, rates: Array, steps: pl.Series) -> Array:
    """Claims stay as claimed."""
    return moments(places, rates).mean.clip(places.low, places.high)


BALANCES: dict[str, Callable[[Places, Array, pl.Series], Array]] = {
    "variance": by_variance,
    "independent": independently,
    "equal": equally,
    "sequence": in_sequence,
    "none": not_at_all,
}
"""By name: what can move, its rates and the steps of all claims -> tokens of every row."""


def _alone(places: Places, some: Moments, variance: Array) -> Moments:
    """Rows that do not know of each other, and no requests."""
    none = np.zeros_like(some.pull)
    variance = np.where(places.claim < 0, 0.0, variance)
    return Moments(some.mean, none, variance, np.zeros_like(some.spread))


def _unexplained(places: Places, placed: Array) -> Array:
    """Squared unexplained of every place, each kind in its own standard deviations."""
    rest = places.drift - places.by_kind(placed)
    squared: Array = (rest**2 / places.slack).sum(1)
    return squared
