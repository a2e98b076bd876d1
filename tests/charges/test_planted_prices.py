"""One planted fault a case: it is found and named with its amount; on a sound bill nothing is."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pipeline.charges.price_findings import price_findings
from tests.charges.bills import LIST, SONNET, daily, effects_of, line, meter, part

TOKENS = {"input_uncached": 2_000_000, "cache_write_1h": 700_000, "cache_read": 5_000_000, "output": 300_000}
"""On each of 31 days."""

USD = pl.Decimal(38, 12)
Tie = Callable[..., Any]


def month(**prices: Callable[[date], Decimal]) -> list[dict[str, Any]]:
    """The cost export of the month, sound but for the given prices a million tokens."""
    sound = {kind: Decimal(12 if kind == "output" else LIST[kind]) for kind in TOKENS}
    return [
        row
        for kind, tokens in TOKENS.items()
        for row in daily(kind, prices.get(kind, lambda _, kind=kind: sound[kind]), tokens)
    ]


def test_a_sound_bill_has_no_effect_and_no_finding(tied: Tie) -> None:
    found = tied(meter(TOKENS), month())
    assert found.effects.is_empty()
    assert price_findings("2026-10", found.charges, found.effects).is_empty()
    assert found.charges["candidates"].null_count() == found.charges.height


# Arithmetic a case: 31 days, tokens in millions a day, and the difference of prices a million.
CASES = {
    "1 h writes at the rate of 5 m": (
        {"cache_write_1h": lambda _: Decimal("3.75")}, "wrong_kind", 31 * Decimal("0.7") * Decimal("-2.25")),
    "cached input at the plain rate": (
        {"cache_read": lambda _: Decimal(3)}, "wrong_kind", 31 * 5 * Decimal("2.7")),
    "the contract is not applied": (
        {"output": lambda _: Decimal(15)}, "contract_not_applied", 31 * Decimal("0.3") * 3),
    "a tier lapses at mid-month": (
        {"output": lambda day: Decimal(15 if day.day >= 16 else 12)}, "lapsed_tier", 16 * Decimal("0.3") * 3),
    "standard traffic at the batch rate": (
        {"input_uncached": lambda _: Decimal("1.5")}, "wrong_service_tier", 31 * 2 * Decimal("-1.5")),
    "a surcharge for the US": (
        {"input_uncached": lambda _: Decimal("3.3")}, "geography", 31 * 2 * Decimal("0.3")),
    "dollars as cents": (
        {"input_uncached": lambda _: Decimal(300)}, "unit", 31 * 2 * Decimal(297)),
    "a rate that nobody knows": (
        {"input_uncached": lambda _: Decimal("3.17")}, "unexplained_price", 31 * 2 * Decimal("0.17")),
    "free tokens": (
        {"input_uncached": lambda _: Decimal(0)}, "not_charged", 31 * 2 * Decimal(-3)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_planted_price_is_named_with_its_amount(tied: Tie, name: str) -> None:
    prices, effect, usd = CASES[name]
    found = tied(meter(TOKENS), month(**prices))
    assert effects_of(found) == {effect: usd}
    assert part(found, "price") == round(usd, 2)
    told = price_findings("2026-10", found.charges, found.effects)
    code = effect if effect == "unexplained_price" else f"price_{effect}"
    assert (told["code"].to_list(), told["usd"].to_list()) == ([code], [usd])
    assert (
        found.charges.filter(price_usd=0)["candidates"].null_count()
        == found.charges.filter(price_usd=0).height
    )


def test_an_invoice_of_a_month_tells_from_which_day_on_the_contract_was_not_applied(tied: Tie) -> None:
    # 300,000 tokens a day: 15 days at 12 a million make 54, 16 days at 15 make 72.
    rows = [line("126.00", "output", quantity=Decimal(9_300_000), quantity_step=Decimal(1))]
    found = tied(meter({"output": 300_000}), rows)
    assert effects_of(found) == {"lapsed_tier": Decimal("14.4")}
    assert found.effects["reason"][0] == "the list price from 2026-10-16 on"


def test_the_list_of_another_day_is_named(tied: Tie) -> None:
    # o3 cost 10 dollars a million until 2025-06-09 and 2 since then: openai.com, pricing.
    rows = [line("50.00", "input_uncached", provider="openai", model="o3", quantity=Decimal(5_000_000))]
    metered = meter({"input_uncached": 5_000_000}, days=1).with_columns(
        provider=pl.lit("openai"), model=pl.lit("o3"), usd_per_token=pl.lit(Decimal("0.000002")).cast(USD)
    )
    found = tied(metered, rows)
    assert effects_of(found) == {"list_change": Decimal(40)}
    assert found.effects["reason"][0].startswith("the list price of 2025-0")


def test_a_long_request_is_named(tied: Tie) -> None:
    # Claude Sonnet 4.5 costs 3 dollars a million, and 6 for requests beyond 200,000 tokens.
    model = "claude-sonnet-4-5"
    rows = [line("24.00", "input_uncached", model=model, quantity=Decimal(4_000_000))]
    found = tied(meter({"input_uncached": 4_000_000}, days=1).with_columns(model=pl.lit(model)), rows)
    assert effects_of(found) == {"long_context": Decimal(12)}


def test_the_rate_of_another_model_is_named(tied: Tie) -> None:
    # Haiku 4.5 costs 0.10 a million cached tokens, Sonnet 0.30: a third, which no kind, tier or length makes.
    rows = [line("1.00", "cache_read", quantity=Decimal(10_000_000))]
    found = tied(meter({"cache_read": 10_000_000}, days=1), rows)
    assert effects_of(found) == {"wrong_model": Decimal(-2)}


def test_what_two_rates_explain_alike_is_booked_to_neither(tied: Tie) -> None:
    # At 50 % off list for cached reads of this model, batch and the rate of cached reads cost the same.
    rows = [line("1.25", "input_uncached", provider="openai", model="gpt-4o", quantity=Decimal(1_000_000))]
    metered = meter({"input_uncached": 1_000_000}, days=1).with_columns(
        provider=pl.lit("openai"),
        model=pl.lit("gpt-4o"),
        usd_per_token=pl.lit(Decimal("0.0000025")).cast(USD),
    )
    found = tied(metered, rows)
    assert effects_of(found) == {"unexplained_price": Decimal("-1.25")}
    assert found.effects["reason"][0] == "ambiguous between wrong_kind and wrong_service_tier"
    assert "cache_read" in found.charges["candidates"][0]
    told = price_findings("2026-10", found.charges, found.effects)
    assert "ambiguous between wrong_kind and wrong_service_tier" in told["message"][0]
    assert "--invoice INV --line 1" in told["advice"][0]


def test_lines_in_whole_cents_tell_together_what_each_alone_cannot(tied: Tie) -> None:
    # 4,000 tokens a day at 6 a million are 2.4 cents, billed as 1.5: in cents, 2 and 1 or 2.
    tokens = {"cache_write_1h": 400_000}
    rows = [
        row | {"amount": round(row["amount"], 2), "amount_usd": round(row["amount"], 2), "quantity": None}
        for row in daily("cache_write_1h", lambda _: Decimal("3.75"), 400_000)
    ]
    found = tied(meter(tokens), rows)
    assert effects_of(found) == {"wrong_kind": 31 * Decimal("0.4") * Decimal("-2.25")}
    sound = [row | dict.fromkeys(("amount", "amount_usd"), Decimal("2.40")) for row in rows]
    assert effects_of(tied(meter(tokens), sound)) == {}


def test_one_hour_writes_inside_a_line_of_a_model_are_named(tied: Tie) -> None:
    # An invoice that tells models only: 1 h writes at 3.75 in place of 6, the rest as it should be.
    metered = meter({"input_uncached": 1_000_000, "cache_write_1h": 200_000, "output": 50_000}, days=10)
    amount = 10 * (Decimal(3) + Decimal("0.75") + Decimal("0.6"))
    found = tied(metered, [line(amount, model=SONNET)])
    assert effects_of(found) == {"wrong_kind": Decimal("-4.5")}
    assert found.effects["reason"][0] == "the rate of cache_write_5m for cache_write_1h"


@pytest.mark.parametrize("is_counted", [True, False])
def test_tokens_of_one_kind_on_the_line_of_another_are_named(tied: Tie, is_counted: bool) -> None:
    # 200,000 writes for 5 minutes and 800,000 for an hour, all on the line of the first: 800,000 times 2.25.
    metered = meter({"cache_write_5m": 200_000, "cache_write_1h": 800_000}, days=2)
    rows = daily("cache_write_5m", lambda _: Decimal("3.75"), 1_000_000, days=2)
    found = tied(metered, rows if is_counted else [row | {"quantity": None} for row in rows])
    assert effects_of(found) == {"wrong_kind": 2 * Decimal("0.8") * Decimal("-2.25")}
    assert found.effects["reason"][0] == "the rate of cache_write_5m for cache_write_1h"
    assert part(found, "quantity") == 0
