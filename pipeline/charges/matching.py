"""Billed lines beside the meter: which tokens a line charges for, and what they are expected to cost.

Tokens belong to the lines that tell most about them: of their model, kind, tier and day, else of the first
three, and so on down to lines that tell nothing. Every token belongs to one group of lines, or to none.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from pipeline.charges.line import DIGITS, ZERO, Cell, Line
from pipeline.money import TINY, quantize, split
from schemas.types import ALL

Key = tuple[object, ...]


@dataclass(slots=True)
class Group:
    """Lines that tell alike of what they charge for, and the metered tokens that are theirs."""

    lines: list[Line] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    is_run: bool = False
    """Whether the lines are for one run of days beside others: then one price holds on all of them."""

    @property
    def expected(self) -> Decimal:
        """Metered tokens at their expected rates; those without a price are left out."""
        return worth(self.cells)


def worth(cells: Iterable[Cell]) -> Decimal:
    """Return the dollars of cells at their expected rates; cells without a price are left out."""
    with localcontext(prec=DIGITS):
        return quantize(sum((cell.tokens * cell.rate for cell in cells if cell.rate is not None), ZERO))


def matched(lines: Sequence[Line], cells: Sequence[Cell]) -> tuple[list[Group], list[Cell]]:
    """Return the groups of lines with their cells, and the cells that no line charges for."""
    blurred = {(cell.model, cell.token_kind) for cell in cells if cell.service_tier == ALL}
    groups: dict[Key, Group] = defaultdict(Group)
    for line in lines:
        model, kind, tier, day = line.key
        groups[model, kind, None if (model, kind) in blurred else tier, day].lines.append(line)
    rest: list[Cell] = []
    for cell in cells:
        key = next((key for key in _keys(cell) if key in groups), None)
        (rest if key is None else groups[key].cells).append(cell)
    return list(groups.values()), rest


def _keys(cell: Cell) -> Iterable[Key]:
    """The keys of the lines that may charge for a cell, the most telling first."""
    model, tier, kind, day = cell[:4]
    for names in ((model, kind, tier), (model, kind, None), (model, None, None), (None, None, None)):
        yield (*names, day)
        yield (*names, None)


def settle(group: Group) -> None:
    """Split every line of a group into what is expected, quantity, and price with all that is left.

    Lines that count tokens at one rate are held against the meter by number; of others the dollars say how
    the metered tokens are shared among them.
    """
    rates = {cell.rate for cell in group.cells}
    rate = next(iter(rates)) if len(rates) == 1 else None
    if rate is not None and all(line.quantity is not None for line in group.lines):
        _by_number(group, rate)
        return
    shares = split(group.expected, [max(line.amount, ZERO) for line in group.lines], TINY)
    for line, share in zip(group.lines, shares, strict=True):
        line.rate, line.origin = rate, _origin(group)
        line.parts["expected"] = share
        line.parts["price"] = line.amount - share


def _origin(group: Group) -> str:
    return "; ".join(sorted({cell.origin for cell in group.cells if cell.origin}))


def _by_number(group: Group, rate: Decimal) -> None:
    quantities = [line.quantity or ZERO for line in group.lines]
    surplus = quantize((sum(quantities, ZERO) - sum((c.tokens for c in group.cells), ZERO)) * rate)
    values = [quantize(quantity * rate) for quantity in quantities]
    shares = split(surplus, [max(quantity, ZERO) for quantity in quantities], TINY)
    for line, value, share in zip(group.lines, values, shares, strict=True):
        line.rate, line.origin = rate, _origin(group)
        line.parts["expected"] = value - share
        line.parts["quantity"] = share
        line.parts["price"] = line.amount - value


def settle_unmetered(group: Group, rate: Decimal | None, origin: str) -> None:
    """Split lines for which nothing is metered: what they count is quantity, at the expected rate."""
    for line in group.lines:
        line.is_metered, line.rate, line.origin = False, rate, origin
        if rate is None or line.quantity is None:
            line.parts["price"] = line.amount
            continue
        value = quantize(line.quantity * rate)
        line.parts["quantity"] = value
        line.parts["price"] = line.amount - value
