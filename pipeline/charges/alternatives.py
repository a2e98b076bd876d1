"""The other rates at which tokens may have been billed: of another day, kind, tier, or without a contract.

A place is tried where the provider's registry gives it a price of its own, with the source; exports count in
cents, thousands and millions (their unit columns).
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from pipeline.charges.line import Cell
from pipeline.charges.tariffs import Seller
from pipeline.period import Month
from schemas.types import ALL

Rate = Callable[[Cell], Decimal | None]
Card = Callable[..., Decimal | None]
"""A rate of a card for a cell, with its model, tier, kind or day replaced by others."""

TIERS = ("standard", "batch", "flex", "priority")
NEIGHBOURS: dict[str, tuple[str, ...]] = {
    "input_uncached": ("cache_read", "cache_write_5m", "cache_write_1h", "output"),
    "cache_read": ("input_uncached", "cache_write_5m", "cache_write_1h"),
    "cache_write_5m": ("cache_write_1h", "input_uncached", "cache_read"),
    "cache_write_1h": ("cache_write_5m", "input_uncached", "cache_read"),
    "cache_write_other": ("cache_write_1h", "input_uncached", "cache_read"),
    "output": ("input_uncached",),
    "input_audio": ("input_uncached",),
    "input_image": ("input_uncached",),
    "output_audio": ("output",),
    "output_image": ("output",),
}
"""Kinds for which another is taken by mistake; the first is the likely one."""

_POWERS = {2: 4, 3: 4, 6: 4, 1: 6}
"""Power of ten -> how far from the expected: cents, thousands, millions, and ten, which no unit is."""
_LIST_MONTHS = 24
_DAY = timedelta(days=1)


class Alternative(NamedTuple):
    """A rate for each of the tokens, None where it has none; `distance` is how far-fetched it is."""

    effect: str
    words: str
    distance: int
    rate: Rate


def alternatives(
    seller: Seller, parts: Sequence[Cell], models: Sequence[str], month: Month, *, is_run: bool = False
) -> Iterator[Alternative]:
    """Yield the rates to try on tokens that are billed at another than the expected one.

    Tokens of one run of days (`is_run`) have one price: none that changes on a day inside it is tried.
    """
    yield Alternative("contract_not_applied", "the list price", 1, seller.listed)
    if not is_run:
        yield from _from_days(parts, "lapsed_tier", "the list price", seller.listed)
    yield from _other_lists(parts, seller.listed, month, is_run=is_run)
    for words, card in (("rate", seller.expected), ("list price", seller.listed)):
        yield from _other_kinds(parts, words, card)
        yield from _other_tiers(parts, words, card)
        yield from _other_places(seller, parts, words, card)
    yield Alternative("long_context", "the list price of long requests", 2, seller.long)
    yield from _other_units(parts, seller.expected)
    for other in models:
        yield Alternative("wrong_model", f"the rate of model '{other}'", 5, _model(seller.expected, other))


def _other_places(seller: Seller, parts: Sequence[Cell], words: str, card: Card) -> Iterator[Alternative]:
    for place in sorted({place for part in parts for place in seller.places(part)}):

        def rate(part: Cell, place: str = place) -> Decimal | None:
            factor, known = seller.places(part).get(place), card(part)
            return part.rate if factor is None else None if known is None else known * factor

        yield Alternative("geography", f"the {words} for processing in '{place}'", 3, rate)


def _other_units(parts: Sequence[Cell], card: Card) -> Iterator[Alternative]:
    """Powers of ten: on all tokens, and where they are of several tiers or kinds, on those of one."""
    for power, distance in _POWERS.items():
        for factor in (Decimal(10) ** power, Decimal(10) ** -power):
            told, rate = f"{factor:f} times the expected rate", _times(card, factor)
            yield Alternative("unit", told, distance, rate)
            for name in ("service_tier", "token_kind"):
                values = sorted({getattr(part, name) for part in parts})
                for value in values if values[1:] else ():
                    yield Alternative("unit", f"{told} for {value}", distance, _only(name, value, rate))


def _other_kinds(parts: Sequence[Cell], words: str, card: Card) -> Iterator[Alternative]:
    kinds = sorted({part.token_kind for part in parts})
    for kind in kinds:
        for place, other in enumerate(NEIGHBOURS.get(kind, ())):
            told = f"the {words} of {other}" + (f" for {kind}" if kinds[1:] else "")
            rate = _only("token_kind", kind, partial(card, kind=other))
            yield Alternative("wrong_kind", told, 3 if place else 2, rate)


def _other_tiers(parts: Sequence[Cell], words: str, card: Card) -> Iterator[Alternative]:
    tiers = sorted({part.service_tier for part in parts})
    for tier in tiers:
        for other in TIERS:
            if other == ("standard" if tier == ALL else tier):
                continue
            told = f"the {words} of tier {other}" + (f" for {tier}" if tiers[1:] else "")
            rate = _only("service_tier", tier, partial(card, tier=other))
            yield Alternative("wrong_service_tier", told, 2, rate)


def _other_lists(parts: Sequence[Cell], listed: Card, month: Month, *, is_run: bool) -> Iterator[Alternative]:
    """Lists of other days, each once: of the first days of this month, the next, and two years before."""
    days = [month.first_day, month.next.first_day]
    for _ in range(_LIST_MONTHS):
        days.append((min(days) - _DAY).replace(day=1))
    seen = {tuple(listed(part) for part in parts)}
    for day in days:
        on = partial(listed, on=day)
        rates = tuple(on(part) for part in parts)
        if rates not in seen:
            seen.add(rates)
            yield Alternative("list_change", f"the list price of {day}", 1, on)
            if is_run:
                continue
            yield from _from_days(parts, "list_change", f"the list price of {day}", on)


def _from_days(parts: Sequence[Cell], effect: str, words: str, rate: Rate) -> Iterator[Alternative]:
    """From some day on, or until one: only where tokens of several days stand behind an amount."""
    days = sorted({part.day for part in parts if part.day is not None})
    if any(part.day is None for part in parts):
        return
    before = "contract_not_applied" if effect == "lapsed_tier" else effect
    for day in days[1:]:
        yield Alternative(effect, f"{words} from {day} on", 3, _between(rate, day, date.max))
        yield Alternative(before, f"{words} before {day}", 4, _between(rate, date.min, day))


def _between(rate: Rate, first: date, end: date) -> Rate:
    return lambda part: rate(part) if part.day is not None and first <= part.day < end else part.rate


def _only(name: str, value: str, rate: Rate) -> Rate:
    return lambda part: rate(part) if getattr(part, name) == value else part.rate


def _model(card: Card, other: str) -> Rate:
    return lambda part: None if part.model == other else card(part, model=other)


def _times(card: Card, factor: Decimal) -> Rate:
    def rate(part: Cell) -> Decimal | None:
        known = card(part)
        return None if known is None else known * factor

    return rate
