"""The lines of an invoice: usage, fees, minimums, credits and tax, as the terms of its account say."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from pipeline.simulator.invoices import Line, cents
from pipeline.simulator.money.charges import Cell, Charge
from pipeline.simulator.money.terms import DETAILED, Terms

_UNITS = {"1M tokens": 1_000_000, "1K tokens": 1_000, "tokens": 1}
_ZERO = Decimal(0)

FEES = {
    "web_search": "Web search",
    "storage": "File storage",
    "images": "Image generation",
    "sessions": "Session usage",
    "code_execution": "Code execution",
    "document_pages": "Document pages",
}
"""Fee -> words on the invoice."""

DailyFees = dict[tuple[date, str], Decimal]
"""USD in whole cents by day and fee."""


class Paper(NamedTuple):
    """An invoice without its head."""

    lines: list[Line]
    wrong_tax: Decimal
    """What the tax is above the right one, in the currency of the invoice."""
    copied: list[Charge]
    """Charges of a line that stands on it twice."""


def usage_lines(terms: Terms, charges: Sequence[Charge]) -> list[tuple[Line, list[Charge]]]:
    """Return lines of usage, each with the charges that it adds up."""
    groups: dict[tuple[str, ...], list[Charge]] = {}
    for charge in charges:
        used = charge.used
        key: tuple[str, ...] = (used.model,)
        if terms.style == DETAILED:
            key = (used.model, used.tier, used.kind, f"{charge.price:f}")
        groups.setdefault(key, []).append(charge)
    return [(_usage_line(terms, rows), rows) for _, rows in sorted(groups.items())]


def _usage_line(terms: Terms, rows: list[Charge]) -> Line:
    used = rows[0].used
    amount = sum((cents(row.amount) if terms.sums_rows else row.amount for row in rows), _ZERO)
    extras = [("model", used.model)]
    words = f"{used.model} usage"
    if terms.style == DETAILED:
        tokens = sum(row.billed for row in rows)
        tier = [("service_tier", used.tier)] if terms.is_metered else []
        extras += [
            ("token_kind", used.kind), *tier,
            ("quantity", f"{Decimal(tokens) / _UNITS[terms.unit]:f}"), ("quantity_unit", terms.unit),
        ]  # fmt: skip
        days = [row.used.day for row in rows]
        words = f"{used.model} {used.kind.replace('_', ' ')} {used.tier}, {min(days)} to {max(days)}"
    return Line("usage", words, cents(amount / terms.rate), tuple(extras))


def paper(terms: Terms, charges: Sequence[Charge], fees: DailyFees, faults: Sequence[str]) -> Paper:
    """Return the lines of the month's invoice.

    The faults that only an invoice has are `duplicate_line`, the dearest right line once more, and
    `tax_on_wrong_base`: credits were not taken off before tax.
    """
    usage = usage_lines(terms, charges)
    lines = [line for line, _ in usage]
    copied: list[Charge] = []
    marked = {Cell.of(charge) for charge in charges if charge.mark}
    right_ones = [pair for pair in usage if Cell.of(pair[1][0]) not in marked]
    if "duplicate_line" in faults and right_ones:
        line, copied = max(right_ones, key=lambda pair: pair[0].amount)
        lines.insert(lines.index(line) + 1, line)
    used = _sum(lines)
    for fee in terms.fees:
        amount = sum((usd for (_, name), usd in fees.items() if name == fee), _ZERO)
        lines.append(Line("fee", FEES[fee], cents(amount / terms.rate)))
    lines += _least(terms, used, sum((row.amount for row in charges), _ZERO))
    if terms.discount:
        lines.append(Line("discount", f"Discount {terms.discount} %", -cents(used * terms.discount / 100)))
    gross = _sum(lines)
    if terms.grant:
        lines.append(Line("credit", "Promotional credit grant", -min(terms.grant, gross)))
    right = _tax(terms, _sum(lines))
    tax = _tax(terms, gross) if "tax_on_wrong_base" in faults else right
    if terms.tax:
        lines.append(Line("tax", f"{'VAT' if terms.currency == 'EUR' else 'Tax'} {terms.tax} %", tax))
    if terms.prepaid_percent:
        paid = cents(_sum(lines) * terms.prepaid_percent / 100)
        lines.append(Line("credit", "Paid from prepaid balance", -paid))
    return Paper(lines, tax - right, copied)


def least(terms: Terms, amount: Decimal) -> Decimal:
    """Return the least charge for usage, in tens of the currency; zero where there is none."""
    percent = terms.minimum_percent or terms.commitment_percent
    return (amount / terms.rate * percent / 1000).quantize(Decimal(1)) * 10


def _least(terms: Terms, used: Decimal, amount: Decimal) -> list[Line]:
    missing = least(terms, amount) - used
    words = "Minimum monthly charge" if terms.minimum_percent else "Shortfall of commitment"
    return [Line("minimum", words, missing)] if missing > 0 else []


def _tax(terms: Terms, base: Decimal) -> Decimal:
    return cents(base * (terms.tax or 0) / 100)


def _sum(lines: Sequence[Line]) -> Decimal:
    return sum((line.amount for line in lines), _ZERO)


def credit_note(terms: Terms, amount: Decimal) -> list[Line]:
    """Return the lines of a note that gives money back, with its tax."""
    lines = [Line("credit", "Credit note: service incident", -amount)]
    if terms.tax:
        lines.append(Line("tax", "Tax on the above", -_tax(terms, amount)))
    return lines


def manifest(head: dict[str, str], lines: Sequence[Line]) -> str:
    """Return an invoice as a person writes it down."""
    text = [f'{key} = "{value}"' for key, value in head.items()]
    for line in lines:
        text += ["", "[[lines]]", f'category = "{line.category}"', f'description = "{line.description}"']
        text += [f'{key} = "{value}"' for key, value in line.extras]
        text.append(f'amount = "{line.amount}"')
    return "\n".join(text) + "\n"
