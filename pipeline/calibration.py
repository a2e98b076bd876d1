"""Calibration: what a month's drift says about the rates on its claims.

Bayesian linear regression around the priors: in every place the drift of all token kinds and the count of
requests are linear in the rates, with a spread that comes from the claims and from the unexplained. Places
that fit badly count for less, as with Student errors. A group of rates (the word before the first slash) is
learned only where that foretells the drift of time steps that were left out, but for billing rates, which
nothing else shows.
"""

from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.algebra import Pairs, covariance, misfit, moments, pairs_of
from pipeline.places import Array, Flags, Places, arrange
from pipeline.slack import with_slack

ALWAYS = ("billed/",)
"""Beginnings of the rates that are learned without a test on time steps left out."""

SEPARABLE = 0.9
"""Two rates with a correlation beyond this are known as a sum only."""

_ROUNDS = 3
_DIGITS = 6
"""Rates are rounded to this before use, so that the noise of float sums never shows."""

_NOISE = 1e-6
"""A gain in squared error below this is none."""


class Learned(NamedTuple):
    """What calibration learned."""

    rates: pl.DataFrame
    """Rows of recon.rate, sorted by rate."""
    covariance: np.ndarray
    """Posterior covariance of the rates, in the same order."""
    claims: pl.DataFrame
    """The claims at the learned rates; `posterior` is the rate that was used, null without one."""
    places: Places
    """The claims that can move and their drift, ready for the balance and the intervals."""


class _Normal(NamedTuple):
    """Normal equations of a set of places, around the prior."""

    matrix: Array
    vector: Array


def learn(buckets: pl.DataFrame, claims: pl.DataFrame, counts: pl.DataFrame | None = None) -> Learned:
    """Return the rates named on the claims as the month's drift moves them, and the claims at these rates.

    `buckets` are rows of recon.bucket, `claims` come from `gather`. `counts` has the dimensions of a bucket
    without token kind, `request_count` (requests that the meter counts; null or no row: it does not count)
    and `told_requests` (requests of calls that are known to be billed).
    """
    places = arrange(buckets, claims, counts)
    prior = places.rates["rate_prior"].to_numpy()
    if not len(prior):
        nothing = np.zeros((0, 0))
        return Learned(_table(buckets, places, prior, nothing), nothing, _use(claims, {}), places)
    pairs = pairs_of(places)
    error = places.rates["rate_error"].to_numpy()
    can_learn = error > 0
    rest = places.drift - places.by_kind(moments(places, prior).mean)
    posterior, _, _ = _rounds(places, pairs, rest, can_learn)
    places = with_slack(places, posterior.clip(prior - error, prior + error))
    posterior, inverse, normal = _rounds(places, pairs, rest, can_learn)
    can_learn = _worth(places, pairs, inverse, rest, can_learn)
    posterior = _solve(places, normal, can_learn).round(_DIGITS)
    spread = _spread(places, normal, can_learn)
    used = dict(zip(places.rates["rate"], posterior.tolist(), strict=True))
    return Learned(_table(buckets, places, posterior, spread), spread, _use(claims, used), places)


def _rounds(places: Places, pairs: Pairs, rest: Array, can_learn: Flags) -> tuple[Array, Array, _Normal]:
    """Posterior, inverse covariances and normal equations; places that fit badly weigh less."""
    posterior, weight = places.rates["rate_prior"].to_numpy(), np.ones(places.shape[0])
    for _ in range(_ROUNDS):
        plain = np.linalg.inv(covariance(places, moments(places, posterior))[0])
        inverse = plain * weight[:, None, None]
        normal = _normal(places, pairs, inverse, rest, np.ones(places.shape[0], bool))
        posterior = _solve(places, normal, can_learn)
        weight = 1 / misfit(places, plain, posterior)
    return posterior, inverse, normal


def _normal(places: Places, pairs: Pairs, inverse: Array, rest: Array, wanted: Flags) -> _Normal:
    count = len(places.rates)
    pulled = np.einsum("pkl,pl->pk", inverse[pairs.place], pairs.full) * wanted[pairs.place, None]
    products = np.einsum("nk,nk->n", pairs.full[pairs.left], pulled[pairs.right])
    cells = pairs.rate[pairs.left] * count + pairs.rate[pairs.right]
    matrix = np.bincount(cells, products, count * count).reshape(count, count)
    vector = np.bincount(pairs.rate, np.einsum("pk,pk->p", pulled, rest[pairs.place]), count)
    return _Normal((matrix + matrix.T) / 2, vector)


