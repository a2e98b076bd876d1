"""Invoices and billing periods after FOCUS 1.4."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pipeline.contracts import validate
from pipeline.focus.invoices import invoice_detail
from pipeline.focus.periods import billing_periods, with_standing
from schemas.tables import BY_NAME
from tests.focus.months import MONTH, arrivals
from tests.focus.rows import frame

PULLED = datetime(2026, 11, 5, 6, 7, tzinfo=UTC)


def detail(
    invoices: list[dict[str, Any]], files: pl.DataFrame | None = None, **settings: Any
) -> pl.DataFrame:
    rows = invoice_detail(arrivals(invoices, files, **settings))
    validate(BY_NAME["report.invoice_detail"], rows)
    return rows


def test_lines_are_numbered_within_their_invoice_and_say_what_they_are_of() -> None:
    rows = detail([
        {"amount": Decimal(8), "description": "gpt-5", "model": "gpt-5", "quantity": Decimal(2), "quantity_unit": "1M tokens"},
        {"amount": Decimal("0.66"), "category": "tax", "description": " "},
        {"invoice_id": "TOP", "amount": Decimal(50), "category": "prepayment"},
    ])  # fmt: skip
    assert rows.select("InvoiceId", "InvoiceDetailId", "ChargeCategory", "BilledCost").rows() == [
        ("INV", "1", "Usage", Decimal(8)),
        ("INV", "2", "Tax", Decimal("0.66")),
        ("TOP", "1", "Purchase", Decimal(50)),
    ]
    assert rows["InvoiceDetailGrain"].to_list() == ['{"SkuMeter": "gpt-5", "x_ModelId": "gpt-5"}', None, None]
    assert rows.select("x_PricingQuantity", "x_PricingUnit").row(0) == (Decimal(2), "1M tokens")
    assert rows["ReferenceInvoiceId"].to_list() == ["INV", "INV", "TOP"]


def test_an_invoice_is_as_its_newest_file_has_it_and_a_voided_one_stays_on_record() -> None:
    files = frame("raw.file", [
        {"file_id": "f", "uri": "a", "pulled_at": PULLED, "pulled_at_basis": "name"},
        {"file_id": "g", "uri": "b", "pulled_at": PULLED.replace(day=9), "pulled_at_basis": "configured"},
    ])  # fmt: skip
    rows = detail([
        {"amount": Decimal(8)}, {"amount": Decimal(9), "file_id": "g", "issue_status": "Voided"},
        {"invoice_id": "NEW", "amount": Decimal(9), "file_id": "g"},
    ], files)  # fmt: skip
    assert rows.select("InvoiceId", "InvoiceIssueStatus", "BilledCost").rows() == [
        ("INV", "Voided", Decimal(9)), ("NEW", "Issued", Decimal(9)),
    ]  # fmt: skip
    assert rows.select("InvoiceDetailCreated", "InvoiceDetailLastUpdated").row(0) == (
        PULLED,
        PULLED.replace(day=9),
    )


@pytest.mark.parametrize("basis", ["modified", None])
def test_the_time_of_a_file_that_a_copy_changes_is_not_taken(basis: str | None) -> None:
    files = frame("raw.file", [{"file_id": "f", "pulled_at": PULLED, "pulled_at_basis": basis}])
    assert detail([{}], files)["InvoiceDetailCreated"].to_list() == [datetime(2026, 11, 2, tzinfo=UTC)]
    assert detail([{"issued_on": None}], files)["InvoiceDetailCreated"].to_list() == [None]


def test_another_currency_is_what_is_paid_and_dollars_are_what_is_booked() -> None:
    euros = {"currency": "EUR", "amount": Decimal(100)}
    rows = detail([euros], exchange_rates={"EUR": Decimal("1.08")})
    names = ("BilledCost", "BillingCurrency", "PaymentCurrencyBilledCost", "PaymentCurrency")
    assert rows.select(names).row(0) == (Decimal(108), "USD", Decimal(100), "EUR")
    assert detail([euros]).select(names).row(0) == (None, "USD", Decimal(100), "EUR")  # unknown is not zero


def test_a_correction_names_its_invoice_and_belongs_to_the_period_of_its_issue() -> None:
    note = {
        "invoice_id": "CN",
        "reference_invoice_id": "INV",
        "issued_on": date(2026, 12, 3),
        "amount": Decimal(-1),
    }
    rows = detail([{"amount": Decimal(8)}, note])
    assert rows.select("InvoiceId", "ReferenceInvoiceId", "BillingPeriodStart").rows() == [
        ("INV", "INV", datetime(2026, 10, 1, tzinfo=UTC)),
        ("CN", "INV", datetime(2026, 12, 1, tzinfo=UTC)),
    ][::-1]  # fmt: skip
    periods = billing_periods(MONTH, (rows,))
    assert periods["x_BillingMonth"].to_list() == ["2026-10", "2026-12"]


def closing(*events: tuple[str, str, int, int]) -> pl.DataFrame:
    rows = [
        {
            "month": month,
            "event": event,
            "recorded_at": datetime(2026, 12, day, tzinfo=UTC),
            "locked_version": version,
        }
        for month, event, day, version in events
    ]
    return frame("report.closing", rows)


@pytest.mark.parametrize(
    ("events", "status", "days"),
    [
        ((), "Open", (None, None)),
        ((("2026-09", "closed", 1, 1),), "Open", (None, None)),
        ((("2026-10", "closed", 1, 1), ("2026-10", "reviewed", 2, 1)), "Closed", (1, 1)),
        ((("2026-10", "closed", 1, 1), ("2026-10", "reopened", 3, 1)), "Open", (1, 3)),
        (
            (("2026-10", "closed", 1, 1), ("2026-10", "reopened", 3, 1), ("2026-10", "restated", 5, 2)),
            "Closed",
            (1, 5),
        ),
    ],
)
def test_a_period_is_closed_while_its_month_is_locked(
    events: tuple[tuple[str, str, int, int], ...], status: str, days: tuple[int | None, int | None]
) -> None:
    open_ones = billing_periods(MONTH, (detail([{}]),))
    assert open_ones["BillingPeriodStatus"].to_list() == ["Open"]
    row = with_standing(open_ones, closing(*events)).row(0, named=True)
    found = (row["BillingPeriodCreated"], row["BillingPeriodLastUpdated"])
    assert (row["BillingPeriodStatus"], tuple(at and at.day for at in found)) == (status, days)
