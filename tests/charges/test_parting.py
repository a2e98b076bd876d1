"""Lines without tier or day are told apart by their numbers, and what they leave open by their neighbours."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pipeline.charges.search import PriceSearch
from pipeline.charges.tariffs import Tariffs
from pipeline.contract_settings import Contract
from pipeline.period import Month
from pipeline.pricing import RateCard
from pipeline.providers import PROVIDERS
from pipeline.settings import Settings
from pipeline.tieout import Tied, tie_out
from tests.charges.bills import SONNET, assert_adds_up, daily, effects_of, frame, line, meter, part

USD = pl.Decimal(38, 12)
Tie = Callable[..., Any]


def tiers(kind: str, tokens: dict[str, int], rates: dict[str, str], days: int = 31) -> pl.DataFrame:
    """The meter of several tiers of one kind: tokens a day, and dollars a million."""
    parts = [
        meter({kind: count}, days).with_columns(
            service_tier=pl.lit(tier), usd_per_token=pl.lit(Decimal(rates[tier]) / 1_000_000).cast(USD)
        )
        for tier, count in tokens.items()
    ]
    return pl.concat(parts)


def exported(kind: str, tokens: int, price: str) -> list[dict[str, Any]]:
    return daily(kind, lambda _: Decimal(price), tokens)


def test_a_line_with_as_many_tokens_as_one_tier_is_of_that_tier(tied: Tie) -> None:
    """Sonnet: 3 dollars a million of input, 1.50 in batch. Batch is charged a thousand times too much."""
    metered = tiers("input_uncached", {"standard": 900, "batch": 700}, {"standard": "3", "batch": "1.5"})
    found = tied(metered, [*exported("input_uncached", 900, "3"), *exported("input_uncached", 700, "1500")])
    assert effects_of(found) == {"unit": 31 * Decimal(700) * Decimal("1498.5") / 1_000_000}
    named = found.effects.filter(pl.col("effect") == "unit")
    assert named["reason"].unique().to_list() == ["1000 times the expected rate"]
    assert part(found, "quantity") == 0


def test_a_line_that_counts_no_tier_is_not_given_one(tied: Tie) -> None:
    metered = tiers("input_uncached", {"standard": 900, "batch": 700}, {"standard": "3", "batch": "1.5"}, 1)
    quantity = Decimal(1600)
    found = tied(metered, [line("0.00375", "input_uncached", quantity=quantity, billed_on=date(2026, 10, 1))])
    assert found.effects.is_empty()
    assert found.charges["expected_unit_price"].null_count() == found.charges.height


ORDERS = {"in their order": (0, 1), "the later first": (1, 0)}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("copies", [1, 2])
def test_lines_without_a_day_are_for_the_days_whose_tokens_they_count(
    tied: Tie, order: str, copies: int
) -> None:
    """12 dollars a million of output until the 12th, then 15; the first line may stand there twice.

    100,000 tokens a day and one more each day: no other days make these numbers.
    """
    metered = meter({"output": 100_000}).with_columns(tokens=100_000 + pl.int_range(pl.len()))
    counts = [100_000 + nth for nth in range(31)]
    first, second = sum(counts[:12]), sum(counts[12:])
    lines = [
        line(Decimal(first) * 12 / 1_000_000, "output", quantity=Decimal(first), line_item="output"),
        line(Decimal(second) * 15 / 1_000_000, "output", quantity=Decimal(second), line_item="output"),
    ]
    rows = [lines[nth] for nth in ORDERS[order]] + [lines[0]] * (copies - 1)
    found = tied(metered, rows)
    assert effects_of(found) == {"lapsed_tier": Decimal(second) * 3 / 1_000_000}
    assert found.effects["reason"][0] == "the list price from 2026-10-13 on"
    assert part(found, "quantity") == round((copies - 1) * Decimal(first) * 12 / 1_000_000, 2)


def test_a_price_of_another_kind_is_that_of_the_accounts_contract() -> None:
    """Cached input at the agreed price of plain input, 2.60, which is no list price."""
    contract = {
        "name": "agreed", "provider": "anthropic", "account": "acme", "models": [f"{SONNET}*"],
        "usd_per_million": {"input_uncached": "2.6", "cache_read": "0.25"}, "valid_from": date(2026, 1, 1),
        "token_kinds": ["input_uncached", "cache_read"],
    }  # fmt: skip
    settings = Settings(contracts=(Contract.model_validate(contract),))
    search = PriceSearch(
        Tariffs(RateCard(settings, PROVIDERS)), Month.parse("2026-10"), {"anthropic": [SONNET]}
    )
    metered = meter({"cache_read": 1_000_000}).with_columns(
        usd_per_token=pl.lit(Decimal("0.25") / 1_000_000).cast(USD)
    )
    found = tie_out(metered, frame(exported("cache_read", 1_000_000, "2.6")), "2026-10", search)
    assert_adds_up(found)
    assert effects_of(found) == {"wrong_kind": 31 * Decimal("2.35")}


def cents(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows as a Console writes them: whole cents, and no quantity."""
    told = [round(row["amount"], 2) for row in rows]
    return [
        row | {"amount": usd, "amount_usd": usd, "quantity": None}
        for row, usd in zip(rows, told, strict=True)
    ]


