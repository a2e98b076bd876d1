"""Traps of price lists: a dated name finds the prices of its model, and a tier that it is not sold in has none."""

from datetime import date

import pytest

from pipeline.pricing import RateCard
from pipeline.providers import PROVIDERS
from pipeline.settings import Settings

DAY = date(2026, 10, 20)


@pytest.mark.parametrize("kind", ["input_uncached", "cache_read", "output"])
def test_a_dated_name_costs_what_its_model_costs_in_every_tier(kind: str) -> None:
    card = RateCard(Settings(), PROVIDERS)
    for tier in ("standard", "batch", "flex", "priority"):
        dated = card.rate("openai", "gpt-5-mini-2025-08-07", tier, kind, DAY)
        plain = card.rate("openai", "gpt-5-mini", tier, kind, DAY)
        assert dated.usd_per_token == plain.usd_per_token
        assert dated.usd_per_token is not None


@pytest.mark.parametrize("model", ["gpt-4.1-2025-04-14", "gpt-4.1"])
def test_a_tier_that_a_model_is_not_sold_in_is_unpriced_and_not_the_standard_price(model: str) -> None:
    """OpenAI sells no GPT-4.1 in flex."""
    found = RateCard(Settings(), PROVIDERS).rate("openai", model, "flex", "output", DAY)
    assert found.usd_per_token is None
    assert "flex is not on it" in found.origin
