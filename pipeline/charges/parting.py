"""Lines that tell neither tier nor day, told apart by what they count: a number of tokens is a fingerprint.

A line with just as many tokens as one tier of its model was metered is a line of that tier; lines that count
the month's tokens one after the other, each to the last token of a day, are for the days that they count.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import permutations

from pipeline.charges.line import ZERO, Cell, Line
from pipeline.charges.matching import Group

_MOST = 4
"""Lines of a month that are put in an order by their numbers."""


def parted(groups: Sequence[Group]) -> list[Group]:
    """Return the groups, with those split whose lines can be told apart by number; no token is in two."""
    return [part for group in groups for each in _by_tier(group) for part in _by_days(each)]


def _by_tier(group: Group) -> list[Group]:
    tiers: dict[str, list[Cell]] = {}
    for cell in group.cells:
        tiers.setdefault(cell.service_tier, []).append(cell)
    if len(tiers) < 2 or group.lines[0].key[2] is not None:
        return [group]
    found: dict[str, list[Line]] = {}
    for line in group.lines:
        fitting = [tier for tier, cells in tiers.items() if _counts(line, cells)]
        if len(fitting) == 1:
            found.setdefault(fitting[0], []).append(line)
    told = {id(line) for lines in found.values() for line in lines}
    lines = [line for line in group.lines if id(line) not in told]
    cells = [cell for cell in group.cells if cell.service_tier not in found]
    if not found or (cells and not lines):
        return [group]
    rest = [Group(lines, cells)] if lines else []
    return [*(Group(lines, tiers[tier]) for tier, lines in sorted(found.items())), *rest]


def _by_days(group: Group) -> list[Group]:
    """Split lines of one SKU by the runs of days that they count, where just one order of them fits."""
    days = sorted({cell.day for cell in group.cells if cell.day is not None})
    is_whole = all(line.key[3] is None and line.quantity for line in group.lines)
    alike: dict[tuple[object, ...], list[Line]] = {}
    for line in group.lines:
        alike.setdefault((line.quantity, line.amount, line.row.get("line_item")), []).append(line)
    if not 2 <= len(alike) <= _MOST or not is_whole or any(cell.day is None for cell in group.cells):
        return [group]
    orders = permutations(alike.values())
    fitting = [runs for order in orders if (runs := _runs(order, group.cells, days))]
    return fitting[0] if len(fitting) == 1 else [group]


def _runs(order: Sequence[Sequence[Line]], cells: Sequence[Cell], days: Sequence[date]) -> list[Group]:
    """Runs of days that the lines count in this order, to the last of them; none where they do not.

    Lines that are alike in all they say are one line that stands there more than once.
    """
    tokens = dict.fromkeys(days, ZERO)
    for cell in cells:
        if cell.day is not None:
            tokens[cell.day] += cell.tokens
    found, left = [], list(days)
    for lines in order:
        wanted, slack = lines[0].quantity or ZERO, _slack(lines[0])
        run, counted = [], ZERO
        while left and counted < wanted - slack:
            counted += tokens[left[0]]
            run.append(left.pop(0))
        if not run or abs(counted - wanted) > slack:
            return []
        found.append(Group(list(lines), [cell for cell in cells if cell.day in run], is_run=True))
    return found if not left else []


def _counts(line: Line, cells: Sequence[Cell]) -> bool:
    tokens: Decimal = sum((cell.tokens for cell in cells), ZERO)
    return line.quantity is not None and bool(tokens) and abs(line.quantity - tokens) <= _slack(line)


def _slack(line: Line) -> Decimal:
    """How far a count of tokens may be from the exact one by the last digit in which it is written."""
    return (line.row.get("quantity_step") or ZERO) / 2
