"""Units off by a power of ten are called out, and nothing else is: no discount, no tier, no premium."""

from decimal import Decimal

import pytest

from pipeline.contract_settings import Price
from pipeline.metering.unit_findings import unit_errors
from pipeline.period import Month
from pipeline.pricing import RateCard
from pipeline.providers import PROVIDERS
from pipeline.settings import Settings
from schemas.tables import BY_NAME

OCTOBER = Month(2026, 10)
SETTINGS = Settings(
    prices=tuple(
        Price(provider="openai", model="m", token_kind=kind, usd_per_million=Decimal(price))
        for kind, price in (("input_uncached", "2"), ("output", "8"))
    )
)


@pytest.fixture
def found(table):
    """Codes and messages of `unit_errors` over lines and a meter; a million input tokens cost 2 dollars."""

    def build(lines: str, meter: str = "", origin: str = "cost") -> list[str]:
        defaults = {"provider": "openai", "account": "main", "month": "2026-10", "model": "m",
                    "service_tier": "all"}  # fmt: skip
        money = {"category": "usage", "token_kind": "input_uncached", "currency": "USD", "origin": origin}
        billed = table(lines, BY_NAME["core.billed"].schema, **defaults, **money)
        schema = BY_NAME["core.metered"].schema
        metered = table(meter, schema, **defaults, meter="usage") if meter else schema.to_frame()
        rows = unit_errors(billed, metered, RateCard(SETTINGS, PROVIDERS), OCTOBER)
        BY_NAME["recon.finding"].contract.validate(rows)
        assert set(rows["code"]) <= {"unit_error"}
        assert set(rows["severity"]) <= {"warning"}
        return sorted(rows["message"].to_list())

    return build


@pytest.mark.parametrize(
    ("factor", "words"),
    [("1000", "1,000 times more than"), ("0.001", "1,000 times less than"), ("100", "100 times more than"),
     ("0.000001", "1,000,000 times less than"), ("10", "10 times more than"), ("1100", "1,000 times more than")],
)  # fmt: skip
def test_a_constant_power_of_ten_is_called_out(found, factor: str, words: str) -> None:
    lines = "quantity | amount_usd\n" + "\n".join(
        f"{tokens} | {Decimal(tokens) * 2 / 1_000_000 * Decimal(factor)}" for tokens in (1000, 250_000, 31)
    )

    (message,) = found(lines)

    assert f"All 3 cost lines of openai account 'main' for 'm' input_uncached charge about {words}" in message
    assert "2.00 USD a million tokens" in message


@pytest.mark.parametrize("factor", ["1", "0.5", "0.75", "1.1", "2", "3.3", "0", "-1", "0.31"])
def test_a_price_that_is_only_another_price_is_none(found, factor: str) -> None:
    assert found(f"quantity | amount_usd\n1000000 | {2 * Decimal(factor)}") == []


def test_a_factor_that_is_not_constant_is_none(found) -> None:
    assert found("quantity | amount_usd\n1000000 | 2000\n1000000 | 2") == []


def test_without_a_price_nothing_is_said(found) -> None:
    assert found("model | quantity | amount_usd\nother | 1000000 | 2000") == []


def test_cents_for_dollars_show_beside_the_meter(found) -> None:
    (message,) = found("quantity | amount_usd\nnull | 150\nnull | 50", "input_uncached_tokens\n1000000")

    assert "All 2 cost lines" in message
    assert "100 times more" in message


@pytest.mark.parametrize("origin", ["cost", "invoice"])
def test_quantities_in_another_unit_than_the_meter_are_called_out(found, origin: str) -> None:
    lines = "quantity | amount_usd\n400 | 0.0008\n600 | 0.0012"

    (message,) = found(lines, "input_uncached_tokens\n1000000", origin)

    assert f"The {origin} lines of openai account 'main' bill 1,000 tokens" in message
    assert "about 1,000 times less than the 1,000,000 of the meter" in message


def test_a_meter_that_is_right_is_no_finding(found) -> None:
    assert found("quantity | amount_usd\n1010000 | 2.02", "input_uncached_tokens\n1000000") == []


def test_a_bill_is_not_compared_with_itself_as_the_meter(found) -> None:
    lines = "quantity | amount_usd\n1000 | 0.002"

    assert found(lines, "input_uncached_tokens | meter\n1000000 | cost") == []
