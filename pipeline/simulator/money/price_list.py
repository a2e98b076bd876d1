"""List prices by date, service tier and kind: what the simulated providers charge without a contract."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from pipeline.simulator.billing import PRICES

Prices = dict[str, Decimal]
"""Kind -> USD per million tokens."""


class Card(NamedTuple):
    """List prices of a model from a day on."""

    since: date
    prices: Prices


_ALWAYS = date(2020, 1, 1)

_CHANGED: dict[str, tuple[Card, ...]] = {
    "gpt-5.6-sol": (
        Card(_ALWAYS, {"input_uncached": Decimal(5), "cache_read": Decimal("0.5"), "output": Decimal(30)}),
        Card(
            date(2026, 8, 21),
            {"input_uncached": Decimal(4), "cache_read": Decimal("0.4"), "output": Decimal(20)},
        ),
    )
}
"""Models whose list price changed; OpenAI's price page before and after 2026-08-21."""

TIERS: dict[str, dict[str, Decimal]] = {
    "gpt-5-mini-2025-08-07": {"flex": Decimal("0.5"), "priority": Decimal("1.8")},
    "gpt-5.1-2025-11-13": {"flex": Decimal("0.5"), "priority": Decimal(2)},
    "gpt-4.1-2025-04-14": {"priority": Decimal("1.75")},
    "gpt-5.6-sol": {"flex": Decimal("0.5"), "priority": Decimal(2)},
    "claude-sonnet-4-6": {"batch": Decimal("0.5")},
    "claude-haiku-4-5-20251001": {"batch": Decimal("0.5")},
}
"""Model -> tier -> factor on the standard price; the price pages of OpenAI and Anthropic."""


def cards(model: str) -> tuple[Card, ...]:
    """Return a model's list prices, the oldest first."""
    return _CHANGED.get(model) or (Card(_ALWAYS, PRICES[model]),)


def kinds(model: str) -> tuple[str, ...]:
    """Return the kinds that a model is sold in."""
    return tuple(cards(model)[0].prices)


def list_price(model: str, tier: str, kind: str, day: date) -> Decimal:
    """Return USD per million tokens on a day."""
    current = [card for card in cards(model) if card.since <= day][-1]
    return current.prices[kind] * _factor(model, tier)


def former_price(model: str, tier: str, kind: str) -> Decimal | None:
    """Return the price of before the last change; None where none is known to have changed."""
    known = cards(model)
    return known[-2].prices[kind] * _factor(model, tier) if len(known) > 1 else None


def _factor(model: str, tier: str) -> Decimal:
    return Decimal(1) if tier == "standard" else TIERS[model][tier]
