"""Credit that was bought or given before it is used: its grants, and what each month draws from them."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import polars as pl

from pipeline.charges.arrivals import Arrivals
from pipeline.charges.line import ZERO
from pipeline.exchange_settings import exchange_rate
from pipeline.metering.restatement import latest_invoices
from pipeline.money import quantize
from pipeline.period import Month
from pipeline.settings import Settings
from schemas.charges import Prepaid

Account = tuple[str, str]
_SCHEMA = pl.Schema(Prepaid.empty().schema)


def prepaid(earlier: pl.DataFrame, tieout: pl.DataFrame, arrivals: Arrivals) -> pl.DataFrame:
    """Return the month's rows of recon.prepaid: grants that came, and usage that was drawn from them.

    `earlier` holds the rows of months before. A credit line that names a grant draws from it. A bill that no
    invoice charges for is paid from the account's grants, the oldest first; what goes beyond them is
    overdrawn. Accounts that never had a grant have no rows.
    """
    month = str(arrivals.month)
    balances: dict[Account, dict[str, Decimal]] = defaultdict(dict)
    for row in earlier.sort("month", maintain_order=True).iter_rows(named=True):
        own = balances[row["provider"], row["account"]]
        own[row["grant_id"]] = own.get(row["grant_id"], ZERO) + row["usd"]
    rows = []
    for entry, row, usd in _entries(arrivals):
        account = (row["provider"], row["account"])
        grant = row["grant_id"] or row["invoice_id"]
        own = balances[account]
        own[grant] = own.get(grant, ZERO) + usd
        invoice_id = row["invoice_id"]
        rows.append((month, *account, grant, entry, invoice_id, usd, own[grant], f"invoice {invoice_id}"))
    awaited = tieout.filter(pl.col("invoice_id").is_null() & (pl.col("component") == "billed"))
    for provider, account, usd in awaited.sort("provider", "account")["provider", "account", "usd"].rows():
        grants = balances.get((provider, account))
        if grants:
            rows += [(month, provider, account, *drawn) for drawn in _draw(grants, usd)]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _entries(arrivals: Arrivals) -> Iterator[tuple[str, dict[str, Any], Decimal]]:
    """Lines that grant credit, by date of issue, then those that draw from a named grant, by period."""
    month, settings = arrivals.month, arrivals.settings
    place = ["provider", "account", "invoice_id", "line", "position"]
    current = latest_invoices(arrivals.invoices, arrivals.files).rows
    issued, starts = (
        day.is_between(month.first_day, month.next.first_day, closed="left")
        for day in (pl.coalesce("issued_on", "period_start_on"), pl.col("period_start_on"))
    )
    bought = current.filter(issued & (pl.col("category") == "prepayment"))
    for row in bought.sort(place).iter_rows(named=True):
        if (usd := booked_usd(row, settings, month)) is not None:
            yield "granted", row, usd
    is_draw = pl.col("grant_id").is_not_null() & (pl.col("category") == "credit")
    for row in current.filter(starts & is_draw).sort(place).iter_rows(named=True):
        if (usd := booked_usd(row, settings, month)) is not None:
            yield "drawn", row, usd


def booked_usd(row: dict[str, Any], settings: Settings, month: Month) -> Decimal | None:
    """Return what a row of raw.invoice is worth in the books; null where nobody states a rate."""
    if row["currency"] == "USD":
        return Decimal(row["amount"])
    booked = exchange_rate(settings.exchange_rates, row["currency"], row["issued_on"], month)
    rate = booked.usd if booked else row["exchange_rate"]
    return None if rate is None else quantize(row["amount"] * rate)


def _draw(grants: dict[str, Decimal], usd: Decimal) -> Iterator[tuple[str, str, None, Decimal, Decimal, str]]:
    """Draw an amount from grants in their order."""
    words = "usage of the month that no invoice charges for"
    rest = usd
    for grant, balance in grants.items():
        part = min(max(balance, ZERO), rest)
        if part > 0:
            grants[grant] -= part
            rest -= part
            yield grant, "drawn", None, -part, grants[grant], words
    if rest > 0:
        last = next(reversed(grants))
        grants[last] -= rest
        yield last, "overdrawn", None, -rest, grants[last], words
