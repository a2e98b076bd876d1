"""Usage whose invoice has not come: accrued in its month, reversed in the one in which the invoice comes."""

from collections.abc import Iterator
from decimal import Decimal, localcontext
from typing import Any

import polars as pl

from pipeline.bills import bill
from pipeline.charges.arrivals import Arrivals
from pipeline.charges.line import DIGITS
from pipeline.money import CENT, quantize
from pipeline.period import Month
from schemas.charges import Accrual
from schemas.raw import Cost

_ACCOUNT = ["provider", "account"]
_SCHEMA = pl.Schema(Accrual.empty().schema)
_NO_COST = pl.Schema(Cost.empty().schema).to_frame()


def accruals(metered: pl.DataFrame, tieout: pl.DataFrame, month: Month) -> pl.DataFrame:
    """Return a row of recon.accrual per account whose metered usage no invoice bills, in whole cents.

    `metered` has tokens and `usd_per_token` by account; tokens without a price are counted beside the amount.
    """
    invoiced = tieout.filter(pl.col("invoice_id").is_not_null() & (pl.col("component") == "billed"))
    waiting = metered.join(_charging(invoiced, tieout), on=_ACCOUNT, how="anti")
    rows = []
    for (provider, account), cells in waiting.sort(_ACCOUNT).group_by(_ACCOUNT, maintain_order=True):
        with localcontext(prec=DIGITS):
            known = cells.drop_nulls("usd_per_token").select("tokens", "usd_per_token").rows()
            usd = quantize(sum((tokens * rate for tokens, rate in known), Decimal(0)), CENT)
        unpriced = cells.filter(pl.col("usd_per_token").is_null())["tokens"].sum()
        if usd or unpriced:
            words = "metered at the expected rate; no invoice bills it yet"
            rows.append((str(month), provider, account, "accrual", str(month), None, usd, unpriced, words))
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _charging(invoiced: pl.DataFrame, tieout: pl.DataFrame) -> pl.DataFrame:
    """Accounts whose usage an invoice bills; a note beside the cost export is no such invoice."""
    standing = tieout.filter(pl.col("invoice_id").is_null())
    return invoiced.select(_ACCOUNT).unique().join(standing, on=_ACCOUNT, how="anti")


def reversals(earlier: pl.DataFrame, arrivals: Arrivals) -> pl.DataFrame:
    """Return the reversals of earlier accruals whose invoice came by the end of the month, and the invoices.

    `earlier` holds rows of recon.accrual of months before. An accrual is reversed once. An invoice without a
    date of issue counts as come.
    """
    issued = pl.col("issued_on")
    come = arrivals.invoices.filter(issued.is_null() | (issued < arrivals.month.next.first_day))
    key = [*_ACCOUNT, "for_month"]
    done = earlier.filter(pl.col("entry") == "reversal")
    waiting = earlier.filter(pl.col("entry") == "accrual").join(done, on=key, how="anti").sort(key)
    came = arrivals._replace(invoices=come)
    rows = [row for accrual in waiting.iter_rows(named=True) for row in _reversed(accrual, came)]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _reversed(accrual: dict[str, Any], arrivals: Arrivals) -> Iterator[tuple[Any, ...]]:
    own = arrivals.invoices.filter(provider=accrual["provider"], account=accrual["account"])
    if own.is_empty():
        return
    of_month = Month.parse(accrual["for_month"])
    lines = bill(_NO_COST, own, arrivals.files, arrivals.settings, of_month).billed
    totals = lines.group_by("invoice_id").agg(pl.col("amount_usd").sum()).sort("invoice_id")
    if totals.is_empty() or lines["amount_usd"].null_count():
        return
    place = (str(arrivals.month), accrual["provider"], accrual["account"])
    when = accrual["for_month"]
    came = ", ".join(totals["invoice_id"])
    yield (*place, "reversal", when, None, -accrual["usd"], None, f"its invoice has come: {came}")
    for invoice_id, usd in totals.rows():
        yield (*place, "invoice", when, invoice_id, usd, None, "billed after its month was closed")
