"""Tokens billed under another kind: no line charges for theirs, and a line beside it holds as many."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from pipeline.charges.alternatives import NEIGHBOURS
from pipeline.charges.line import ZERO, Cell
from pipeline.charges.matching import Group, worth


def taken_for(groups: Sequence[Group], rest: Sequence[Cell]) -> list[Cell]:
    """Give tokens without a line to the group that bills them under its own kind; return the others.

    A group of lines that count tokens must have just as many too many; one that tells dollars only must make
    them with these tokens at its own rate.
    """
    left = list(rest)
    for group in groups:
        if not left:
            break
        for cells in _beside(group, left):
            if _holds(group, cells):
                group.cells += cells
                left = [cell for cell in left if cell not in cells]
                break
    return left


def _beside(group: Group, rest: Sequence[Cell]) -> list[list[Cell]]:
    """The tokens of each neighbouring kind that have the group's model, tier and day."""
    model, kind, tier, day = group.lines[0].key
    found: dict[str, list[Cell]] = defaultdict(list)
    for cell in rest:
        is_near = kind in NEIGHBOURS.get(cell.token_kind, ())
        if is_near and cell.model == model and tier in {None, cell.service_tier} and day in {None, cell.day}:
            found[cell.token_kind].append(cell)
    return [found[name] for name in sorted(found)]


def _holds(group: Group, cells: Sequence[Cell]) -> bool:
    rates = {cell.rate for cell in group.cells}
    rate = next(iter(rates)) if len(rates) == 1 else None
    if rate is None:
        return False
    tokens: Decimal = sum((cell.tokens for cell in cells), ZERO)
    if all(line.quantity is not None for line in group.lines):
        billed = sum((line.quantity or ZERO for line in group.lines), ZERO)
        return bool(tokens) and billed - sum((cell.tokens for cell in group.cells), ZERO) == tokens
    missing = sum((line.amount for line in group.lines), ZERO) - worth(group.cells)
    tolerance = sum((line.tolerance for line in group.lines), ZERO)
    return tokens * rate > 2 * tolerance and abs(missing - tokens * rate) <= tolerance
