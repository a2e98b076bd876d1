"""Scopes that nobody configured and the month itself shows: which services use which key.

Where an export tells projects, workspaces or keys apart, each is the sum of a few services, day by day. A
service is bound to the key whose traffic its calls explain best, if no other key comes near; keys between
which a service cannot be told stay together, and what nothing binds stays in its account.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import polars as pl

from pipeline.key_traffic import Array, Traffic, traffic
from pipeline.team_settings import Scope

_CHANCE = 0.3
"""Part of calls that the meter and the traces may count differently, one by one: failures, lost spans."""
_TREND = 0.1
"""Relative error of everything that the traces tell of a key in a time step: estimates, retries."""
_TEAM = 6.0
"""What it counts for a key that it already serves the service's team; likelihood ratio of 20."""
_SURE = 12.0
"""Twice the logarithm of the odds from which on a key is believed: 400 to 1."""
_MOST_APART, _FAR = 0.6, 3.0
"""Part of a key's traffic that may be missing or too much in a month, and standard errors of what was sampled
away beside it."""
_SMALL = 0.05
"""Part of a key's tokens up to which a service may go to the likeliest key without being sure."""
_PASSES = 20
_DIGITS = 6
"""Likelihoods are rounded to this before they are compared, so that the noise of float sums never shows."""


def learned_scopes(usage: pl.DataFrame, calls: pl.DataFrame) -> tuple[Scope, ...]:
    """Return a scope per group of keys that belong to the same services, sorted by name.

    `usage` and `calls`: see `traffic`. Keys without a service, and services without a key, have none.
    """
    found = [scope for some in traffic(usage, calls) for scope in _scopes(some)]
    return tuple(sorted(found, key=lambda scope: scope.name))


class _Fit:
    """Which services each key serves, and how well their calls explain its traffic."""

    def __init__(self, some: Traffic) -> None:
        self.some = some
        self.key_of = np.full(some.services.height, -1)
        self.traced, self.doubt = (np.zeros_like(some.metered) for _ in range(2))
        self.misfit = np.array([self._misfit_of(key, 0.0, 0.0) for key in range(len(some.metered))])

    def move(self, service: int, key: int) -> None:
        """Give a service to a key, or with -1 to none."""
        for place, sign in ((self.key_of[service], -1), (key, 1)):
            if place >= 0:
                self.traced[place] += sign * self.some.traced[service]
                self.doubt[place] += sign * self.some.doubt[service]
                self.misfit[place] = self._misfit_of(place, 0.0, 0.0)
        self.key_of[service] = key

    def gains(self, service: int) -> Array:
        """Return by how much twice the log likelihood of every key rises with a service that has none."""
        traced, doubt = self.some.traced[service], self.some.doubt[service]
        misfits = np.array([self._misfit_of(key, traced, doubt) for key in range(len(self.misfit))])
        gains: Array = (self.misfit - misfits + _TEAM * self._is_of_team(service)).round(_DIGITS)
        return gains

    def loss(self, one: int, other: int) -> float:
        """Return by how much it falls when two services change keys."""
        some, keys = self.some, (int(self.key_of[one]), int(self.key_of[other]))
        more = (some.traced[other] - some.traced[one], some.doubt[other] - some.doubt[one])
        swapped = self._misfit_of(keys[0], *more) + self._misfit_of(keys[1], -more[0], -more[1])
        return round(swapped - float(self.misfit[list(keys)].sum()), _DIGITS)

    def _misfit_of(self, key: int, traced: Array | float, doubt: Array | float) -> float:
        """Minus twice the log likelihood of a key's traffic, as of Student errors with four degrees."""
        metered, expected = self.some.metered[key], self.traced[key] + traced
        middle = (metered + expected) / 2
        usual = self.some.usual
        variance = _CHANCE * usual * (middle + usual) + (_TREND * middle) ** 2 + self.doubt[key] + doubt
        far = np.log1p((metered - expected) ** 2 / (4 * variance))
        return float(np.sum(5 * far + np.log(variance)))

    def _is_of_team(self, service: int) -> Array:
        """Keys that serve the service's team and no other."""
        teams = self.some.services["team"].to_list()
        others = [
            {teams[one] for one in np.flatnonzero(self.key_of == key) if one != service}
            for key in range(len(self.misfit))
        ]
        return np.array([float(found == {teams[service]}) for found in others])


