"""What leaves the month for the books and for FinOps tools: journal, FOCUS charges, invoices and periods."""

from collections.abc import Mapping

import polars as pl

from pipeline import journal
from pipeline.charges.arrivals import Arrivals
from pipeline.focus import allocation, invoices, periods
from schemas.journal import JournalLine


def ledger_tables(
    raw: Mapping[str, pl.DataFrame], tables: Mapping[str, pl.DataFrame], arrivals: Arrivals
) -> dict[str, pl.DataFrame]:
    """Return report.allocation, .invoice_detail, .billing_period and .journal of a month.

    `tables` are its recon tables and report.close; `raw` may hold the journal of months before.
    """
    charged = allocation.cost_and_usage(tables, raw["raw.cost"], arrivals)
    detail = invoices.invoice_detail(arrivals)
    nothing = pl.Schema(JournalLine.empty().schema).to_frame()
    return {
        allocation.NAME: charged,
        invoices.NAME: detail,
        periods.NAME: periods.billing_periods(arrivals.month, (charged, detail)),
        journal.NAME: journal.journal(tables, raw.get(journal.NAME, nothing), arrivals),
    }
