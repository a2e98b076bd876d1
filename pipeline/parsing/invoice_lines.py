"""The lines of an invoice manifest as rows, and what is missing to its total."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from pipeline.errors import ConfigError, SourceError
from pipeline.parsing.export_values import currency, day, money, shown, text
from pipeline.period import Month

HEADER = (
    "issuer",
    "invoice_id",
    "provider",
    "account",
    "period",
    "period_start",
    "period_end",
    "currency",
    "issued_on",
    "issue_status",
    "reference_invoice_id",
    "exchange_rate",
    "total",
    "subtotal",
    "credits",
    "tax",
)
CATEGORIES = (
    "usage",
    "fee",
    "minimum",
    "credit",
    "discount",
    "tax",
    "rounding",
    "adjustment",
    "prepayment",
)
STATUSES = ("Open", "Issued", "Voided")
MONEY_OFF = ("credit", "discount")

_PLURALS = {
    "fees": "fee",
    "credits": "credit",
    "discounts": "discount",
    "taxes": "tax",
    "minimums": "minimum",
    "prepayments": "prepayment",
    "top_up": "prepayment",
}
_KINDS = {
    "input": "input_uncached",
    "uncached_input": "input_uncached",
    "cached_input": "cache_read",
    "cache_write": "cache_write_other",
    "reasoning": "output",
}
DIFFERENCE = "difference between lines and total of the manifest"
"""Description of the line that makes the lines of an invoice add up to its total."""

_HALF_CENT = Decimal("0.005")


def header(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the header of an invoice in the words of raw.invoice."""
    invoice_id = _word(fields, "invoice_id")
    if invoice_id is None:
        raise SourceError("missing_field", "invoice_id is missing.", "Add the number of the invoice.")
    try:
        start, end = _period(fields)
        return {
            "provider": text(fields, "provider"),
            "account": _word(fields, "account"),
            "issuer": text(fields, "issuer") or text(fields, "provider") or "unknown",
            "invoice_id": invoice_id,
            "issued_on": day(fields["issued_on"], "issued_on") if fields.get("issued_on") else None,
            "issue_status": _status(fields),
            "reference_invoice_id": _word(fields, "reference_invoice_id"),
            "exchange_rate": _exchange_rate(fields),
            "period_start_on": start,
            "period_end_on": end,
            "currency": currency(fields.get("currency")),
            "total": money(fields.get("total"), "total"),
        }
    except SourceError as error:
        raise SourceError(error.code, f"Invoice {shown(invoice_id)}: {error.reason}", error.advice) from None


def _status(fields: Mapping[str, Any]) -> str | None:
    status = text(fields, "issue_status")
    if status is None:
        return None
    if status.capitalize() not in STATUSES:
        reason = f"issue_status is {shown(status)}."
        raise SourceError("unknown_status", reason, f"Use one of: {', '.join(STATUSES)}.")
    return status.capitalize()


def _exchange_rate(fields: Mapping[str, Any]) -> Decimal | None:
    if fields.get("exchange_rate") in (None, ""):
        return None
    rate = money(fields["exchange_rate"], "exchange_rate")
    if rate <= 0:
        reason = f"exchange_rate is {shown(fields['exchange_rate'])}, not above zero."
        raise SourceError("bad_amount", reason, "Write US dollars for one unit of the invoice's currency.")
    return rate


def _word(fields: Mapping[str, Any], name: str) -> str | None:
    """A word that people also write as a number."""
    value = fields.get(name)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else text(fields, name)


def _period(fields: Mapping[str, Any]) -> tuple[date, date]:
    if fields.get("period") and not fields.get("period_start"):
        try:
            month = Month.parse(str(fields["period"]))
        except ConfigError:
            reason = f"period is {shown(fields['period'])}, not a month like 2026-10."
            raise SourceError("bad_date", reason, "Correct the manifest.") from None
        return month.first_day, month.next.first_day
    start, end = day(fields.get("period_start"), "period_start"), day(fields.get("period_end"), "period_end")
    if end.day >= 28 and (end + timedelta(days=1)).day == 1:
        end += timedelta(days=1)
    if end <= start:
        reason = f"the period ends on {end}, not after its start on {start}."
        raise SourceError("bad_date", reason, "period_end is the first day that is not billed.")
    return start, end


def line_row(line: Any) -> dict[str, Any]:
    """Return one line in the words of raw.invoice; credits and discounts come out negative."""
    if not isinstance(line, dict):
        raise SourceError("not_a_line", f"A line is {shown(line)}, not a table.", "Write it as [[lines]].")
    category = (text(line, "category") or "usage").lower()
    category = _PLURALS.get(category, category)
    if category not in CATEGORIES:
        known = ", ".join(CATEGORIES)
        raise SourceError("unknown_category", f"category is {shown(category)}.", f"Use one of: {known}.")
    amount = money(line.get("amount"), "amount")
    kind = text(line, "token_kind")
    word = kind.lower().replace(" ", "_").removesuffix("_tokens") if kind else None
    quantity = line.get("quantity")
    return {
        "category": category,
        "grant_id": _word(line, "grant_id"),
        "expires_on": _expiry(line, category),
        "description": text(line, "description"),
        "model": text(line, "model"),
        "token_kind": _KINDS.get(word, word) if word else None,
        "service_tier": text(line, "service_tier"),
        "quantity": None if quantity in (None, "") else money(quantity, "quantity"),
        "quantity_unit": text(line, "quantity_unit") or text(line, "unit"),
        "amount": -abs(amount) if category in MONEY_OFF else amount,
    }


def _expiry(line: dict[str, Any], category: str) -> date | None:
    if line.get("expires") in (None, ""):
        return None
    if category != "prepayment":
        reason = f"A line of category {shown(category)} has expires, and only credit that is bought expires."
        raise SourceError("bad_expiry", reason, 'Write category = "prepayment", or leave expires out.')
    return day(line["expires"], "expires")


def remainder(
    fields: Mapping[str, Any], total: Decimal, rows: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield what the lines lack: credits and tax of the header, the subtotal, and the rest to the total.

    An invoice without lines of its own is one line of usage, but for one that only gives credit. A rest of up
    to half a cent a line is rounding, a larger one an adjustment: the lines always add up to the total.
    """
    given = {row["category"] for row in rows}
    extra = [
        _line(category, Decimal(sign) * abs(amount) if sign < 0 else amount, f"{name} of the manifest")
        for name, category, sign in (("credits", "credit", -1), ("tax", "tax", 1))
        if category not in given and (amount := _optional(fields, name))
    ]
    if not given - {"credit", "tax", "discount", "rounding"}:
        subtotal = _optional(fields, "subtotal")
        amount = total - _sum([*rows, *extra]) if subtotal is None else subtotal
        if amount or not given:  # a credit note bills no usage
            extra.append(_line("usage", amount, "not itemised"))
    rest = total - _sum([*rows, *extra])
    if rest:
        is_rounding = abs(rest) <= _HALF_CENT * (len(rows) + len(extra) + 1)
        name = "rounding" if is_rounding else "adjustment"
        extra.append(_line(name, rest, DIFFERENCE))
    yield from extra


def _optional(fields: Mapping[str, Any], name: str) -> Decimal | None:
    """A number of the header; one that cannot be read shows as an adjustment."""
    try:
        return money(fields.get(name), name)
    except SourceError:
        return None


def _line(category: str, amount: Decimal, description: str) -> dict[str, Any]:
    return {"category": category, "description": description, "amount": amount}


def _sum(rows: Sequence[Mapping[str, Any]]) -> Decimal:
    return sum((row["amount"] for row in rows), Decimal(0))
