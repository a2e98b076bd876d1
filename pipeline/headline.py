"""The sentence that a reader sees first: an amount, and how much of it nobody can account for."""

from collections.abc import Callable
from decimal import Decimal


def usd(amount: Decimal) -> str:
    """Return dollars to the cent."""
    return f"{'−' if amount < 0 else ''}${abs(amount):,.2f}"


def sentence(opening: str, amount: Decimal, rest: Decimal, told: Callable[[Decimal], str] = usd) -> str:
    """Return the opening with its amount, and what of it is unexplained; dollars unless told otherwise.

    A rest that cannot be a part of the amount is said as what the amount is more or less than.
    """
    start = f"{opening} {told(amount)}"
    if not rest:
        return f"{start}, and all of it is accounted for."
    size = f"{told(abs(rest))}{_share(abs(rest), abs(amount))}"
    if 0 < rest <= amount:
        return f"{start}, of which {size} is unexplained."
    return f"{start}, {size} {'more' if rest > 0 else 'less'} than traces and known causes add up to."


def uncompared(opening: str, amount: Decimal, told: Callable[[Decimal], str] = usd) -> str:
    """Return the opening with its amount in a month without any trace: nothing is explained."""
    return f"{opening} {told(amount)}, and no trace of the month was read that it could be compared with."


def _share(part: Decimal, whole: Decimal) -> str:
    if not whole:
        return ""
    percent = part * 100 / whole
    return f" ({'<0.1' if percent < Decimal('0.05') else f'{percent:,.1f}'} %)"
