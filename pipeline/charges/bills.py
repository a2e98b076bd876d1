"""Which lines make up each bill of an account: those of its invoices, or of the cost export behind them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from pipeline.charges.line import ZERO, Line, step_of
from pipeline.money import CENT, split
from schemas.types import ALL

CHARGES = ("usage", "fee", "minimum", "adjustment")
"""Categories that bill something: an invoice without any is a note beside the bill, not the bill."""

BESIDE = "invoice beside the cost export"
"""Line item of what the two differ by."""

_USED = ("usage", "adjustment")
_FEES = (*_USED, "fee")
Row = dict[str, Any]


class Bill(NamedTuple):
    """The lines of an invoice, or of a cost export that stands for one; and the gap between the two."""

    invoice_id: str | None
    lines: list[Line]
    gap: Decimal
    """What the invoice bills beyond the cost export, where rounding cannot explain it."""
    is_bill: bool = True
    """False for a note beside the bill, such as a credit note."""


def bills(rows: Sequence[Row]) -> list[Bill]:
    """Return the bills of an account from its rows of core.billed; none where dollars are not known.

    Until an invoice charges anything, the cost export stands for it. The lines of the only invoice that
    charges are those of the cost export where only that has the detail; what the two differ by is a line of
    its own.
    """
    cost = [row for row in rows if row["origin"] == "cost"]
    invoiced = [row for row in rows if row["origin"] == "invoice"]
    if not _is_valued(invoiced):
        return []
    ids = sorted({row["invoice_id"] for row in invoiced})
    charging = _charging(invoiced)
    if not charging:
        return _awaited(cost, invoiced, ids)
    cost = cost if _is_valued(cost) else []
    gap = _gap(cost, invoiced, charging)
    own = {name: [row for row in invoiced if row["invoice_id"] == name] for name in ids}
    found = {name: lines_of(rows) for name, rows in own.items()}
    for name in charging:
        _count_rounded(found[name], cost)
    if len(charging) == 1:
        found[charging[0]] = _detailed(own[charging[0]], cost, is_gap=bool(gap))
    gaps = dict(zip(charging, split(gap, [_charged(own[name]) for name in charging]), strict=True))
    return [Bill(name, found[name], gaps.get(name, ZERO), name in gaps) for name in ids]


def _charging(invoiced: list[Row]) -> list[str]:
    """Invoices that charge something, without those that only correct others."""
    charges = [row for row in invoiced if row["category"] in CHARGES]
    first = {row["invoice_id"] for row in charges if row.get("charge_class") != "Correction"}
    return sorted(first or {row["invoice_id"] for row in charges})


def lines_of(rows: Sequence[Row]) -> list[Line]:
    """Return lines in the order of the rows; a step of money is that of all rows together."""
    step = step_of(rows)
    return [Line(row, dollars(row), step * _rate(row)) for row in rows]


def _count_rounded(lines: Sequence[Line], cost: Sequence[Row]) -> None:
    """Tell invoice lines how many rows of a cost export in whole cents they sum, each half a cent off."""
    usage = [row for row in cost if row["category"] == "usage"]
    if not step_of(usage):
        return
    for line in lines:
        told = {name: line.row[name] for name in ("model", "token_kind") if line.row[name] is not None}
        summed = sum(all(row[name] == word for name, word in told.items()) for row in usage)
        line.rounded, line.step = max(1, summed), max(line.step, CENT * _rate(line.row))


def _awaited(cost: list[Row], invoiced: list[Row], ids: list[str]) -> list[Bill]:
    if not _is_valued(cost):
        return []
    notes = [
        Bill(name, lines_of([row for row in invoiced if row["invoice_id"] == name]), ZERO, is_bill=False)
        for name in ids
    ]
    return [*([Bill(None, lines_of(cost), ZERO)] if cost else []), *notes]


def _detailed(own: list[Row], cost: list[Row], *, is_gap: bool) -> list[Line]:
    """The lines of an invoice, with the cost export's in place of those that tell less."""
    least = 1 if _detail(own) else 0
    if not cost or _detail(cost) < least or (least and _detail(own) >= _detail(cost)):
        summing = lines_of(own)
        _count_rounded(summing, cost)
        return summing
    replaced = _USED if any(row["category"] in {"usage", "fee"} for row in own) else _FEES
    kept = [row for row in own if row["category"] not in replaced]
    given = {row["category"] for row in kept}
    borrowed = lines_of([row for row in cost if row["category"] not in given])
    step = step_of(own)
    told = [row for row in own if row["category"] in replaced]
    missing = sum(map(dollars, told), ZERO) - sum((line.amount for line in borrowed), ZERO)
    booked = sum((row["amount_usd"] for row in told), ZERO)
    booked -= sum((line.row["amount_usd"] for line in borrowed), ZERO)
    rest = [_beside(own[0], missing, booked, is_gap=is_gap)] if missing or booked else []
    return borrowed + [Line(row, dollars(row), step * _rate(row)) for row in kept] + rest


