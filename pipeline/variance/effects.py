"""Price, cache hit, mix and volume: what moves a team's cost from one month to the next, adding up exactly.

All sums are fractions until the end. Then three effects are rounded to a millionth of a millionth, half to
even, and volume takes what is left, so that every line adds up as it stands.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import NamedTuple, TypeVar

from pipeline.money import TINY

CACHED_INPUT = ("input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "cache_write_other")
"""Kinds among which a prompt is divided by what the cache holds."""

_Name = TypeVar("_Name")


class Cell(NamedTuple):
    """A token kind of a line, whose price is known in both months."""

    token_kind: str
    prior_tokens: int
    prior_usd: Decimal
    tokens: int
    usd: Decimal

    @property
    def last_price(self) -> Fraction:
        """Dollars a token last month; of a kind that was not used then, those of this month."""
        if self.prior_tokens:
            return Fraction(self.prior_usd) / self.prior_tokens
        return Fraction(self.usd) / self.tokens if self.tokens else Fraction(0)


class Effects(NamedTuple):
    """Dollars by effect; their sum is the change of the line."""

    price: Decimal
    cache_hit: Decimal
    mix: Decimal
    volume: Decimal


class _Line(NamedTuple):
    """A line that stands in both months, valued at last month's prices."""

    prior: Fraction
    """Prior tokens at last month's prices."""
    now: Fraction
    """This month's tokens at last month's prices."""
    cache_hit: Fraction
    price: Fraction
    change: Decimal


def effects(lines: Mapping[_Name, Sequence[Cell]], lasting: frozenset[_Name]) -> dict[_Name, Effects]:
    """Return the effects on each line of one team; `lasting` are the lines that stand in both months.

    A line is a provider, account, model and service tier. What stands in one month only is volume, whole.
    Of the others, with last month's price a token of each kind:

    - price: this month's tokens at this month's prices, less at last month's; also dollars without tokens.
    - cache_hit: the input of a line as it is divided over cache reads, writes and the rest, less the same
      input divided as last month.
    - volume: last month's cost times the growth of the team's tokens.
    - mix: what is left: models, tiers, output and other kinds that grew otherwise than the team's tokens.

    Where last month's tokens come to nothing there is no growth to speak of, and mix is a part of volume.
    """
    valued = {name: _valued(cells) for name, cells in lines.items() if name in lasting}
    old = sum(cell.prior_tokens for name in valued for cell in lines[name])
    new = sum(cell.tokens for name in valued for cell in lines[name])
    growth = Fraction(new, old) if old > 0 else None
    with localcontext(prec=60):
        return {
            name: _placed(valued[name], growth) if name in valued else _only_once(cells)
            for name, cells in lines.items()
        }


def _valued(cells: Sequence[Cell]) -> _Line:
    prices = [cell.last_price for cell in cells]
    prior = sum((price * cell.prior_tokens for price, cell in zip(prices, cells, strict=True)), Fraction(0))
    now = sum((price * cell.tokens for price, cell in zip(prices, cells, strict=True)), Fraction(0))
    with localcontext(prec=60):
        before = sum((cell.prior_usd for cell in cells), Decimal(0))
        after = sum((cell.usd for cell in cells), Decimal(0))
        change = after - before
    price = (Fraction(after) - now) - (Fraction(before) - prior)
    return _Line(prior, now, _cache_hit(cells), price, change)


def _cache_hit(cells: Sequence[Cell]) -> Fraction:
    """What this month's input costs at last month's prices, less what it would with last month's shares."""
    mine = [cell for cell in cells if cell.token_kind in CACHED_INPUT]
    old, new = sum(cell.prior_tokens for cell in mine), sum(cell.tokens for cell in mine)
    if old <= 0:
        return Fraction(0)
    prior = sum((cell.last_price * cell.prior_tokens for cell in mine), Fraction(0))
    now = sum((cell.last_price * cell.tokens for cell in mine), Fraction(0))
    return now - prior * new / old


def _placed(line: _Line, growth: Fraction | None) -> Effects:
    quantity = line.now - line.cache_hit - line.prior
    volume = quantity if growth is None else line.prior * (growth - 1)
    price, cache_hit, mix = (_money(amount) for amount in (line.price, line.cache_hit, quantity - volume))
    return Effects(price, cache_hit, mix, line.change - price - cache_hit - mix)


def _only_once(cells: Sequence[Cell]) -> Effects:
    nothing = Decimal(0)
    change = sum((cell.usd - cell.prior_usd for cell in cells), nothing)
    return Effects(nothing, nothing, nothing, change)


def _money(amount: Fraction) -> Decimal:
    """Return a whole number of millionths of a millionth, half to even."""
    return round(amount / Fraction(TINY)) * TINY