def _solve(places: Places, normal: _Normal, can_learn: Flags) -> Array:
    """Posterior means inside their bounds; a rate at a bound stays there, the others are solved again."""
    prior, error, low, high = (
        places.rates[f"rate_{name}"].to_numpy() for name in ("prior", "error", "low", "high")
    )
    moved, free = np.zeros(len(prior)), can_learn.copy()
    for _ in range(_ROUNDS):
        some = np.flatnonzero(free)
        fixed = np.where(free, 0.0, moved)
        matrix = normal.matrix[np.ix_(some, some)] + np.diag(error[some] ** -2.0)
        moved[some] = np.linalg.solve(matrix, normal.vector[some] - normal.matrix[some] @ fixed)
        clipped = (prior + moved).clip(low, high) - prior
        free &= clipped == moved
        moved = clipped
    return prior + moved


def _spread(places: Places, normal: _Normal, can_learn: Flags) -> Array:
    """Posterior covariance; what was not learned keeps its prior error, and lends it to what was."""
    error = places.rates["rate_error"].to_numpy()
    some, others = np.flatnonzero(can_learn), np.flatnonzero(~can_learn)
    spread = np.diag(error**2)
    inner = np.linalg.inv(normal.matrix[np.ix_(some, some)] + np.diag(error[some] ** -2.0))
    cross = -(inner @ normal.matrix[np.ix_(some, others)]) * error[others] ** 2
    lent = -cross @ normal.matrix[np.ix_(others, some)] @ inner
    spread[np.ix_(some, some)] = inner + (lent + lent.T) / 2
    spread[np.ix_(some, others)] = cross
    spread[np.ix_(others, some)] = cross.T
    return spread


def _worth(places: Places, pairs: Pairs, inverse: Array, rest: Array, can_learn: Flags) -> Flags:
    """Rates to learn: groups that do not foretell the even time steps from the odd, and back, are left."""
    group = places.rates["rate"].str.extract(r"^([^/]*)").to_numpy()
    always = np.array([name.startswith(ALWAYS) for name in places.rates["rate"]])
    step = places.keys["bucket_start_at"].rank("dense").to_numpy() % 2 == 0
    halves = [_normal(places, pairs, inverse, rest, wanted) for wanted in (step, ~step)]
    for name in sorted(set(group[~always])):
        without = can_learn & ((group != name) | always)
        gain = _held_out(places, halves, without) - _held_out(places, halves, can_learn)
        if not gain > _NOISE:
            can_learn = without
    return can_learn


def _held_out(places: Places, halves: list[_Normal], can_learn: Flags) -> float:
    """Squared error on each half of the time steps at rates learned from the other, less a constant."""
    prior = places.rates["rate_prior"].to_numpy()
    error = 0.0
    for learned, other in (halves, halves[::-1]):
        moved = _solve(places, learned, can_learn) - prior
        error += float(moved @ other.matrix @ moved - 2 * moved @ other.vector)
    return error


def _use(claims: pl.DataFrame, rates: dict[str, float]) -> pl.DataFrame:
    """The claims at these rates, inside the bounds of their causes."""
    names, values = list(rates), list(rates.values())
    posterior = pl.col("rate").replace_strict(names, values, default=None, return_dtype=pl.Float64)
    at_rate = (pl.col("full_tokens") * pl.col("posterior")).round(0).cast(pl.Int64)
    tokens = pl.when(pl.col("posterior").is_null()).then("claimed_tokens").otherwise(at_rate)
    return claims.with_columns(posterior=posterior).with_columns(
        claimed_tokens=tokens.clip(pl.col("tokens_low"), pl.col("tokens_high"))
    )


def _table(buckets: pl.DataFrame, places: Places, posterior: Array, spread: Array) -> pl.DataFrame:
    """Rows of recon.rate."""
    error = np.sqrt(np.diag(spread))
    scale = np.where(error > 0, error, 1.0)
    related = (spread / np.outer(scale, scale)).round(_DIGITS)
    np.fill_diagonal(related, 0.0)
    nearest = np.abs(related).argmax(1) if len(error) else np.zeros(0, np.int64)
    correlation = pl.Series(related[np.arange(len(error)), nearest], dtype=pl.Float64)
    names = places.rates["rate"].gather(nearest)
    is_alone = correlation == 0
    return places.rates.select(
        pl.lit(buckets["month"].first() if "month" in buckets.columns else None, pl.String).alias("month"),
        "rate",
        "steps",
        prior="rate_prior",
        prior_error="rate_error",
        posterior=pl.Series(posterior, dtype=pl.Float64),
        posterior_error=pl.Series(error.round(_DIGITS), dtype=pl.Float64),
        low="rate_low",
        high="rate_high",
        buckets="buckets",
        full_tokens="full_tokens",
        correlation=pl.when(is_alone).then(None).otherwise(correlation),
        correlated_with=pl.when(is_alone).then(None).otherwise(names),
        is_separable=correlation.abs() <= SEPARABLE,
    )
