"""The bills of an account, line by line: expected, quantity, price, and what stands beside them."""

from collections.abc import Sequence
from typing import Any

from pipeline.charges.bills import Bill, bills
from pipeline.charges.line import ZERO, Cell, Line, Reason
from pipeline.charges.matching import Group, matched, settle, settle_unmetered, worth
from pipeline.charges.mistaken import taken_for
from pipeline.charges.parting import parted
from pipeline.charges.search import UNEXPLAINED, PriceSearch, Unit, Verdict
from pipeline.charges.series import agreed
from pipeline.money import TINY, quantize, split
from schemas.types import ALL

UNBILLED = "metered and on no line"
"""Line item of tokens that no line charges for."""

_CORRECTION = "correction", "corrects an earlier bill"
_PARTS = {"fee", "minimum", "credit", "discount", "tax", "rounding"}
"""Categories that are a part of their own."""


def itemise(
    rows: Sequence[dict[str, Any]], cells: Sequence[Cell], search: PriceSearch | None = None
) -> list[Bill]:
    """Return the bills of an account with every line split into its parts, which add up to its amount.

    `rows` are its rows of core.billed in their order, `cells` its metered tokens with expected rates. Without
    a search the whole price of a line stays unexplained.
    """
    found = bills(rows)
    for bill in found:
        for line in bill.lines:
            _settle_beside(line)
    usage = [line for bill in found for line in _usage(bill)]
    groups, rest = matched(usage, cells) if found and any(bill.is_bill for bill in found) else ([], [])
    groups = parted(groups)
    rest = taken_for(groups, rest)
    for group in groups:
        _settle(group, search)
    priced = [unit for group in groups for unit in units(group)]
    for unit, verdict in agreed([(unit, _verdict(unit, search)) for unit in priced]):
        book(unit, verdict)
    _leave(found, usage, rest)
    return found


def units(group: Group) -> list[Unit]:
    """Return what a price is looked for together: lines that count tokens each alone, others all at once."""
    provider = group.lines[0].row["provider"]
    days = {cell.day for cell in group.cells}
    over = frozenset(day for day in days if day is not None) if None not in days else frozenset()
    is_counted = all(line.rate is not None and line.quantity is not None for line in group.lines)
    is_whole = len(group.lines) == 1 and not group.lines[0].parts["quantity"]
    if not is_counted or (is_whole and group.cells):
        return [Unit(provider, group.lines, group.cells, over, group.is_run)]
    return [Unit(provider, [line], [_as_billed(line, group)], over, group.is_run) for line in group.lines]


def _as_billed(line: Line, group: Group) -> Cell:
    """The tokens of a line, of the tier of the meter where only that tells it."""
    model, kind, tier, day = line.key
    tier = tier or (group.cells[0].service_tier if group.cells else ALL)
    return Cell(model or "", tier, kind or "", day, line.quantity or ZERO, line.rate)


def _usage(bill: Bill) -> list[Line]:
    """The lines that charge for tokens; where a bill states a total only, the line of that total."""
    own = [line for line in bill.lines if not (_is_correction(line) and not line.quantity)]
    for category in ("usage", "adjustment"):
        if lines := [line for line in own if line.row["category"] == category]:
            return lines
    return []


def _is_correction(line: Line) -> bool:
    return bool(line.row.get("charge_class") == "Correction")


def _settle_beside(line: Line) -> None:
    """Book what is no usage, and the difference between the rate that is stated and that of the books."""
    category = line.row["category"]
    line.parts["currency"] = line.row["amount_usd"] - line.amount
    if category in _PARTS:
        line.parts[category] = line.amount
        return
    line.parts["price"] = line.amount
    effect, words = _CORRECTION if _is_correction(line) else (UNEXPLAINED, "an adjustment by the issuer")
    line.reasons = [Reason(effect, line.amount, words)]


def _settle(group: Group, search: PriceSearch | None) -> None:
    line = group.lines[0]
    model, kind, tier, day = line.key
    if group.cells or search is None or not (model and kind):
        settle(group)
        return
    on = day or search.month.first_day
    place = line.row["provider"], model, tier or ALL, kind, on, line.row["account"]
    rated = search.tariffs.expected_rate(*place)
    settle_unmetered(group, rated.usd_per_token, rated.origin)


def _verdict(unit: Unit, search: PriceSearch | None) -> Verdict | None:
    """What explains the price of lines; None where rounding can."""
    if abs(sum((line.parts["price"] for line in unit.lines), ZERO)) <= unit.tolerance:
        return None
    if plain := _plain(unit):
        return Verdict(plain[0], None, plain[1], (), ())
    return search(unit) if search else Verdict(UNEXPLAINED, None, "no rate was tried", (), ())


def _plain(unit: Unit) -> tuple[str, str] | None:
    """An effect that needs no search, with its words."""
    if all(_is_correction(line) for line in unit.lines):
        return _CORRECTION
    if unit.parts and any(part.rate is None for part in unit.parts):
        return "unpriced", "no expected rate is known for a part of what it charges for"
    if not unit.parts:
        return UNEXPLAINED, "it charges for nothing that is metered"
    return None


def book(unit: Unit, verdict: Verdict | None) -> None:
    """Give the lines of a unit the effect of a verdict; what its rate leaves within tolerance is rounding."""
    if verdict is None:
        for line in unit.lines:
            line.parts["rounding"], line.parts["price"], line.reasons = line.parts["price"], ZERO, []
        return
    if verdict.usd is not None:
        weights = [abs(line.amount) for line in unit.lines]
        for line, gap in zip(unit.lines, split(unit.amount - verdict.usd, weights, TINY), strict=True):
            line.parts["rounding"] += gap
            line.parts["price"] -= gap
    for line in unit.lines:
        line.candidates = verdict.text
        line.reasons = [Reason(verdict.effect, line.parts["price"], verdict.words)]


def _leave(found: Sequence[Bill], usage: Sequence[Line], rest: Sequence[Cell]) -> None:
    """Add a line for metered tokens that no line charges for: quantity, where the lines tell all kinds."""
    expected = quantize(worth(rest))
    if not expected:
        return
    bill = max((b for b in found if b.is_bill), key=lambda b: sum((abs(x.amount) for x in b.lines), ZERO))
    model = bill.lines[0].row
    blank = dict.fromkeys(model) | {
        name: model[name] for name in ("provider", "account", "month", "invoice_id")
    }
    told = {
        "origin": "usage",
        "category": "usage",
        "line_item": UNBILLED,
        "service_tier": ALL,
        "currency": "USD",
    }
    line = Line({**blank, **told, "amount": ZERO, "amount_usd": ZERO}, ZERO, ZERO)
    line.parts["expected"] = expected
    line.origin = "rates of the meter's own models and kinds"
    if usage and all(each.key[0] and each.key[1] for each in usage):
        line.parts["quantity"] = -expected
    else:
        line.parts["price"] = -expected
        line.reasons = [Reason(UNEXPLAINED, -expected, UNBILLED)]
    bill.lines.append(line)