@pytest.fixture
def discounted() -> Callable[..., Tied]:
    """Tie out an account with a fifth off its list prices."""
    contract = {
        "name": "a fifth", "provider": "anthropic", "account": "acme", "models": [f"{SONNET}*"],
        "discount_percent": "20", "valid_from": date(2026, 1, 1), "service_tiers": ["standard"],
    }  # fmt: skip
    card = RateCard(Settings(contracts=(Contract.model_validate(contract),)), PROVIDERS)
    search = PriceSearch(Tariffs(card), Month.parse("2026-10"), {"anthropic": [SONNET]})

    def run(tokens: dict[str, int], rows: list[dict[str, Any]]) -> Tied:
        parts = []
        for kind, count in tokens.items():
            rate = card.rate("anthropic", SONNET, "standard", kind, date(2026, 10, 1), account="acme")
            parts.append(
                meter({kind: count}).with_columns(usd_per_token=pl.lit(rate.usd_per_token).cast(USD))
            )
        found = tie_out(pl.concat(parts), frame(rows), "2026-10", search)
        assert_adds_up(found)
        return found

    return run


def priced(listed: str, since: int) -> Callable[[date], Decimal]:
    """A fifth off before a day of the month, the list price from it on."""
    return lambda day: Decimal(listed) * (1 if day.day >= since else Decimal("0.8"))


def test_a_kind_that_rounding_leaves_open_is_at_the_rate_of_the_kinds_beside_it(
    discounted: Callable[..., Tied],
) -> None:
    """From the 20th on at list. Of the cached reads, 27 cents a day, a fifth is six times what rounding hides."""
    tokens = {"input_uncached": 1_000_000, "output": 200_000, "cache_read": 900_000}
    rows = [
        *cents(daily("input_uncached", priced("3", 20), 1_000_000)),
        *cents(daily("output", priced("15", 20), 200_000)),
        *cents(daily("cache_read", priced("0.3", 20), 900_000)),
    ]
    found = discounted(tokens, rows)
    fifths = Decimal("0.6") + Decimal("0.6") + Decimal("0.054")
    assert effects_of(found) == {"lapsed_tier": 12 * fifths}
    assert set(found.effects.filter(pl.col("effect") == "lapsed_tier")["reason"]) == {
        "the list price from 2026-10-20 on"
    }


def test_a_day_on_which_rounding_hides_the_list_price_does_not_gainsay_the_lapse(
    discounted: Callable[..., Tied],
) -> None:
    """The 25th has 30,000 cached tokens: 0.72 cents under the contract and 0.90 at list, a cent either way."""
    rows = daily("cache_read", priced("0.3", 20), 900_000)
    tokens = {"cache_read": 900_000, "input_uncached": 1_000_000}
    plain = cents(daily("input_uncached", priced("3", 20), 1_000_000))
    rows[24] = daily("cache_read", priced("0.3", 20), 30_000)[24]
    found = discounted(tokens, [*plain, *cents(rows)])
    assert "lapsed_tier" in effects_of(found)
    named = found.effects.filter(
        (pl.col("token_kind") == "input_uncached") & (pl.col("effect") != "rounding")
    )
    assert set(named["effect"]) == {"lapsed_tier"}


def test_a_place_is_tried_for_providers_whose_price_for_it_is_known(tied: Tie) -> None:
    """A tenth more on OpenAI's tokens: nobody says that a place costs it there."""
    rows = [line("2.75", "input_uncached", provider="openai", model="gpt-4o", quantity=Decimal(1_000_000))]
    metered = meter({"input_uncached": 1_000_000}, days=1).with_columns(
        provider=pl.lit("openai"),
        model=pl.lit("gpt-4o"),
        usd_per_token=pl.lit(Decimal("0.0000025")).cast(USD),
    )
    found = tied(metered, rows)
    assert effects_of(found) == {"unexplained_price": Decimal("0.25")}
    assert "geography" not in (found.charges["candidates"][0] or "")


def test_nothing_in_whole_cents_may_be_too_little_to_show(tied: Tie) -> None:
    """900,000 tokens at a thousandth of 3 dollars a million are a quarter of a cent; with all digits they show."""
    found = tied(meter({"input_uncached": 900_000}), cents(exported("input_uncached", 900_000, "0.003")))
    assert set(effects_of(found)) == {"not_charged"}
    assert "unit would look alike" in found.effects["reason"][0]
    exact = [*exported("input_uncached", 900_000, "0"), *exported("output", 333, "12")]
    found = tied(meter({"input_uncached": 900_000, "output": 333}), exact)
    assert found.effects["reason"][0] == "the line carries tokens and no money"
