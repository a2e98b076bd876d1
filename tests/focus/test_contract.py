"""The rules of FOCUS that our rows are held to: a sound row passes, and each broken one is named."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from pipeline.contracts import validate
from pipeline.errors import ContractError
from schemas.tables import BY_NAME
from tests.focus.rows import frame

OCTOBER, NOVEMBER = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)
USAGE: dict[str, Any] = {
    "BilledCost": Decimal(6), "EffectiveCost": Decimal(6), "BillingCurrency": "USD", "ChargeCategory": "Usage",
    "BillingPeriodStart": OCTOBER, "BillingPeriodEnd": NOVEMBER, "ChargePeriodStart": OCTOBER,
    "ChargePeriodEnd": datetime(2026, 10, 2, tzinfo=UTC), "ChargeFrequency": "Usage-Based",
    "ConsumedQuantity": Decimal(2_000_000), "ConsumedUnit": "Tokens", "PricingQuantity": Decimal(2),
    "PricingUnit": "1000000 Tokens", "ListUnitPrice": Decimal(4), "ListCost": Decimal(8),
    "ContractedUnitPrice": Decimal(3), "ContractedCost": Decimal(6), "PricingCategory": "Standard",
    "ServiceCategory": "AI and Machine Learning", "ServiceSubcategory": "Generative AI", "SkuId": "openai/m/output",
    "SkuMeter": "m, output", "SkuPriceId": "openai/m/output", "SkuPriceDetails": '{"x_ModelId": "m"}',
    "x_ReconState": "matched", "x_TokenDirection": "Input", "x_TokenCacheAction": "Read",
}  # fmt: skip
NOTHING = dict.fromkeys(
    ("ConsumedQuantity", "ConsumedUnit", "PricingQuantity", "PricingUnit", "ListUnitPrice", "ContractedUnitPrice",
     "PricingCategory", "SkuId", "SkuMeter", "SkuPriceId", "SkuPriceDetails", "x_TokenDirection", "x_TokenCacheAction")
)  # fmt: skip
PLAIN = (
    USAGE | NOTHING | {"ListCost": Decimal(6), "ContractedCost": Decimal(6), "ChargeFrequency": "One-Time"}
)
TAX, CREDIT = PLAIN | {"ChargeCategory": "Tax"}, PLAIN | {"ChargeCategory": "Credit"}
PURCHASE = PLAIN | {
    "ChargeCategory": "Purchase", "EffectiveCost": Decimal(0), "PricingQuantity": Decimal(1), "PricingUnit": "Units",
    "ListUnitPrice": Decimal(6), "ContractedUnitPrice": Decimal(6), "SkuId": "s", "SkuPriceId": "s",
}  # fmt: skip
CORRECTION = USAGE | {
    "ChargeClass": "Correction", "BillingPeriodStart": NOVEMBER, "BillingPeriodEnd": DECEMBER, "ListCost": Decimal(7),
}  # fmt: skip

BROKEN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "ends are exclusive and after their starts": (USAGE, {"ChargePeriodEnd": OCTOBER}),
    "a Correction is billed in a later period than its charge": (
        CORRECTION, {"BillingPeriodStart": OCTOBER, "BillingPeriodEnd": NOVEMBER}),
    "quantity and unit are both null or both set": (USAGE, {"ConsumedUnit": None}),
    "ConsumedQuantity is null unless ChargeCategory is Usage": (
        CREDIT, {"ConsumedQuantity": Decimal(1), "ConsumedUnit": "Tokens"}),
    "ListUnitPrice times PricingQuantity is ListCost": (USAGE, {"ListCost": Decimal("8.01")}),
    "ContractedUnitPrice times PricingQuantity is ContractedCost": (CREDIT, {"ContractedCost": Decimal(0)}),
    "a unit price has a quantity": (CORRECTION, {"PricingQuantity": None, "PricingUnit": None}),
    "Tax has no SKU, price or quantity": (TAX, {"SkuId": "s"}),
    "SkuMeter needs SkuId, SkuPriceDetails needs SkuPriceId": (CREDIT, {"SkuMeter": "m"}),
    "a Purchase is not Usage-Based": (PURCHASE, {"ChargeFrequency": "Usage-Based"}),
    "EffectiveCost of a Purchase of credit is 0": (PURCHASE, {"EffectiveCost": Decimal(6)}),
    "EffectiveCost is BilledCost and what prepaid credit pays": (USAGE, {"x_PrepaidCost": Decimal(1)}),
    "EffectiveCost of a Credit is BilledCost": (CREDIT, {"BilledCost": Decimal(5), "x_PrepaidCost": Decimal(1)}),
    "a cache action is one of input tokens": (USAGE, {"x_TokenDirection": "Output"}),
}  # fmt: skip
COLUMNS: dict[str, dict[str, Any]] = {
    "ChargeCategory: isin": {"ChargeCategory": "Fee"},
    "ChargeClass: isin": {"ChargeClass": "Refund"},
    "ChargeFrequency: isin": {"ChargeFrequency": "Daily"},
    "PricingCategory: isin": {"PricingCategory": "On-Demand"},
    "ServiceCategory: isin": {"ServiceCategory": "AI"},
    "ServiceSubcategory: isin": {"ServiceSubcategory": "LLM"},
    "BillingCurrency: str_matches": {"BillingCurrency": "usd"},
    "InvoiceId: str_matches": {"InvoiceId": " "},
    "SkuPriceDetails: str_matches": {"SkuPriceDetails": "{}"},
    "ListUnitPrice: greater_than_or_equal_to": {"ListUnitPrice": Decimal(-4), "ListCost": Decimal(-8)},
    "BilledCost: not_nullable": {"BilledCost": None},
    "ListCost: not_nullable": {"ListCost": None},
}


def check(row: dict[str, Any]) -> None:
    validate(BY_NAME["report.allocation"], frame("report.allocation", [row, USAGE]))


@pytest.mark.parametrize("row", [USAGE, PLAIN, TAX, CREDIT, PURCHASE, CORRECTION])
def test_a_sound_row_keeps_all_rules(row: dict[str, Any]) -> None:
    check(row)


@pytest.mark.parametrize("sentence", BROKEN)
def test_a_row_that_breaks_a_rule_is_refused_with_its_name(sentence: str) -> None:
    sound, change = BROKEN[sentence]
    with pytest.raises(ContractError) as told:
        check(sound | change)
    assert [line.split(": ")[1].split(" (at ")[0] for line in told.value.args[0].splitlines()[1:]] == [
        sentence
    ]


@pytest.mark.parametrize("name", COLUMNS)
def test_a_value_that_focus_does_not_allow_is_refused(name: str) -> None:
    with pytest.raises(ContractError, match=name):
        check(USAGE | COLUMNS[name])


def test_every_rule_over_columns_has_a_row_that_breaks_it() -> None:
    rules = BY_NAME["report.allocation"].contract.to_schema().checks
    assert {check.name for check in rules} == set(BROKEN)


LINE = {
    "BilledCost": Decimal(5), "BillingCurrency": "USD", "PaymentCurrency": "USD", "PaymentCurrencyBilledCost": Decimal(5),
    "ChargeCategory": "Usage", "InvoiceDetailId": "1", "PaymentCurrencyInvoiceDetailId": "1",
    "InvoiceIssueStatus": "Issued", "BillingPeriodStart": OCTOBER, "BillingPeriodEnd": NOVEMBER,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, None),
        ({"PaymentCurrency": "EUR", "PaymentCurrencyBilledCost": Decimal(4)}, None),
        (
            {"PaymentCurrencyBilledCost": Decimal(4)},
            "in one currency BilledCost is PaymentCurrencyBilledCost",
        ),
        ({"BilledCost": None}, "in one currency BilledCost is PaymentCurrencyBilledCost"),
        ({"PaymentCurrencyInvoiceDetailId": "2"}, "PaymentCurrencyInvoiceDetailId is the line itself"),
        ({"BillingPeriodEnd": OCTOBER}, "BillingPeriodEnd is exclusive and after BillingPeriodStart"),
        ({"InvoiceIssueStatus": "Paid"}, "InvoiceIssueStatus: isin"),
        ({"PaymentCurrency": "Euro"}, "PaymentCurrency: str_matches"),
        ({"ReferenceInvoiceId": None}, "ReferenceInvoiceId: not_nullable"),
    ],
)
def test_a_line_of_an_invoice_is_held_to_its_rules(change: dict[str, Any], told: str | None) -> None:
    row = frame("report.invoice_detail", [LINE | change])
    if told is None:
        validate(BY_NAME["report.invoice_detail"], row)
        return
    with pytest.raises(ContractError, match=told):
        validate(BY_NAME["report.invoice_detail"], row)


PERIOD = {"BillingPeriodStart": OCTOBER, "BillingPeriodEnd": NOVEMBER, "x_BillingMonth": "2026-10"}


@pytest.mark.parametrize(
    ("change", "is_sound"),
    [
        ({"BillingPeriodStatus": "Open"}, True),
        ({"BillingPeriodStatus": "Closed"}, False),
        (
            {
                "BillingPeriodStatus": "Closed",
                "BillingPeriodCreated": NOVEMBER,
                "BillingPeriodLastUpdated": DECEMBER,
            },
            True,
        ),
        (
            {
                "BillingPeriodStatus": "Closed",
                "BillingPeriodCreated": DECEMBER,
                "BillingPeriodLastUpdated": NOVEMBER,
            },
            False,
        ),
    ],
)
def test_a_closed_period_says_when_it_was_closed(change: dict[str, Any], is_sound: bool) -> None:
    row = frame("report.billing_period", [PERIOD | change])
    if is_sound:
        validate(BY_NAME["report.billing_period"], row)
        return
    with pytest.raises(ContractError, match="a closed period says when it was closed"):
        validate(BY_NAME["report.billing_period"], row)
