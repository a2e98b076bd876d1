"""The other rates at which tokens may have been billed: of another day, kind, tier, or without a contract.

Sources of the factors: Anthropic bills inference that is bound to the US at 1.1 times the price, and AWS and
Google regional endpoints at the same; exports count in cents, thousands and millions (their unit columns).
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from pipeline.charges.line import Cell
from pipeline.charges.tariffs import Tariffs
from pipeline.period import Month

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

_GEOGRAPHY = Decimal("1.1")
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
    tariffs: Tariffs, provider: str, parts: Sequence[Cell], models: Sequence[str], month: Month
) -> Iterator[Alternative]:
    """Yield the rates to try on tokens that are billed at another than the expected one."""
    last = month.next.first_day - _DAY
    listed = partial(_listed, tariffs, provider, last)
    expected = partial(_expected, tariffs, provider, last)
    yield Alternative("contract_not_applied", "the list price", 1, listed)
    yield from _from_days(parts, "lapsed_tier", "the list price", listed)
    yield from _other_lists(parts, listed, month)
    for words, card in (("rate", expected), ("list price", listed)):
        yield from _other_kinds(parts, words, card)
        yield from _other_tiers(parts, words, card)
        yield Alternative("geography", f"{_GEOGRAPHY} times the {words}", 3, _times(card, _GEOGRAPHY))
    long = partial(_long, tariffs, provider, last)
    yield Alternative("long_context", "the list price of long requests", 2, long)
    for power, distance in _POWERS.items():
        for factor in (Decimal(10) ** power, Decimal(10) ** -power):
            words = f"{factor:f} times the expected rate"
            yield Alternative("unit", words, distance, _times(expected, factor))
    for other in models:
        yield Alternative("wrong_model", f"the rate of model '{other}'", 5, _model(expected, other))


def _expected(  # noqa: PLR0913 - the dimensions of a price
    tariffs: Tariffs,
    provider: str,
    last: date,
    part: Cell,
    *,
    model: str = "",
    tier: str = "",
    kind: str = "",
) -> Decimal | None:
    place = (model or part.model, tier or part.service_tier, kind or part.token_kind)
    return tariffs.expected_rate(provider, *place, part.day or last).usd_per_token


def _listed(  # noqa: PLR0913 - the dimensions of a price
    tariffs: Tariffs, provider: str, last: date, part: Cell, *, tier: str = "", kind: str = "",
    on: date | None = None,
) -> Decimal | None:  # fmt: skip
    place = (part.model, tier or part.service_tier, kind or part.token_kind)
    return tariffs.list_rate(provider, *place, on or part.day or last)


def _long(tariffs: Tariffs, provider: str, last: date, part: Cell) -> Decimal | None:
    return tariffs.long_rate(provider, part.model, part.token_kind, part.day or last)


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
            told = f"the {words} of tier {other}" + (f" for {tier}" if tiers[1:] else "")
            rate = _only("service_tier", tier, partial(card, tier=other))
            yield Alternative("wrong_service_tier", told, 2, rate)


def _other_lists(parts: Sequence[Cell], listed: Card, month: Month) -> Iterator[Alternative]:
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