def _scopes(some: Traffic) -> Iterator[Scope]:
    fit = _fitted(some)
    near = [_candidates(fit, service) for service in range(some.services.height)]
    for keys, services in _groups(_alike(fit, near)):
        if not _is_whole(some, keys, services):
            continue
        rows = some.keys[keys]
        named = {
            column: tuple(rows.filter(pl.col("column") == column)["key"])
            for column in ("project_id", "api_key_id")
        }
        names = rows["key"].to_list()
        yield Scope(
            name=f"{some.account}/{names[0]}" + (f"+{len(names) - 1}" if len(names) > 1 else ""),
            provider=some.provider,
            account=some.account,
            project_ids=named["project_id"],
            api_key_ids=named["api_key_id"],
            services=tuple(map(_escaped, some.services["service"].gather(services))),
        )


def _fitted(some: Traffic) -> _Fit:
    """Bind services one after the other, the surest first, then each once more until none moves."""
    fit = _Fit(some)
    left = set(range(some.services.height))
    while left:
        best = {service: fit.gains(service) for service in sorted(left)}
        service = max(best, key=lambda one: (float(best[one].max()), -one))
        if best[service].max() <= 0:
            break
        fit.move(service, int(best[service].argmax()))
        left.remove(service)
    for _ in range(_PASSES):
        before = fit.key_of.copy()
        for service in range(some.services.height):
            fit.move(service, -1)
            gains = fit.gains(service)
            fit.move(service, int(gains.argmax()) if gains.max() > 0 else -1)
        if (before == fit.key_of).all():
            break
    return fit


def _candidates(fit: _Fit, service: int) -> list[int]:
    """The key of a service and those that explain it nearly as well; none where none is believed.

    A service that is lost in the traffic of a larger one is not left out: its tokens are metered somewhere.
    How large a sampled one is, too few of its calls may tell.
    """
    own = int(fit.key_of[service])
    fit.move(service, -1)
    gains = fit.gains(service)
    fit.move(service, own)
    best = int(gains.argmax())
    if own >= 0 and gains[own] >= _SURE:
        return [int(key) for key in np.flatnonzero(gains > gains[own] - _SURE)]
    if fit.some.doubt[service].any():
        return []
    tokens = fit.some.measure != "requests"
    share = fit.some.traced[service, tokens].sum() / max(1.0, fit.some.metered[best, tokens].sum())
    return [best] if gains[best] > -_SURE and share <= _SMALL else []


def _alike(fit: _Fit, near: list[list[int]]) -> list[list[int]]:
    """Give two services both of their keys where they could as well be the other way round."""
    result = [list(keys) for keys in near]
    bound = [service for service, keys in enumerate(near) if keys and fit.key_of[service] >= 0]
    for one, other in combinations(bound, 2):
        if fit.key_of[one] != fit.key_of[other] and fit.loss(one, other) < _SURE:
            keys = sorted({*near[one], *near[other]})
            result[one], result[other] = sorted({*result[one], *keys}), sorted({*result[other], *keys})
    return result


def _is_whole(some: Traffic, keys: list[int], services: list[int]) -> bool:
    """Whether the calls come to about what the meter has, in every measure."""
    for measure in np.unique(some.measure):
        cells = some.measure == measure
        metered = float(some.metered[np.ix_(keys, cells)].sum())
        traced = float(some.traced[np.ix_(services, cells)].sum())
        doubt = float(some.doubt[np.ix_(services, cells)].sum())
        if abs(metered - traced) > _MOST_APART * max(metered, traced) + _FAR * doubt**0.5:
            return False
    return True


def _groups(near: Sequence[list[int]]) -> list[tuple[list[int], list[int]]]:
    """Keys and services that hang together, by the keys between which services cannot be told."""
    groups: list[tuple[set[int], list[int]]] = []
    for service, keys in enumerate(near):
        if keys:
            touching = [group for group in groups if group[0] & set(keys)]
            joined = (set(keys).union(*(g[0] for g in touching)), [service])
            for group in touching:
                joined[1].extend(group[1])
                groups.remove(group)
            groups.append(joined)
    return [(sorted(keys), sorted(services)) for keys, services in groups]


def _escaped(name: str) -> str:
    """A glob that fits this name alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