def _detail(rows: Sequence[Row]) -> int:
    """How much usage lines tell: 3 kinds and quantities, 2 kinds, 1 models, 0 neither or nothing."""
    usage = [row for row in rows if row["category"] == "usage"]
    kinds = [row for row in usage if row["token_kind"]]
    if kinds:
        return 3 if any(row["quantity"] is not None for row in kinds) else 2
    return 1 if any(row["model"] for row in usage) else 0


def _beside(row: Row, missing: Decimal, booked: Decimal, *, is_gap: bool) -> Line:
    """A line of what an invoice bills beyond its cost export: usage, or rounding if that explains it."""
    blank = dict.fromkeys(row) | {name: row[name] for name in ("provider", "account", "month", "invoice_id")}
    category = "usage" if is_gap else "rounding"
    told = {"origin": "invoice", "category": category, "line_item": BESIDE, "service_tier": ALL}
    return Line({**blank, **told, "amount": missing, "amount_usd": booked, "currency": "USD"}, missing, ZERO)


def _gap(cost: list[Row], invoiced: list[Row], charging: list[str]) -> Decimal:
    """Return what the invoices bill for usage and fees beyond the cost export, if rounding cannot explain it.

    Credits and tax of the cost export count unless the invoices have them as lines of their own.
    """
    charges = [row for row in invoiced if row["category"] in _FEES and row["invoice_id"] in charging]
    given = {row["category"] for row in invoiced if row["category"] not in CHARGES}
    given |= {"credit"} if "discount" in given else set()
    cost = [row for row in cost if row["category"] not in given]
    if not cost or not charges:
        return ZERO
    difference = sum((dollars(row) for row in charges), ZERO) - sum((dollars(row) for row in cost), ZERO)
    rounded = len(charges) + sum(row["amount_usd"] == round(row["amount_usd"], 2) for row in cost)
    return ZERO if abs(difference) <= CENT / 2 * rounded else difference


def _charged(own: list[Row]) -> Decimal:
    """What an invoice charges for usage; one that states a total only charges that."""
    return max(ZERO, sum((dollars(row) for row in own if row["category"] in _USED), ZERO))


def _is_valued(rows: Sequence[Row]) -> bool:
    return all(row["amount_usd"] is not None for row in rows)


def dollars(row: Row) -> Decimal:
    """Dollars at the rate that the invoice states, else at that of the books."""
    stated = row.get("stated_usd")
    return Decimal(row["amount_usd"] if stated is None else stated)


def _rate(row: Row) -> Decimal:
    """Dollars for one unit of the line's currency, at least of a magnitude: what a cent of it is worth."""
    if row["currency"] == "USD" or not row["amount"]:
        return Decimal(1)
    return abs(dollars(row) / Decimal(row["amount"]))
