"""`[[budgets]]` of the configuration: what a team may spend in a month."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import combinations
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from pipeline.period import Month
from pipeline.sections import Section


class Budget(Section):
    """Dollars a month for a team, in the months whose first day lies in its dates."""

    team: Annotated[str, Field(min_length=1)]
    usd: Decimal = Field(gt=0, le=10**12, decimal_places=12)
    """US dollars a month."""
    valid_from: date | None = None
    """First day on which it holds."""
    valid_to: date | None = None
    """First day on which it no longer holds."""

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "Budget":
        if self.valid_from and self.valid_to and self.valid_to <= self.valid_from:
            raise ValueError(
                f"valid_to {self.valid_to} of team '{self.team}' is not after valid_from {self.valid_from}; "
                "valid_to is the first day on which it no longer holds"
            )
        return self

    def holds_in(self, month: Month) -> bool:
        """Return whether the first day of a month lies inside."""
        first = month.first_day
        return (self.valid_from or first) <= first and (self.valid_to is None or first < self.valid_to)

    def meets(self, other: "Budget") -> bool:
        """Return whether there is a day on which both hold."""
        start = max(self.valid_from or date.min, other.valid_from or date.min)
        return start < min(self.valid_to or date.max, other.valid_to or date.max)


def _one_at_a_time(budgets: tuple[Budget, ...]) -> tuple[Budget, ...]:
    for one, other in combinations(budgets, 2):
        if one.team == other.team and one.meets(other):
            raise ValueError(
                f"team '{one.team}' has two budgets at the same time, of {one.usd} and of {other.usd}; "
                "give the older one a valid_to"
            )
    return budgets


Budgets = Annotated[tuple[Budget, ...], AfterValidator(_one_at_a_time)]


def budgets_of(budgets: Sequence[Budget], month: Month) -> dict[str, Decimal]:
    """Return team -> dollars of a month."""
    return {budget.team: budget.usd for budget in budgets if budget.holds_in(month)}


def strangers(budgets: Sequence[Budget], known: set[str]) -> Iterator[str]:
    """Yield the teams with a budget that are not among those known, each once, in order."""
    yield from sorted({budget.team for budget in budgets} - known)
