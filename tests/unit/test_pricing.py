from decimal import Decimal

import polars as pl
import pytest

from pipeline.contract_settings import Price
from pipeline.period import Month
from pipeline.pricing import RateCard, expected_rates
from pipeline.provider import Provider
from pipeline.settings import Settings

PROVIDERS = (
    Provider("openai", "OpenAI", prices_id="openai"),
    Provider("anthropic", "Anthropic", prices_id="anthropic"),
    Provider("house", "In-house"),
)


def rate(
    provider: str, model: str, kind: str, tier: str = "standard", settings: Settings | None = None
) -> Decimal | None:
    keys = pl.DataFrame(
        [(provider, model, tier, kind)],
        schema=["provider", "model", "service_tier", "token_kind"],
        orient="row",
    )
    return expected_rates(keys, Month.parse("2026-10"), RateCard(settings or Settings(), PROVIDERS))[
        "usd_per_token"
    ][0]


@pytest.mark.parametrize(
    ("kind", "usd_per_million"),
    # Anthropic's price page: Claude Sonnet 4.5 at 3 and 15 USD; writes 1.25 and 2 times, reads 0.1 times it.
    [
        ("input_uncached", "3"),
        ("output", "15"),
        ("cache_read", "0.3"),
        ("cache_write_5m", "3.75"),
        ("cache_write_1h", "6"),
    ],
)
def test_the_kinds_of_cached_input_have_their_own_rates(kind: str, usd_per_million: str) -> None:
    assert rate("anthropic", "claude-sonnet-4-5-20250929", kind) == Decimal(usd_per_million) / 1_000_000


def test_batch_costs_half() -> None:
    standard = rate("openai", "gpt-5", "output")
    assert standard == Decimal("0.00001")
    assert rate("openai", "gpt-5", "output", "batch") == standard / 2


def test_what_no_list_knows_is_unknown_and_never_free() -> None:
    assert rate("openai", "no-such-model", "output") is None
    assert rate("openai", "gpt-4o-2024-08-06", "output", "flex") is None
    assert rate("openai", "gpt-4o-2024-08-06", "output", "some-tier") is None
    assert rate("openai", "text-embedding-3-small", "output") is None
    assert rate("house", "llama", "output") is None


def test_a_configured_price_goes_before_the_list() -> None:
    price = Price(provider="openai", model="gpt-5", token_kind="output", usd_per_million=Decimal("7.5"))  # noqa: S106
    assert rate("openai", "gpt-5", "output", settings=Settings(prices=(price,))) == Decimal("0.0000075")
