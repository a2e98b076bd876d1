"""A billed line on its way to recon.charge, and the cells of the meter that it is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from pipeline.money import CENT
from schemas.types import ALL, CHARGE_PARTS, TOKEN_KINDS

ZERO = Decimal(0)
DIGITS = 60
"""Precision in which lines are added up: whatever two columns of money multiply to stays exact."""

_NOISE, _DUST = Decimal("0.000000000001"), Decimal("0.000000001")
"""Exports of floating-point numbers are off by this share of an amount, and by this much."""


class Cell(NamedTuple):
    """Tokens of the meter, with their expected rate in dollars; null where nobody knows a price."""

    model: str
    service_tier: str
    token_kind: str
    day: date | None
    tokens: Decimal
    rate: Decimal | None
    origin: str = ""
    """Where the rate comes from."""


class Reason(NamedTuple):
    """A part of a price difference and why it is there."""

    effect: str
    usd: Decimal
    words: str


@dataclass(slots=True)
class Line:
    """One billed line; money in US dollars, at the rate that the invoice states where it states one."""

    row: dict[str, Any]
    """The line in the words of core.billed."""
    amount: Decimal
    step: Decimal
    """Smallest step of money that its export writes: a cent, or nothing where it writes all digits."""
    parts: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(CHARGE_PARTS, ZERO))
    rounded: int = 1
    """Amounts that were rounded to that step before they were summed."""
    rate: Decimal | None = None
    origin: str = ""
    """Where the expected rate comes from, or why there is none."""
    is_metered: bool = True
    reasons: list[Reason] = field(default_factory=list)
    candidates: str | None = None

    @property
    def quantity(self) -> Decimal | None:
        """Tokens billed; null on lines that count none."""
        return self.row["quantity"] if self.row["token_kind"] in TOKEN_KINDS else None

    @property
    def key(self) -> tuple[str | None, str | None, str | None, date | None]:
        """Model, kind, tier and day, as far as the line tells them; a kind without a model tells nothing."""
        model, tier = self.row["model"], self.row["service_tier"]
        kind = self.row["token_kind"] if model else None
        return model, kind, None if tier == ALL or not kind else tier, self.row["billed_on"]

    @property
    def tolerance(self) -> Decimal:
        """How far the amount may be from the exact one by rounding alone."""
        digits = (self.row.get("quantity_step") or ZERO) * (self.rate or ZERO)
        return self.step * self.rounded / 2 + digits / 2 + abs(self.amount) * _NOISE + _DUST


def step_of(rows: Sequence[dict[str, Any]]) -> Decimal:
    """A cent where all usage of an export is in whole cents of its currency, else nothing."""
    amounts = [row["amount"] for row in rows if row["category"] in {"usage", "adjustment"}]
    return CENT if amounts and all(amount == round(amount, 2) for amount in amounts) else ZERO
