"""Tax that is not the stated rate of what the invoice bills beside it is told, with its amount."""

from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from pipeline.charges.tax_findings import tax_findings
from schemas.core import Billed
from tests.charges.bills import line


def found(*rows: dict[str, Any]) -> list[Decimal | None]:
    placed = [row | {"line": number} for number, row in enumerate(rows, 1)]
    frame = pl.DataFrame(placed, schema=pl.Schema(Billed.empty().schema), orient="row")
    return tax_findings("2026-10", frame)["usd"].to_list()


def beside(amount: str, category: str, words: str | None = None, **more: Any) -> dict[str, Any]:
    return line(amount, category=category, line_item=words, **more)


USAGE, CREDIT = beside("1100", "usage"), beside("-100", "credit")


@pytest.mark.parametrize(
    ("tax", "words", "usd"),
    [
        ("190.00", "VAT 19 %", []),
        ("190.02", "VAT 19%", []),  # three lines may be half a cent off each, and the tax itself
        ("190.03", "VAT 19%", [Decimal("0.03")]),
        ("209.00", "VAT 19 %", [Decimal(19)]),
        ("171.00", "VAT 19,0 %", [Decimal(-19)]),
        ("82.50", "Tax 8.25 %", []),
        ("209.00", "VAT", []),
        ("209.00", "VAT 19 % and 7 %", []),
        ("209.00", None, []),
    ],
)
def test_the_base_is_what_is_left_after_credits(tax: str, words: str | None, usd: list[Decimal]) -> None:
    assert found(USAGE, CREDIT, beside(tax, "tax", words)) == usd


def test_what_is_paid_already_is_no_part_of_the_base() -> None:
    tax, paid = beside("190", "tax", "VAT 19 %"), beside("-500", "credit", "Paid from prepaid balance")
    assert found(USAGE, CREDIT, tax, paid) == []
    assert found(USAGE, paid, CREDIT, tax) == [Decimal(95)]
    assert found(tax, USAGE) == []


def test_two_rates_are_left_alone_and_two_lines_of_one_rate_add_up() -> None:
    half = beside("95", "tax", "VAT 19 %")
    assert found(USAGE, CREDIT, half, half) == []
    assert found(USAGE, CREDIT, half, beside("95", "tax", "VAT 7 %")) == []
    assert found(USAGE, CREDIT, half, beside("115", "tax", "VAT 19 %")) == [Decimal(20)]


def test_what_is_told_is_in_dollars_of_the_books_and_of_each_invoice() -> None:
    euros = {"currency": "EUR"}
    usage = beside("1000", "usage", **euros, amount_usd=Decimal(1080))
    tax = beside("200", "tax", "VAT 19 %", **euros, amount_usd=Decimal(216))
    other = [{**USAGE, "invoice_id": "B"}, beside("209", "tax", "VAT 19 %", invoice_id="B")]
    assert found(usage, tax, *other) == [Decimal("10.8")]
    assert found(beside("5", "cost"), beside("0", "tax", "VAT 19 %")) == [None]


def test_dollars_are_at_the_rate_that_the_invoice_states() -> None:
    """19 euros too much, 1.07 dollars each on the invoice and 1.08 in the books: the tie-out has the former."""
    euros = {"currency": "EUR"}
    stated, booked = Decimal("1.07"), Decimal("1.08")
    rows = [
        row | euros | {"stated_usd": row["amount"] * stated, "amount_usd": row["amount"] * booked}
        for row in (USAGE, CREDIT, beside("209.00", "tax", "VAT 19 %"))
    ]
    assert found(*rows) == [19 * stated]
    assert found(*(row | {"stated_usd": None} for row in rows)) == [19 * booked]
