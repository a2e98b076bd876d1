"""Findings of tax: an invoice that states its tax rate, and whose tax is not that rate of its lines."""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import groupby, takewhile
from typing import Any

import polars as pl

from pipeline.charges.bills import dollars
from pipeline.charges.line import ZERO
from pipeline.findings import assemble, finding
from pipeline.money import CENT, quantize

_PERCENT = re.compile(r"(?<![\d.,])(\d{1,2}(?:[.,]\d{1,3})?)\s*%")
_PLACE = ("provider", "account", "invoice_id")
_ADVICE = (
    "Compare the base of the tax with the invoice: credits and discounts usually come off before tax. Where "
    "your contract does not say otherwise, ask the issuer for a correction."
)


def tax_findings(month: str, billed: pl.DataFrame) -> pl.DataFrame:
    """Return a finding per invoice whose tax lines name one rate, and come to something else than it makes.

    `billed` is core.billed. The base is all that stands before the tax on the invoice: what was paid already
    is taken off behind it. Rounding may be half a cent a line. Dollars are at the rate that the invoice
    states, as in the component `tax`, else at that of the books.
    """
    lines = billed.filter((pl.col("origin") == "invoice") & pl.col("amount_usd").is_not_null())
    rows = lines.sort(*_PLACE, "line", "position").iter_rows(named=True)
    invoices = groupby(rows, key=lambda row: tuple(row[name] for name in _PLACE))
    return assemble([found for _, own in invoices for found in _found(month, list(own))])


def _found(month: str, lines: Sequence[dict[str, Any]]) -> Iterator[pl.DataFrame]:
    taxes = [line for line in lines if line["category"] == "tax"]
    percents = {_percent(line["line_item"]) for line in taxes}
    if len(percents) != 1 or (percent := percents.pop()) is None or lines[0] is taxes[0]:
        return
    tax = sum((line["amount"] for line in taxes), ZERO)
    before = list(takewhile(lambda line: line["category"] != "tax", lines))
    base = sum((line["amount"] for line in before), ZERO)
    right = quantize(base * percent / 100, CENT)
    if abs(tax - right) <= CENT / 2 * (len(lines) + 1):
        return
    one, currency = lines[0], lines[0]["currency"]
    more = "more" if tax > right else "less"
    invoice = f"Invoice {one['invoice_id']} of {one['provider']} account '{one['account']}'"
    message = (
        f"{invoice} adds {tax:,.2f} {currency} of tax at {percent.normalize():f} %. Of the lines before it, "
        f"{base:,.2f} {currency}, that is {right:,.2f}: it taxes {abs(tax - right):,.2f} {currency} {more}."
    )
    worth = sum((dollars(line) for line in taxes), ZERO) * (tax - right) / tax if tax else None
    place = {"provider": one["provider"], "account": one["account"], "subject": one["invoice_id"]}
    usd = None if worth is None else quantize(worth)
    yield finding(month, "tax_off_base", "warning", message, _ADVICE, **place, usd=usd)


def _percent(text: str | None) -> Decimal | None:
    """The one rate that a line names."""
    told = _PERCENT.findall(text or "")
    return Decimal(told[0].replace(",", ".")) if len(told) == 1 else None
