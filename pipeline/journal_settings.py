"""`[journal]` of the configuration: accounts of the general ledger and cost centres."""

from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field

from pipeline.sections import Section

Code = Annotated[str, Field(min_length=1, max_length=60)]
"""An account or a cost centre, as the ledger names it; in quotes, so that leading zeros stay."""


class Expense(Section):
    """An expense account and whose charges go there; the first that fits counts."""

    account: Code
    team: str = "*"
    """Glob of the team."""
    category: str = "*"
    """Glob of the category of the charge: usage, fee, minimum, credit, discount, adjustment."""
    provider: str = "*"
    """Glob of the provider."""

    def fits(self, team: str, category: str, provider: str) -> bool:
        """Return whether a charge goes there."""
        pairs = ((team, self.team), (category, self.category), (provider, self.provider))
        return all(fnmatchcase(value, glob) for value, glob in pairs)


class Journal(Section):
    """Where the lines of the journal go. What is not configured goes to accounts named in words."""

    expense: Code = "llm_expense"
    """Expense account of charges that no entry of `expenses` fits."""
    expenses: tuple[Expense, ...] = ()
    tax: Code = "input_tax"
    """Tax on invoices. Tax that is not recoverable: name an expense account."""
    payables: Code = "accounts_payable"
    accrued: Code = "accrued_liabilities"
    """Usage that no invoice bills yet."""
    prepaid: Code = "prepaid_llm_credit"
    """Credit that is bought before it is used."""
    expired: Code = "expired_llm_credit"
    """Expense account of credit that expired before it was used."""
    rounding: Code = "rounding_differences"
    """What makes an invoice whole cents."""
    cost_centre: Code | None = None
    """Cost centre of teams that have none of their own."""
    cost_centres: dict[str, Code] = Field(default_factory=dict)
    """Team or pool -> cost centre."""

    def account_of(self, team: str, category: str, provider: str) -> str:
        """Return the account of a charge."""
        if category in {"tax", "rounding"}:
            return self.tax if category == "tax" else self.rounding
        fitting = (rule.account for rule in self.expenses if rule.fits(team, category, provider))
        return next(fitting, self.expense)

    def cost_centre_of(self, team: str) -> str | None:
        """Return the cost centre of a team or pool."""
        return self.cost_centres.get(team, self.cost_centre)
