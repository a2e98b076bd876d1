"""Contracts over the list: which one prices a token on a day, and at what rate.

Of several contracts the narrowest counts: one for the account before one for all accounts, then the glob
that spells out most of the model, then one that names the tier, the kind, the place. Two that are as narrow
as each other and disagree leave the token without a rate: which of them holds is not ours to guess.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from itertools import combinations
from typing import NamedTuple

from pipeline.contract_settings import Contract
from pipeline.money import quantize
from pipeline.rates.sku import Listed, Rated, Sku
from schemas.types import ALL

_MILLION = 1_000_000
_ANY_PRICE = Decimal("0.000000123457")
"""A list price that no rate of a contract is made from, to tell terms apart without a list."""


class Lapse(NamedTuple):
    """Days on which the terms of a contract do not hold; without an end, from then on."""

    start: date
    end: date | None


Lapses = Mapping[str, tuple[Lapse, ...]]
"""Lapses by the name of the contract."""


def prices_sku(contract: Contract, sku: Sku) -> bool:
    """Return whether a contract prices a token, on the days on which it holds."""
    tiers = contract.priced_tiers
    return (
        contract.provider == sku.provider
        and contract.account in {None, sku.account}
        and any(fnmatchcase(sku.model, glob) for glob in contract.models)
        and sku.token_kind in contract.priced_kinds
        and (tiers is None or sku.tier in tiers)
        and contract.geography in {None, sku.geography}
    )


def narrowest(contracts: Sequence[Contract], sku: Sku, day: date) -> list[Contract]:
    """Return the contracts that price a token on a day and are narrower than the others, by name."""
    found = [contract for contract in contracts if contract.holds_on(day) and prices_sku(contract, sku)]
    most = max((_narrowness(contract, sku) for contract in found), default=None)
    mine = [contract for contract in found if _narrowness(contract, sku) == most]
    return sorted(mine, key=lambda contract: contract.name)


def _narrowness(contract: Contract, sku: Sku) -> tuple[int, ...]:
    globs = [glob for glob in contract.models if fnmatchcase(sku.model, glob)]
    return (
        contract.account is not None,
        max((sum(letter not in "*?[]" for letter in glob) for glob in globs), default=0),
        bool(contract.service_tiers),
        bool(contract.token_kinds or contract.usd_per_million),
        contract.geography is not None,
    )


def apply(contracts: Sequence[Contract], sku: Sku, day: date, lapses: Lapses, listed: Listed) -> Rated:
    """Return the expected rate of a token on a day: by contract, else its list price."""
    found = narrowest(contracts, sku, day)
    if not found:
        return Rated(*listed, listed.usd_per_token)
    since = [lapsed_since(lapses.get(contract.name, ()), day) for contract in found]
    rates = [_rate(contract, sku, start, listed) for contract, start in zip(found, since, strict=True)]
    if len({rate.usd_per_token for rate in rates}) > 1:
        names = tuple(contract.name for contract in found)
        both = " and ".join(f"'{name}'" for name in names)
        origin = f"contracts {both} both price it and disagree"
        return Rated(None, origin, listed.usd_per_token, rivals=names)
    return rates[0]


def _rate(contract: Contract, sku: Sku, lapsed_on: date | None, listed: Listed) -> Rated:
    usd = listed.usd_per_token
    agreed = _agreed(contract, sku, usd)
    left = contract.floor.lapsed_discount_percent if contract.floor else Decimal(0)
    below = _less(usd, left) if contract.floor else None
    name = f"contract '{contract.name}'"
    if lapsed_on is not None:
        origin = f"{name} lapsed on {lapsed_on}, {_discount(left)}{listed.origin}"
        return Rated(below, origin, usd, contract.name, agreed, below)
    share = contract.discount_percent
    origin = name if share is None else f"{name}, {_discount(share)}{listed.origin}"
    return Rated(agreed, origin, usd, contract.name, agreed, below)


def _agreed(contract: Contract, sku: Sku, usd: Decimal | None) -> Decimal | None:
    if contract.discount_percent is not None:
        return _less(usd, contract.discount_percent)
    return quantize(contract.usd_per_million[sku.token_kind] / _MILLION)


def _less(usd: Decimal | None, percent: Decimal) -> Decimal | None:
    return None if usd is None else quantize(usd * (100 - percent) / 100)


def _discount(percent: Decimal) -> str:
    return f"{percent.normalize():f} % off " if percent else ""


def lapsed_since(lapses: Sequence[Lapse], day: date) -> date | None:
    """Return the day since which the terms have lapsed on a day; null while they hold."""
    starts = [it.start for it in lapses if it.start <= day and (it.end is None or day < it.end)]
    return min(starts, default=None)


def changes(contracts: Sequence[Contract], provider: str, lapses: Lapses) -> Iterator[date]:
    """Yield the days on which contracts of a provider begin, end, lapse and come back."""
    for contract in contracts:
        if contract.provider == provider:
            days = [contract.valid_from, contract.valid_to]
            days += [day for lapse in lapses.get(contract.name, ()) for day in lapse]
            yield from (day for day in days if day is not None)


def rivals(contracts: Sequence[Contract]) -> list[tuple[Contract, Contract]]:
    """Return the pairs that must disagree somewhere: as narrow as each other, for the same, at one time."""
    return [pair for pair in combinations(contracts, 2) if _are_rivals(*pair)]


def _are_rivals(one: Contract, other: Contract) -> bool:
    day = max((contract.valid_from for contract in (one, other) if contract.valid_from), default=date.min)
    tiers = {"standard", *(one.priced_tiers or ()), *(other.priced_tiers or ())}
    place = one.geography or ALL
    skus = (
        Sku(one.provider, one.account, glob, tier, kind, geography=place)
        for glob in one.models
        for tier in sorted(tiers)
        for kind in one.priced_kinds
    )
    return any(_disagree(one, other, sku, day) for sku in skus)


def _disagree(one: Contract, other: Contract, sku: Sku, day: date) -> bool:
    if len(narrowest((one, other), sku, day)) < 2:
        return False
    return _agreed(one, sku, _ANY_PRICE) != _agreed(other, sku, _ANY_PRICE)
