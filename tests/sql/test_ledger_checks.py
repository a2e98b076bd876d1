"""Laws of what leaves the month: FOCUS charges, invoices and the journal; a broken one is named."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME
from tests.focus.rows import frame
from tests.focus.test_contract import LINE, PLAIN

MONTH = "2026-10"
OWN = {"BillingAccountId": "acme", "InvoiceIssuerName": "OpenAI, LLC", "x_Provider": "openai"}
POSTED = {"entry_id": "e", "entry": "invoice", "currency": "USD", "provider_account": "acme"}


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    with Warehouse.open(None) as opened:
        yield opened


def plant(warehouse: Warehouse, name: str, *rows: dict[str, Any]) -> None:
    warehouse.insert(BY_NAME[name], frame(name, list(rows)))


def charge(usd: object, invoice_id: str | None = "A", **more: Any) -> dict[str, Any]:
    cost = dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), Decimal(str(usd)))
    return PLAIN | OWN | cost | {"InvoiceId": invoice_id} | more


def line(usd: object, invoice_id: str = "A", **more: Any) -> dict[str, Any]:
    amount = dict.fromkeys(("BilledCost", "PaymentCurrencyBilledCost"), Decimal(str(usd)))
    return LINE | OWN | amount | {"InvoiceId": invoice_id} | more


def tied(usd: object, invoice_id: str | None = "A") -> dict[str, Any]:
    return {"invoice_id": invoice_id, "component": "billed", "usd": Decimal(str(usd))}


def plant_unposted(warehouse: Warehouse) -> None:
    """Rows of a month that break each of these laws."""
    plant(warehouse, "report.allocation", charge(1, "B"))
    plant(warehouse, "report.journal", POSTED | {"debit": Decimal(1)})


def bad(warehouse: Warehouse, check: str) -> list[tuple[Any, ...]]:
    found = warehouse.run(f"checks/{check}", month=MONTH)
    return found.select(pl.exclude("provider", "account", "BillingAccountId", "InvoiceIssuerName")).rows()


def test_a_bill_whose_charges_cost_another_amount_is_named(warehouse: Warehouse) -> None:
    bought = {"ChargeCategory": "Purchase", "EffectiveCost": Decimal(0)}
    prepaid = {"BilledCost": Decimal(0), "x_PrepaidCost": Decimal(4)}
    plant(
        warehouse,
        "report.allocation",
        charge(2),
        charge(1),
        charge(4, None, **prepaid),
        charge(9, "TOP", **bought),
    )
    plant(warehouse, "recon.tieout", tied(3), tied(4, None), tied(7, "B") | {"component": "tax"})
    assert bad(warehouse, "focus_adds_up") == []

    plant(warehouse, "recon.tieout", tied("0.01", "B"))
    plant(warehouse, "report.allocation", charge("0.01", None), charge(5, "C"))
    assert bad(warehouse, "focus_adds_up") == [
        ("", Decimal("4.01"), Decimal(4)), ("B", Decimal(0), Decimal("0.01")), ("C", Decimal(5), Decimal(0)),
    ]  # fmt: skip


def test_each_invoice_meets_its_own_lines_and_no_side_is_lost(warehouse: Warehouse) -> None:
    """The sample query of the specification adds up all invoices on one side, and drops what only usage has."""
    plant(warehouse, "report.allocation", charge(3), charge(2), charge(1, "B"), charge(8, None))
    plant(
        warehouse, "report.invoice_detail",
        line(5, InvoiceDetailId="1"), line("1.004", "B"), line(9, "V", InvoiceIssueStatus="Voided"), line(0, "Z"),
    )  # fmt: skip
    assert bad(warehouse, "focus_meets_invoices") == []

    plant(warehouse, "report.allocation", charge(4, "only charges"))
    plant(
        warehouse,
        "report.invoice_detail",
        line(6, "only lines"),
        line("0.01", "B", InvoiceDetailId="2", PaymentCurrencyInvoiceDetailId="2"),
    )
    assert bad(warehouse, "focus_meets_invoices") == [
        ("B", Decimal(1), Decimal("1.014")),
        ("only charges", Decimal(4), None),
        ("only lines", None, Decimal(6)),
    ]


def test_a_voided_invoice_that_is_charged_is_named(warehouse: Warehouse) -> None:
    plant(warehouse, "report.allocation", charge(9, "V"))
    plant(warehouse, "report.invoice_detail", line(9, "V", InvoiceIssueStatus="Voided"))
    assert bad(warehouse, "focus_meets_invoices") == [("V", Decimal(9), None)]


def test_an_account_that_could_not_be_tied_out_has_no_charges_and_breaks_nothing(
    warehouse: Warehouse,
) -> None:
    unknown = {"BilledCost": None, "PaymentCurrency": "EUR"}
    plant(
        warehouse,
        "report.invoice_detail",
        line(9, **unknown),
        line(4, "D"),
        line(5, "TOP", ChargeCategory="Purchase"),
    )
    bought = {"ChargeCategory": "Purchase", "EffectiveCost": Decimal(0), "ChargeFrequency": "One-Time"}
    plant(warehouse, "report.allocation", charge(5, "TOP", **bought))
    assert bad(warehouse, "focus_meets_invoices") == []


def test_an_entry_that_does_not_balance_is_named(warehouse: Warehouse) -> None:
    plant(warehouse, "recon.tieout", tied(3), tied(8, None))
    other_side = POSTED | {"line_number": 2, "credit": Decimal(3), "invoice_id": "A"}
    plant(warehouse, "report.journal", POSTED | {"debit": Decimal(3), "category": "usage"}, other_side)
    assert bad(warehouse, "journal_balances") == []

    plant(
        warehouse,
        "report.journal",
        POSTED | {"entry_id": "f", "entry": "accrual", "debit": Decimal("0.01"), "category": "usage"},
    )
    assert bad(warehouse, "journal_balances") == [("f", Decimal("0.01"), Decimal(0))]


def test_an_invoice_that_is_not_posted_or_with_another_amount_is_named(warehouse: Warehouse) -> None:
    plant(warehouse, "recon.tieout", tied(3), tied("2.5", "B"))
    other_side = POSTED | {"line_number": 2, "credit": Decimal(4), "invoice_id": "A"}
    plant(warehouse, "report.journal", POSTED | {"debit": Decimal(4), "category": "usage"}, other_side)
    assert bad(warehouse, "journal_balances") == [
        ("invoice A", Decimal(4), Decimal(3)), ("invoice B", Decimal(0), Decimal("2.5")),
    ]  # fmt: skip


def test_a_journal_line_has_one_side_and_whole_cents() -> None:
    both = POSTED | {"debit": Decimal(1), "credit": Decimal(1)}
    with (
        Warehouse.open(None) as opened,
        pytest.raises(Exception, match="a line is a debit or a credit, never both"),
    ):
        plant(opened, "report.journal", both)
    assert BY_NAME["report.journal"].schema["debit"] == pl.Decimal(38, 2)
