"""What a provider charges for what was used: the tokens and the price of each row, right or not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from pipeline.simulator.money.agreements import Agreement, expected_price
from pipeline.simulator.money.usage import Used


@dataclass(slots=True)
class Charge:
    """A row of usage with its expected price, and with tokens and price as billed."""

    used: Used
    expected: Decimal
    """USD per million tokens: by the contracts as they stand, else by the list."""
    price: Decimal
    """USD per million tokens that are charged."""
    billed: int
    """Tokens that are charged."""
    mark: str = ""
    """The fault that makes the charge another than expected."""

    @property
    def amount(self) -> Decimal:
        """USD charged, unrounded."""
        return self.price * self.billed / 1_000_000

    @property
    def price_effect(self) -> Decimal:
        """USD that the price puts on top of the expected."""
        return (self.price - self.expected) * self.billed / 1_000_000

    @property
    def quantity_effect(self) -> Decimal:
        """USD at the expected price of tokens that nobody metered."""
        return self.expected * (self.billed - self.used.tokens) / 1_000_000

    @property
    def due(self) -> Decimal:
        """USD of what was metered at the expected price."""
        return self.expected * self.used.tokens / 1_000_000


class Cell(NamedTuple):
    """What a price is set for."""

    provider: str
    model: str
    tier: str
    kind: str

    @classmethod
    def of(cls, charge: Charge) -> "Cell":
        """Return the cell of a charge."""
        used = charge.used
        return cls(used.provider, used.model, used.tier, used.kind)


def charged(rows: Iterable[Used], agreements: Sequence[Agreement]) -> list[Charge]:
    """Return the charges of a month as agreed."""
    priced = [(row, expected_price(agreements, row)) for row in rows]
    return [Charge(row, price, price, row.tokens) for row, price in priced]
