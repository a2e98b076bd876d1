"""How much is unexplained for reasons of its own: more where a month fits badly before anything is learned.

A cause that nobody claims leaves drift behind. If the unexplained had no room for it, the causes that are
claimed would take it. So its spread is learned first, by account, from how far drift lies from the priors.
"""

from dataclasses import replace

import numpy as np

from pipeline.algebra import covariance, moments
from pipeline.places import Array, Places

_STEPS = (1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 18.0, 27.0, 40.0)
"""Factors on the standard deviation of the unexplained that are tried, least first."""

_TOLERATED = 0.8
"""Median squared misfit up to which the unexplained gets no more room. Chance alone has 0.455; what is
above that, priors and sizes err by even where every cause is claimed."""


def with_slack(places: Places, rates: Array) -> Places:
    """Return the places with as much room for the unexplained as each account's drift asks for.

    `rates`: as near to the drift as a standard error of their priors lets them come. What they explain is no
    misfit; what would need more is left to the unexplained.
    """
    some = moments(places, rates)
    rest = (places.drift - places.by_kind(some.mean)) ** 2
    kinds = np.arange(places.shape[1])
    known = covariance(places, some)[0][:, kinds, kinds] - places.slack
    is_seen = places.is_seen & np.array([kind != "requests" for kind in places.kinds])
    accounts = places.keys.select("provider", "account").to_struct().rank("dense").to_numpy()
    factor = np.ones(places.shape[0])
    for account in np.unique(accounts):
        rows = is_seen & (accounts == account)[:, None]
        factor[accounts == account] = _least(rest[rows], known[rows], places.slack[rows])
    wider = np.where(is_seen, places.slack * factor[:, None] ** 2, places.slack)
    return replace(places, slack=wider)


def _least(rest: Array, known: Array, slack: Array) -> float:
    """The least factor with which half of the squared misfits are as small as they should be."""
    for step in _STEPS:
        if not len(rest) or np.median(rest / (known + step**2 * slack)) <= _TOLERATED:
            return step
    return _STEPS[-1]
