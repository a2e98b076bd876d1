"""Shares of billed lines as charges of FOCUS, with the arithmetic written out."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pipeline.contracts import validate
from pipeline.focus.allocation import cost_and_usage
from schemas.tables import BY_NAME
from tests.focus.months import CHARGE, MONTH, NO_COST, PER_TOKEN, arrivals, share, tables
from tests.focus.rows import frame

TOKENS = {"model": "gpt-5", "token_kind": "output", "service_tier": "standard"}
RATE = {
    **TOKENS, "context": "all", "geography": "all", "valid_from": MONTH.first_day, "valid_to": MONTH.next.first_day,
    "usd_per_token": PER_TOKEN, "list_usd_per_token": Decimal("0.000004"),
}  # fmt: skip


def charged(
    found: dict[str, pl.DataFrame], invoices: list[dict[str, Any]], cost: pl.DataFrame = NO_COST
) -> pl.DataFrame:
    rows = cost_and_usage(found, cost, arrivals(invoices))
    validate(BY_NAME["report.allocation"], rows)
    return rows


def counted(*shares: dict[str, Any], rates: list[dict[str, Any]] | None = None, **line: Any) -> pl.DataFrame:
    """A line of 3,000,000 tokens at a contracted 3 dollars a million, list 4."""
    own = CHARGE | TOKENS | {"expected_unit_price": PER_TOKEN, "line_item": "gpt-5, output"} | line
    found = tables(allocation=list(shares), charge=[own], expected_rate=[RATE] if rates is None else rates)
    return charged(found, [{}])


def test_tokens_are_priced_a_million_and_costs_are_price_times_quantity() -> None:
    two = counted(
        share(6, tokens=2_000_000, **TOKENS),
        share(3, team="blue", tokens=1_000_000, method="evidence", **TOKENS),
    )
    names = ("x_Team", "BilledCost", "PricingQuantity", "ListCost", "ContractedCost", "x_ReconState")
    assert two.select(names).rows() == [
        ("red", Decimal(6), Decimal(2), Decimal(8), Decimal(6), "matched"),
        ("blue", Decimal(3), Decimal(1), Decimal(4), Decimal(3), "matched-by-allocation"),
    ]
    first = two.row(0, named=True)
    assert (first["ListUnitPrice"], first["ContractedUnitPrice"]) == (Decimal(4), Decimal(3))
    assert (first["ConsumedQuantity"], first["ConsumedUnit"], first["PricingUnit"]) == (
        2_000_000,
        "Tokens",
        "1000000 Tokens",
    )
    assert first["SkuPriceId"] == "openai/gpt-5/output/standard"
    assert json.loads(first["SkuPriceDetails"]) == {"x_ModelId": "gpt-5", "x_TokenDirection": "Output"}
    assert (first["x_ModelDeveloper"], first["x_TokenCacheAction"]) == ("OpenAI", None)


def test_the_ratios_of_a_line_add_up_to_one() -> None:
    rows = counted(*(share(usd, team=str(usd)) for usd in (1, 1, 1)))
    ratios = [
        json.loads(text, parse_float=Decimal)["Elements"][0]["AllocatedRatio"]
        for text in rows["x_AllocatedMethodDetails"]
    ]
    assert sum(ratios) == 1
    assert ratios[2] == Decimal("0.333333333333")


def test_the_initiating_view_is_not_counted_again() -> None:
    rows = counted(share(6, tokens=1, **TOKENS), share(6, view="initiating", team="blue", tokens=1, **TOKENS))
    assert rows.select("x_Team", "BilledCost").rows() == [("red", Decimal(6))]


@pytest.mark.parametrize(
    ("rates", "price"),
    [
        ([], None),
        ([RATE | {"list_usd_per_token": None}], None),
        (
            [
                RATE,
                RATE
                | {
                    "context": "long",
                    "usd_per_token": Decimal("0.000006"),
                    "list_usd_per_token": Decimal("0.000008"),
                },
            ],
            4,
        ),
        ([RATE, RATE | {"context": "long", "list_usd_per_token": Decimal("0.000008")}], None),
        (
            [
                RATE | {"valid_to": date(2026, 10, 5)},
                RATE | {"valid_from": date(2026, 10, 5), "list_usd_per_token": Decimal("0.000009")},
            ],
            None,
        ),
        ([RATE | {"service_tier": "batch"}], None),
    ],
)
def test_a_list_price_is_known_when_only_one_can_be_the_lines(
    rates: list[dict[str, Any]], price: int | None
) -> None:
    row = counted(share(6, tokens=2_000_000, **TOKENS), rates=rates).row(0, named=True)
    assert row["ListUnitPrice"] == price
    assert row["ListCost"] == (Decimal(6) if price is None else price * 2)  # what is billed, never zero


def test_a_day_tells_which_of_two_prices_it_is() -> None:
    rates = [
        RATE | {"valid_to": date(2026, 10, 5)},
        RATE | {"valid_from": date(2026, 10, 5), "list_usd_per_token": Decimal("0.000009")},
    ]
    row = counted(share(6, tokens=1_000_000, **TOKENS), rates=rates, billed_on=date(2026, 10, 5)).row(
        0, named=True
    )
    assert row["ListUnitPrice"] == 9
    assert row["ChargePeriodStart"] == datetime(2026, 10, 5, tzinfo=UTC)
    assert row["ChargePeriodEnd"] == datetime(2026, 10, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("category", "pool", "wanted"),
    [
        ("usage", "usage", "Usage"), ("usage", "unexplained", "Usage"), ("usage", "currency", "Adjustment"),
        ("fee", "fees", "Usage"), ("minimum", "idle", "Adjustment"), ("credit", "credits", "Credit"),
        ("discount", "discounts", "Credit"), ("tax", "tax", "Tax"), ("tax", "rounding", "Adjustment"),
        ("rounding", "rounding", "Adjustment"), ("adjustment", "usage", "Adjustment"),
    ],
)  # fmt: skip
def test_what_a_share_is_to_focus(category: str, pool: str, wanted: str) -> None:
    own = {"category": category, "line_item": "what it is"}
    found = tables(allocation=[share(-2, category=category, pool=pool)], charge=[CHARGE | own])
    row = charged(found, [{}]).row(0, named=True)
    assert (row["ChargeCategory"], row["BilledCost"], row["ListCost"]) == (wanted, -2, -2)
    assert (row["SkuId"] is not None) == (wanted == "Usage")


def test_a_fee_has_its_quantity_in_the_unit_of_the_bill_shared_like_its_dollars() -> None:
    fee = CHARGE | {
        "category": "fee",
        "line_item": "Web search",
        "quantity": Decimal(1000),
        "file_id": "f",
        "line": 1,
        "position": 1,
    }
    found = tables(
        allocation=[
            share(9, category="fee", pool="fees"),
            share(1, category="fee", pool="fees", team="blue"),
        ],
        charge=[fee],
    )
    rows = charged(found, [{"quantity_unit": "requests", "position": 1}])
    assert rows.select("ConsumedQuantity", "ConsumedUnit", "PricingUnit").rows() == [
        (Decimal(900), "requests", "requests"), (Decimal(100), "requests", "requests"),
    ]  # fmt: skip


def test_usage_that_nobody_counted_has_no_quantity_and_its_cost_is_what_is_billed() -> None:
    row = charged(tables(allocation=[share(7)], charge=[CHARGE]), [{}]).row(0, named=True)
    assert [row[name] for name in ("ConsumedQuantity", "PricingQuantity", "ListUnitPrice", "SkuId")] == [
        None
    ] * 4
    assert (row["ListCost"], row["ContractedCost"], row["EffectiveCost"]) == (7, 7, 7)


def test_a_line_with_an_unexplained_price_or_quantity_is_open_and_one_without_an_invoice_is_awaited() -> None:
    lines = [
        {"line_number": 1},
        {"line_number": 2, "quantity_usd": Decimal(1)},
        {"line_number": 3},
        {"line_number": 4, "invoice_id": None},
    ]
    shares = [
        share(1, **({"invoice_id": "INV"} | {k: v for k, v in line.items() if k != "quantity_usd"}))
        for line in lines
    ]
    effects = [{"invoice_id": "INV", "line_number": 3, "effect": "unexplained_price", "usd": Decimal(1)}]
    rows = charged(
        tables(allocation=shares, charge=[CHARGE | line for line in lines], price_effect=effects), [{}]
    )
    assert rows.sort("x_InvoiceLineNumber")["x_ReconState"].to_list() == [
        "matched",
        "open",
        "open",
        "awaiting-invoice",
    ]


CREDIT_NOTE = {
    "invoice_id": "CN",
    "reference_invoice_id": "INV",
    "issued_on": date(2026, 12, 9),
    "amount": Decimal(-5),
}


@pytest.mark.parametrize(
    ("issued_on", "told", "period"),
    [
        (date(2026, 12, 9), "Correction", 12),
        (date(2026, 11, 1), "Correction", 11),
        (date(2026, 10, 30), None, 10),
        (None, None, 10),
    ],
)
def test_a_correction_is_billed_in_the_month_of_its_issue_for_the_period_of_the_charge(
    issued_on: date | None, told: str | None, period: int
) -> None:
    line = CHARGE | {"invoice_id": "CN", "category": "adjustment", "charge_class": "Correction"}
    found = tables(allocation=[share(-5, invoice_id="CN", category="adjustment")], charge=[line])
    row = charged(found, [CREDIT_NOTE | {"issued_on": issued_on}]).row(0, named=True)
    assert (row["ChargeClass"], row["x_ReferenceInvoiceId"]) == (told, "INV")
    assert row["BillingPeriodStart"] == datetime(2026, period, 1, tzinfo=UTC)
    assert row["ChargePeriodStart"] == datetime(2026, 10, 1, tzinfo=UTC)


def test_a_correction_of_an_itemised_bill_is_billed_in_the_period_that_the_bill_names() -> None:
    place = {"file_id": "c", "line": 1, "position": 1}
    dimensions = json.dumps({"billing_period": "2026-11", "charge_class": "Correction"})
    line = CHARGE | place | {"invoice_id": None, "charge_class": "Correction", "billed_on": date(2026, 10, 3)}
    rows = charged(
        tables(allocation=[share(-1, invoice_id=None)], charge=[line]),
        [],
        frame("raw.cost", [place | {"dimensions": dimensions}]),
    )
    assert rows.select("ChargeClass", "BillingPeriodStart").row(0) == (
        "Correction",
        datetime(2026, 11, 1, tzinfo=UTC),
    )


def test_periods_are_those_of_the_providers_zone() -> None:
    home = {"provider": "gcp.gemini", "line_number": 1}
    found = tables(allocation=[share(1, **home)], charge=[CHARGE | home | {"billed_on": date(2026, 10, 31)}])
    row = charged(found, []).row(0, named=True)
    assert row["BillingPeriodStart"] == datetime(2026, 10, 1, 7, tzinfo=UTC)
    assert row["BillingPeriodEnd"] == datetime(2026, 11, 1, 7, tzinfo=UTC)  # summer time ends hours later
    assert row["ChargePeriodEnd"] == row["BillingPeriodEnd"]
    assert (row["ProviderName"], row["ServiceName"], row["InvoiceIssuerName"]) == (
        "Google Cloud",
        "Gemini API",
        "Google Cloud",
    )


def test_prepaid_credit_pays_for_what_is_awaited_and_its_purchase_is_no_cost() -> None:
    lines = [CHARGE | {"invoice_id": None, "line_number": n} for n in (1, 2, 3)]
    shares = [
        share(70, invoice_id=None), share(20, invoice_id=None, line_number=2, team="blue"),
        share(-10, invoice_id=None, line_number=3, category="credit", pool="credits"),
    ]  # fmt: skip
    drawn = [
        {"grant_id": "TOP", "entry": "granted", "invoice_id": "TOP", "usd": Decimal(60)},
        {"grant_id": "TOP", "entry": "drawn", "usd": Decimal(-60)},
        {"grant_id": "TOP", "entry": "overdrawn", "usd": Decimal(-20)},
    ]  # fmt: skip
    top_up = {"invoice_id": "TOP", "category": "prepayment", "amount": Decimal(60), "description": "Credits"}
    rows = charged(tables(allocation=shares, charge=lines, prepaid=drawn), [top_up])
    assert rows.select("ChargeCategory", "EffectiveCost", "x_PrepaidCost").rows() == [
        ("Usage", Decimal(70), Decimal("46.666666666667")),
        ("Usage", Decimal(20), Decimal("13.333333333333")),
        ("Credit", Decimal(-10), Decimal(0)),
        ("Purchase", Decimal(0), Decimal(0)),
    ]
    by_invoice = dict(rows.group_by("InvoiceId").agg(pl.col("BilledCost").sum()).rows())
    assert by_invoice == {
        None: Decimal(20),
        "TOP": Decimal(60),
    }  # what is overdrawn, and the top-up as invoiced
    assert rows["x_Team"].to_list() == ["red", "blue", "red", None]
