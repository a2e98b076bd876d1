"""The linear algebra of a place: how far its claims spread, and what its drift says about each of them."""

from typing import NamedTuple

import numpy as np

from pipeline.places import Array, Flags, Index, Moments, Places

CHANCE_LOW, CHANCE_HIGH = 0.02, 0.98
"""A chance is never taken to be surer than this when its spread is worked out."""

_TAIL = 4.0
"""A place is as likely as its claims say while its squared misfit per observation is below this."""


class Pairs(NamedTuple):
    """The rates of every place, and all pairs of them: the regression without its zeros."""

    place: Index
    rate: Index
    full: Array
    """Tokens by kind at a rate of one."""
    left: Index
    right: Index


def moments(places: Places, rates: Array) -> Moments:
    """Return the mean and spread of every row at these rates.

    With a rate r that is a chance: all of the item with chance r, else nothing, so that its rows move
    together; with another rate: r times the row; without: the row as claimed, alone, or in step with the
    other rows of its item where it is marked as chance. What an item moves from one kind to another leaves
    the one as it comes to the other.
    """
    has_rate = places.rate >= 0
    value = np.where(has_rate, np.append(rates, 1.0)[places.rate], 1.0)
    chance = value.clip(CHANCE_LOW, CHANCE_HIGH)
    tied = places.is_chance
    scale = np.where(has_rate, np.where(tied, chance, value**2), 1.0)
    step = np.where(places.full < 0, -1.0, 1.0) * np.sqrt(places.variance)
    in_step = places.is_transfer & ~tied
    alone = np.where(tied & has_rate, chance * (1 - chance), 1.0)
    spread = np.zeros(len(places.item_place))
    spread[places.item] = np.where(tied | in_step, alone, 0.0)
    pull = np.where(tied & has_rate, places.full, step)
    return Moments(
        mean=value * places.full,
        pull=np.where(tied | in_step, pull, 0.0),
        noise=np.where((tied & ~has_rate) | in_step, 0.0, scale * places.variance),
        spread=spread,
    )


def covariance(places: Places, some: Moments) -> tuple[Array, Array]:
    """Return the covariance of every place's drift over its kinds, and the pull of every item by kind."""
    count, kinds = places.shape
    size = len(places.item_place)
    pull = np.bincount(places.item * kinds + places.kind, some.pull, size * kinds).reshape(size, kinds)
    total = np.zeros((count, kinds, kinds))
    for one in range(kinds):
        shared = some.spread * pull[:, one]
        for other in range(one + 1):
            total[:, one, other] = np.bincount(places.item_place, shared * pull[:, other], count)
            total[:, other, one] = total[:, one, other]
    diagonal = np.arange(kinds)
    total[:, diagonal, diagonal] += places.slack + places.by_kind(some.noise)
    return total, pull


def misfit(places: Places, inverse: Array, rates: Array) -> Array:
    """Return by how much the variance of every place must grow for its drift to be likely; at least 1."""
    rest = places.drift - places.by_kind(moments(places, rates).mean)
    squared = np.einsum("bk,bkl,bl->b", rest, inverse, rest)
    return np.asarray(np.maximum(1.0, squared / (_TAIL * places.is_seen.sum(1))))


def pairs_of(places: Places) -> Pairs:
    """Return the rates of every place with what they scale, and which of them share a place."""
    rows = np.flatnonzero(places.rate >= 0)
    count, kinds = len(places.rates), places.shape[1]
    names, number = np.unique(places.place[rows] * count + places.rate[rows], return_inverse=True)
    cells = number * kinds + places.kind[rows]
    full = np.bincount(cells, places.full[rows], len(names) * kinds).reshape(len(names), kinds)
    place = names // max(count, 1)
    left, right = meet(place, place, places.shape[0])
    return Pairs(place, names % max(count, 1), full, left, right)


def meet(one: Index, other: Index, count: int) -> tuple[Index, Index]:
    """Return all pairs of rows of `one` and `other` in the same of `count` places; `other` is sorted."""
    here = np.bincount(other, minlength=count)
    many = here[one]
    left = np.repeat(np.arange(len(one)), many)
    first = np.repeat(np.cumsum(many) - many, many)
    right = np.repeat((np.cumsum(here) - here)[one], many) + np.arange(len(left)) - first
    return left, right


def settle(places: Places, some: Moments, passes: int) -> Array:
    """Return the rows as the drift of their place moves them, inside their bounds.

    Least squares over all kinds of a place at once. Rows that would leave their bounds are fixed there, the
    others are solved again given those; places where nothing was fixed are done.
    """
    mean = some.mean.clip(places.low, places.high)
    placed, can_move = mean.copy(), (some.noise > 0) | (some.pull * some.spread[places.item] != 0)
    rows = np.flatnonzero(can_move)
    wanted = np.zeros(places.shape[0], bool)
    wanted[places.place[rows]] = True
    free = can_move.copy()
    for _ in range(passes):
        if not wanted.any():
            break
        few, rows = places.only(wanted)
        spread = np.zeros(len(few.item_place))
        spread[few.item] = some.spread[places.item[rows]]
        part = Moments(mean[rows], some.pull[rows], some.noise[rows], spread)
        moved = _condition(few, part, free[rows], can_move[rows], placed[rows])
        placed[rows] = moved.clip(few.low, few.high)
        hit = placed[rows] != moved
        free[rows[hit]] = False
        wanted = np.zeros(places.shape[0], bool)
        wanted[places.place[rows[hit]]] = True
    return placed


def _condition(places: Places, some: Moments, free: Flags, can_move: Flags, placed: Array) -> Array:
    """Rows given the drift of their place and given those of their item that are fixed already."""
    fixed = can_move & ~free
    sure = np.maximum(some.noise, 1e-6 * some.spread[places.item] * some.pull**2)
    weight = np.divide(some.pull, sure, out=np.zeros_like(sure), where=fixed & (sure > 0))
    size = len(places.item_place)
    spread = some.spread / (1 + some.spread * np.bincount(places.item, weight * some.pull, size))
    lean = spread * np.bincount(places.item, weight * (placed - some.mean), size)
    mean = np.where(free, some.mean + some.pull * lean[places.item], placed)
    left = Moments(mean, np.where(free, some.pull, 0.0), np.where(free, some.noise, 0.0), spread)
    total, pull = covariance(places, left)
    rest = places.drift - places.by_kind(mean)
    force = np.linalg.solve(total, rest[..., None])[..., 0]
    together = spread * np.einsum("ik,ik->i", pull, force[places.item_place])
    moved: Array = mean + left.pull * together[places.item] + left.noise * force[places.place, places.kind]
    return moved
