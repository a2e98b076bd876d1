"""Cents that add up: what stands in a column of the page sums to what stands below it."""

from decimal import Decimal

from pipeline.money import CENT, quantize

ZERO = Decimal(0)


def cents(amount: Decimal) -> Decimal:
    """Return the amount in whole cents, half to even."""
    return quantize(amount, CENT)


def agree(first: Decimal, second: Decimal) -> bool:
    """Whether two amounts that must be one differ by less than a cent."""
    return abs(first - second) < CENT
