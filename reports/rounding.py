"""Cents that add up: what stands in a column of the page sums to what stands below it."""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal, localcontext

from pipeline.money import CENT, quantize

ZERO = Decimal(0)


def cents(amount: Decimal) -> Decimal:
    """Return the amount in whole cents, half to even."""
    return quantize(amount, CENT)


def to_cents(amounts: Sequence[Decimal], total: Decimal | None = None) -> list[Decimal]:
    """Return the signed amounts in whole cents such that they add up to the total in whole cents.

    Largest remainder, ties to the earlier amount: each is less than a cent away from its exact value as
    long as the total (by default the sum) is the sum of the amounts.
    """
    if not amounts:
        return []
    with localcontext(prec=50):
        goal = cents(sum(amounts, ZERO) if total is None else total)
        floors = [_floor(amount) for amount in amounts]
        every, some = divmod(int((goal - sum(floors, ZERO)) / CENT), len(amounts))
        floors = [floor + every * CENT for floor in floors]
        order = sorted(range(len(amounts)), key=lambda i: (_floor(amounts[i]) - amounts[i], i))
        for i in order[:some]:
            floors[i] += CENT
        return floors


def agree(first: Decimal, second: Decimal) -> bool:
    """Whether two amounts that must be one differ by less than a cent."""
    return abs(first - second) < CENT


def _floor(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, rounding=ROUND_FLOOR)
