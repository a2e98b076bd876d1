"""List prices by day, tier, length and place: against the library asked directly, and worked by hand."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from genai_prices import Usage, calc_price

from pipeline.contract_settings import Price
from pipeline.period import Month
from pipeline.pricing import RateCard
from pipeline.providers import PROVIDERS
from pipeline.rates.list_prices import last_recorded, list_changes, listed, long_from
from pipeline.rates.sku import Sku
from pipeline.settings import Settings

DAY = date(2026, 10, 7)
CARD = RateCard(Settings(), PROVIDERS)


def usd(card: RateCard, model: str, kind: str = "output", day: date = DAY, tier: str = "standard", **more):
    return card.rate(
        "anthropic" if "claude" in model else "openai", model, tier, kind, day, **more
    ).usd_per_token


def price(kind: str = "output", usd_per_million: str = "9", model: str = "gpt-5", **more) -> Price:
    return Price(
        provider="openai", model=model, token_kind=kind, usd_per_million=Decimal(usd_per_million), **more
    )


def dated_models() -> list[tuple[str, str, date]]:
    models = (("google", "gemini-3.6-flash"), ("google", "gemini-3.7-flash"), ("google", "gemini-3.8-flash"))
    return [(*model, day) for model in models for day in list_changes(*model)]


@pytest.mark.parametrize(("provider", "model", "day"), dated_models())
def test_a_list_price_changes_on_its_day_and_not_before(provider: str, model: str, day: date) -> None:
    def asked(on: date) -> Decimal:
        found = calc_price(
            Usage(input_tokens=1_000_000), model, provider_id=provider,
            genai_request_timestamp=datetime.combine(on, time(12), UTC),
        )  # fmt: skip
        return found.total_price / 1_000_000

    sku = Sku("gcp.gemini", None, model, "standard", "input_uncached")
    eve = day - timedelta(days=1)

    assert listed(provider, sku, day).usd_per_token == asked(day)
    assert listed(provider, sku, eve).usd_per_token == asked(eve)


def test_a_change_of_the_list_splits_the_month_that_it_lies_in() -> None:
    day = max(list_changes("google", "gemini-3.6-flash"))
    assert day.day == 1, "the list has a change at the start of a month, which splits none"
    sku = Sku("gcp.gemini", "a", "gemini-3.6-flash", "standard", "input_uncached")
    provider = next(item for item in PROVIDERS if item.slug == "gcp.gemini")
    assert provider.prices_id == "google"

    before, after = (list(CARD.segments(sku, Month.of_day(day).plus(step))) for step in (-1, 0))

    assert [len(before), len(after)] == [1, 1]
    assert before[0][2].usd_per_token != after[0][2].usd_per_token


# The pricing page: Claude Sonnet 4.5 at 3 and 15 USD up to 200k tokens of input, 6 and 22.50 beyond; reads 0.1,
# writes 1.25 and 2 times the input. The whole request costs the higher price.
@pytest.mark.parametrize(
    ("kind", "short", "long"),
    [
        ("input_uncached", "3", "6"),
        ("output", "15", "22.5"),
        ("cache_read", "0.3", "0.6"),
        ("cache_write_5m", "3.75", "7.5"),
        ("cache_write_1h", "6", "12"),
    ],
)
def test_all_tokens_of_a_long_request_cost_the_higher_price(kind: str, short: str, long: str) -> None:
    model = "claude-sonnet-4-5-20250929"

    found = [usd(CARD, model, kind, context=context) for context in ("short", "all", "long")]

    assert [amount * 1_000_000 for amount in found] == [Decimal(short), Decimal(short), Decimal(long)]
    assert long_from("anthropic", model, DAY) == 200_000


def test_a_model_without_a_long_price_costs_the_same_however_long() -> None:
    assert long_from("anthropic", "claude-opus-4-7", DAY) is None
    assert usd(CARD, "claude-opus-4-7", context="long") == usd(CARD, "claude-opus-4-7")


def test_a_tier_is_found_under_whichever_word_the_list_files_it() -> None:
    assert usd(CARD, "gpt-5", tier="batch") == usd(CARD, "gpt-5") / 2
    assert usd(CARD, "gpt-5", tier="flex") == usd(CARD, "gpt-5") / 2
    assert usd(CARD, "gpt-5", tier="priority") == usd(CARD, "gpt-5") * 2
    assert usd(CARD, "gpt-4o-2024-08-06", tier="flex") is None


def test_processing_in_the_us_costs_a_tenth_more_from_the_4_6_models_on() -> None:
    new, old = "claude-opus-4-6", "claude-opus-4-5"

    assert usd(CARD, new, geography="us") == usd(CARD, new) * Decimal("1.1")
    assert usd(CARD, new, geography="global") == usd(CARD, new)
    assert usd(CARD, old, geography="us") == usd(CARD, old)
    assert usd(CARD, "claude-sonnet-4-5-20250929", geography="us") == usd(CARD, "claude-sonnet-4-5-20250929")


def test_a_configured_price_counts_from_its_first_day_to_before_its_last() -> None:
    prices = (price(valid_from=date(2026, 10, 5), valid_to=date(2026, 10, 9)),)
    card = RateCard(Settings(prices=prices), PROVIDERS)
    mine, listed_usd = Decimal("0.000009"), usd(CARD, "gpt-5")

    found = [usd(card, "gpt-5", day=date(2026, 10, day)) for day in (4, 5, 8, 9)]

    assert found == [listed_usd, mine, mine, listed_usd]


def test_of_two_configured_prices_the_one_that_began_last_counts() -> None:
    prices = (price(usd_per_million="9"), price(usd_per_million="8", valid_from=date(2026, 10, 5)))
    for order in (prices, prices[::-1]):
        card = RateCard(Settings(prices=order), PROVIDERS)
        assert [usd(card, "gpt-5", day=date(2026, 10, day)) * 1_000_000 for day in (4, 5)] == [9, 8]


def test_a_price_for_long_requests_or_a_place_is_for_these_only() -> None:
    prices = (price(usd_per_million="9", context="long"), price(usd_per_million="8", geography="eu"))
    card = RateCard(Settings(prices=prices), PROVIDERS)

    assert usd(card, "gpt-5", context="long") * 1_000_000 == 9
    assert usd(card, "gpt-5", geography="eu") * 1_000_000 == 8
    assert usd(card, "gpt-5", context="short") == usd(card, "gpt-5") == usd(CARD, "gpt-5")


def test_the_version_of_a_card_changes_with_prices_and_contracts_only() -> None:
    same = RateCard(Settings(company="Other"), PROVIDERS)
    priced = RateCard(Settings(prices=(price(),)), PROVIDERS)
    dearer = RateCard(Settings(prices=(price(usd_per_million="9.1"),)), PROVIDERS)

    assert same.version == CARD.version
    assert len({CARD.version, priced.version, dearer.version}) == 3
    assert priced.version.startswith(CARD.version)


def test_the_list_is_as_old_as_its_last_change() -> None:
    known = last_recorded(date(2026, 11, 1))
    assert known is not None
    assert (date(2026, 11, 1) - known).days < 60
    assert last_recorded(known) == known
    assert last_recorded(date(2015, 1, 1)) is None
    assert (date(2031, 1, 1) - (last_recorded(date(2031, 1, 1)) or date.max)).days > 1000
