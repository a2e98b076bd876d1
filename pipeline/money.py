"""Exact money: decimals, largest remainders, no floats and no silent rounding."""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext

CENT = Decimal("0.01")
TINY = Decimal("0.000000000001")
"""The smallest amount that a money column holds."""


def quantize(amount: Decimal, unit: Decimal = TINY) -> Decimal:
    """Return the amount as a whole number of units, half to even."""
    with localcontext(prec=60):
        return amount.quantize(unit, rounding=ROUND_HALF_EVEN)


def split(total: Decimal, weights: Sequence[Decimal | int], unit: Decimal = CENT) -> list[Decimal]:
    """Split a total over weights into parts of whole units that add up to it exactly.

    Largest remainder; ties go to the earlier weight. What is smaller than a unit goes to the largest part.
    All weights zero, or none positive: everything to the first.
    """
    with localcontext(prec=50):
        units = (total / unit).to_integral_value(rounding=ROUND_HALF_EVEN)
        parts = [Decimal(part) * unit for part in split_integer(int(units), weights)]
        largest = max(range(len(parts)), key=lambda i: (abs(parts[i]), -i))
        parts[largest] += total - units * unit
        return parts


def to_cents(amounts: Sequence[Decimal], total: Decimal | None = None) -> list[Decimal]:
    """Return the signed amounts in whole cents such that they add up to the total in whole cents.

    Largest remainder, ties to the earlier amount: each is less than a cent away from its exact value as
    long as the total (by default the sum) is the sum of the amounts.
    """
    if not amounts:
        return []
    with localcontext(prec=60):
        goal = quantize(sum(amounts, Decimal(0)) if total is None else total, CENT)
        floors = [amount.quantize(CENT, rounding=ROUND_FLOOR) for amount in amounts]
        every, some = divmod(int((goal - sum(floors, Decimal(0))) / CENT), len(amounts))
        order = sorted(range(len(amounts)), key=lambda i: (floors[i] - amounts[i], i))
        parts = [floor + every * CENT for floor in floors]
        for i in order[:some]:
            parts[i] += CENT
        return parts


def split_integer(total: int, weights: Sequence[Decimal | int]) -> list[int]:
    """Split an integer over non-negative weights into integers that add up to it (largest remainder)."""
    if not weights:
        raise ValueError("nothing to split over: there are no weights")
    whole = sum(weights, Decimal(0))
    if whole <= 0:
        return [total] + [0] * (len(weights) - 1)
    sign = -1 if total < 0 else 1
    with localcontext(prec=50):
        shares = [abs(total) * Decimal(weight) / whole for weight in weights]
        floors = [int(share) for share in shares]
        order = sorted(range(len(shares)), key=lambda i: (floors[i] - shares[i], i))
        for i in order[: abs(total) - sum(floors)]:
            floors[i] += 1
    return [sign * part for part in floors]


def proportional(total: int, tokens: Sequence[int]) -> list[int]:
    """Split an integer in proportion to signed integers whose sum is positive (largest remainder).

    Every part lies within one of its exact share; ties go to the earlier one.
    """
    whole = sum(tokens)
    if whole <= 0:
        raise ValueError(f"nothing to split over: the parts add up to {whole}")
    shares = [divmod(total * part, whole) for part in tokens]
    floors = [share for share, _ in shares]
    order = sorted(range(len(shares)), key=lambda i: (-shares[i][1], i))
    for i in order[: total - sum(floors)]:
        floors[i] += 1
    return floors
