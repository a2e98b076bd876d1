"""Credit that was bought or given before it is used: its grants, and what each month draws from them."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
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
Grant = tuple[str, str, str]
"""Provider, account and name of the grant."""
_SCHEMA = pl.Schema(Prepaid.empty().schema)


def prepaid(earlier: pl.DataFrame, tieout: pl.DataFrame, arrivals: Arrivals) -> pl.DataFrame:
    """Return the month's rows of recon.prepaid: grants that came, and usage that was drawn from them.

    `earlier` holds the rows of months before. A credit line that names a grant draws from it. A bill that no
    invoice charges for is paid from the account's grants, the oldest first; what goes beyond them is
    overdrawn. What is left of a grant in the month of its last day expires, after all that the month draws.
    Accounts that never had a grant have no rows.
    """
    month = str(arrivals.month)
    balances: dict[Account, dict[str, Decimal]] = defaultdict(dict)
    for row in earlier.sort("month", maintain_order=True).iter_rows(named=True):
        own = balances[row["provider"], row["account"]]
        own[row["grant_id"]] = own.get(row["grant_id"], ZERO) + row["usd"]
    last_days = _last_days(earlier)
    rows: list[tuple[Any, ...]] = []
    for entry, row, usd in _entries(arrivals):
        account = (row["provider"], row["account"])
        grant = row["grant_id"] or row["invoice_id"]
        own = balances[account]
        own[grant] = own.get(grant, ZERO) + usd
        if row["expires_on"]:
            last_days[*account, grant] = row["expires_on"]
        invoice_id = row["invoice_id"]
        rows.append((*account, grant, entry, invoice_id, usd, own[grant], f"invoice {invoice_id}"))
    rows += _expired(balances, last_days, arrivals.month.first_day - timedelta(days=1))
    awaited = tieout.filter(pl.col("invoice_id").is_null() & (pl.col("component") == "billed"))
    for provider, account, usd in awaited.sort("provider", "account")["provider", "account", "usd"].rows():
        grants = balances.get((provider, account))
        if grants:
            rows += [(provider, account, *drawn) for drawn in _draw(grants, usd)]
    rows += _expired(balances, last_days, arrivals.month.last_day)
    names = [name for name in _SCHEMA if name not in {"month", "expires_on"}]
    told = pl.DataFrame(rows, schema={name: _SCHEMA[name] for name in names}, orient="row")
    days = [last_days.get(key) for key in told["provider", "account", "grant_id"].rows()]
    found = told.with_columns(pl.Series("expires_on", days, dtype=pl.Date), month=pl.lit(month))
    return found.select(_SCHEMA.names())


def _last_days(earlier: pl.DataFrame) -> dict[Grant, date]:
    """The last day of each grant that expires; of several that were stated the one that came last."""
    known = earlier.filter(pl.col("expires_on").is_not_null()).sort("month", maintain_order=True)
    names = ["provider", "account", "grant_id", "expires_on"]
    return {(provider, account, grant): day for provider, account, grant, day in known.select(names).rows()}


def _expired(
    balances: dict[Account, dict[str, Decimal]], last_days: dict[Grant, date], until: date
) -> Iterator[tuple[Any, ...]]:
    """Write off what is left of grants whose last day is that day or an earlier one."""
    for key, last_day in sorted(last_days.items()):
        provider, account, grant = key
        left = balances[provider, account].get(grant, ZERO)
        if last_day <= until and left > 0:
            balances[provider, account][grant] = ZERO
            words = f"left after {last_day}, its last day"
            yield *key, "expired", None, -left, ZERO, words


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
