"""Report: the month as entries of a general ledger."""

import polars as pl

from schemas.parts import Monthly
from schemas.types import Cents, column, maybe, rule

ENTRIES = ("invoice", "purchase", "accrual", "reversal", "late_invoice", "prepaid_drawn", "prepaid_expired")
"""What an entry is, in the order of the file."""

_DEBIT, _CREDIT = pl.col("debit"), pl.col("credit")


class JournalLine(Monthly):
    """One row per entry and line: debits and credits of an entry are the same, in whole cents."""

    entry_id: str = column("The same for the lines of an entry; made of month, kind, account and document.")
    entry: str = column(
        "invoice (of the month), purchase of prepaid credit, accrual of usage that no invoice bills, "
        "its reversal, late_invoice, prepaid_drawn, or prepaid_expired.",
        isin=list(ENTRIES),
    )
    line_number: pl.Int64 = column("Place of the line within its entry, from 1.", ge=1)
    posted_on: pl.Date = column("Last day of the month.")
    account: str = column("Account of the general ledger.")
    cost_centre: str = maybe(
        "Cost centre; null on accounts of the balance sheet and where none is configured."
    )
    debit: Cents = column("Debit; zero on a credit line.", ge=0)
    credit: Cents = column("Credit; zero on a debit line.", ge=0)
    currency: str = column("Currency of the books.", str_matches=r"^[A-Z]{3}$")
    description: str = column("What the line is, in words.")
    provider: str = column("Slug of the provider.")
    provider_account: str = column("Provider account.")
    team: str = column("Team or pool; empty on lines of none.")
    category: str = maybe("Category of the charge; null on the other side of the entry.")
    invoice_id: str = maybe("Number of the invoice; null where none has come.")
    source: str = column("Table that the amount is from, and what to look for in it.")

    is_one_sided = rule("a line is a debit or a credit, never both", (_DEBIT == 0) != (_CREDIT == 0))

    class Config:
        """See Closed."""

        name = "report.journal"
        unique = ["month", "entry_id", "line_number"]
