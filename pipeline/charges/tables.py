"""Lines and their reasons as rows of recon.charge and recon.price_effect, whole cents an invoice."""

from decimal import Decimal
from typing import Any

from pipeline.charges.bills import Bill
from pipeline.charges.fee_kinds import fee_kind
from pipeline.charges.line import ZERO, Line, Reason
from pipeline.money import CENT, quantize
from schemas.types import ALL, CHARGE_PARTS

COMPONENT_OF = {
    "expected": "metered_at_expected_rate",
    "quantity": "quantity",
    "price": "price",
    "fee": "fees",
    "minimum": "minimums",
    "credit": "credits",
    "discount": "credits",
    "tax": "tax",
    "currency": "currency",
    "rounding": "rounding",
}
"""Part of a line -> component of the tie-out that it adds to."""

BELOW_A_CENT = "below a cent"
"""Line item of the line that makes the components of an invoice whole cents."""


def components(bill: Bill) -> dict[str, Decimal]:
    """Return the components of a bill in whole cents, and close its lines so that they add up to them."""
    exact = dict.fromkeys(CHARGE_PARTS, ZERO)
    for line in bill.lines:
        for name, amount in line.parts.items():
            exact[name] += amount
    total = sum(exact.values(), ZERO)
    found = dict.fromkeys(COMPONENT_OF.values(), ZERO)
    for name, amount in exact.items():
        found[COMPONENT_OF[name]] += amount
    found = {name: quantize(amount, CENT) for name, amount in found.items() if name != "rounding"}
    billed = quantize(total, CENT)
    found["rounding"] = billed - sum(found.values(), ZERO)
    _close(bill, exact, found, billed - total)
    return {**found, "billed": billed}


def _close(bill: Bill, exact: dict[str, Decimal], found: dict[str, Decimal], missing: Decimal) -> None:
    gaps = {name: found[COMPONENT_OF[name]] - amount for name, amount in exact.items()}
    gaps["credit"] = found["credits"] - exact["credit"] - exact["discount"]
    gaps["discount"] = ZERO
    if not any(gaps.values()):
        return
    first = bill.lines[0].row
    blank = dict.fromkeys(first) | {
        name: first[name] for name in ("provider", "account", "month", "invoice_id")
    }
    told = {"origin": "rounding", "category": "rounding", "line_item": BELOW_A_CENT, "service_tier": ALL}
    line = Line({**blank, **told, "currency": "USD", "amount": missing, "amount_usd": missing}, missing, ZERO)
    line.parts = gaps
    if gaps["price"]:
        line.reasons = [Reason("rounding", gaps["price"], BELOW_A_CENT)]
    bill.lines.append(line)


def charge_rows(month: str, bill: Bill) -> list[dict[str, Any]]:
    """Return a row of recon.charge per line, numbered from 1 in their order."""
    return [_charge(month, bill, number, line) for number, line in enumerate(bill.lines, 1)]


def effect_rows(month: str, bill: Bill) -> list[dict[str, Any]]:
    """Return a row of recon.price_effect per reason of a line."""
    names = ("provider", "account", "model", "service_tier", "token_kind")
    return [
        {
            "month": month,
            **{name: line.row[name] for name in names},
            "invoice_id": bill.invoice_id,
            "line_number": number,
            "effect": reason.effect,
            "usd": reason.usd,
            "reason": reason.words,
        }
        for number, line in enumerate(bill.lines, 1)
        for reason in line.reasons
        if reason.usd
    ]


def _charge(month: str, bill: Bill, number: int, line: Line) -> dict[str, Any]:
    row = line.row
    same = (
        "provider", "account", "origin", "category", "charge_class", "billed_on", "line_item",
        "model", "service_tier", "token_kind", "quantity", "file_id", "line", "position",
    )  # fmt: skip
    return {
        "month": month,
        **{name: row.get(name) for name in same},
        "invoice_id": bill.invoice_id,
        "line_number": number,
        "fee_kind": fee_kind(row["line_item"]) if row["category"] == "fee" else None,
        "idle_usd": None,
        "billed_unit_price": _unit_price(line),
        "expected_unit_price": line.rate,
        "expected_origin": line.origin or None,
        **{f"{name}_usd": amount for name, amount in line.parts.items()},
        "expected_usd": None if _is_unpriced(line) else line.parts["expected"],
        "billed_usd": sum(line.parts.values(), ZERO),
        "candidates": line.candidates,
    }


def _is_unpriced(line: Line) -> bool:
    return not line.parts["expected"] and any(reason.effect == "unpriced" for reason in line.reasons)


def _unit_price(line: Line) -> Decimal | None:
    """Dollars a token as billed, to twelve digits; null without tokens, or too large to be one."""
    if not line.quantity:
        return None
    price = quantize(line.amount / line.quantity)
    return price if abs(price) < 10**24 else None
