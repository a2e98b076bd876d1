"""InvoiceDetail of FOCUS 1.4: the lines of invoices as issued, in dollars of the books and as printed."""

import polars as pl

from pipeline.charges.arrivals import Arrivals
from pipeline.charges.prepaid import booked_usd
from pipeline.focus.json_text import objects
from pipeline.focus.periods import billing_day, bounds
from pipeline.focus.words import BOOKS, CATEGORIES
from pipeline.metering.restatement import newest_invoices
from schemas.focus_invoices import InvoiceDetail

NAME = "report.invoice_detail"
_SCHEMA = pl.Schema(InvoiceDetail.empty().schema)
_INVOICE = ["provider", "account", "invoice_id"]
_GRAIN = {
    "SkuMeter": "description",
    "x_ModelId": "model",
    "x_TokenKind": "token_kind",
    "x_ServiceTier": "service_tier",
}
_STATED = ("configured", "name")
"""Pulls whose time somebody states; the time of a file changes when it is copied."""


def lines_of_month(arrivals: Arrivals) -> pl.DataFrame:
    """Return the newest rows of raw.invoice of the month, voided ones too, with `usd` and `number`."""
    month = arrivals.month
    starts = pl.col("period_start_on").is_between(month.first_day, month.next.first_day, closed="left")
    rows = newest_invoices(arrivals.invoices, arrivals.files).filter(starts)
    rows = rows.sort(*_INVOICE, "line", "position")
    usd = [booked_usd(row, arrivals.settings, month) for row in rows.iter_rows(named=True)]
    return rows.with_columns(
        pl.Series("usd", usd, dtype=_SCHEMA["BilledCost"]),
        number=pl.int_range(1, pl.len() + 1).over(_INVOICE).cast(pl.String),
    )


def invoice_detail(arrivals: Arrivals) -> pl.DataFrame:
    """Return report.invoice_detail: one row per line of each invoice whose period starts in the month."""
    rows = lines_of_month(arrivals).join(_seen(arrivals), on=[*_INVOICE, "file_id"], how="left")
    reference = pl.coalesce("reference_invoice_id", "invoice_id")
    issued_at = pl.col("issued_on").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    first_day = billing_day(arrivals.month, reference != pl.col("invoice_id"), pl.col("issued_on"))
    start, end = bounds(first_day)
    told = {
        "month": pl.lit(str(arrivals.month)),
        "BillingPeriodStart": start,
        "BillingPeriodEnd": end,
        "InvoiceIssuerName": pl.col("issuer"),
        "BilledCost": pl.col("usd"),
        "BillingAccountId": pl.col("account"),
        "BillingCurrency": pl.lit(BOOKS),
        "ChargeCategory": pl.col("category").replace_strict(CATEGORIES, return_dtype=pl.String),
        "InvoiceDetailCreated": pl.coalesce("first_seen_at", issued_at),
        "InvoiceDetailDescription": _told("description"),
        "InvoiceDetailGrain": pl.lit(objects(rows, _GRAIN)),
        "InvoiceDetailId": pl.col("number"),
        "InvoiceDetailLastUpdated": pl.coalesce("seen_at", issued_at),
        "InvoiceId": pl.col("invoice_id"),
        "InvoiceIssueDate": issued_at,
        "InvoiceIssueStatus": pl.col("issue_status").fill_null("Issued"),
        "PaymentCurrency": pl.col("currency"),
        "PaymentCurrencyBilledCost": pl.col("amount"),
        "PaymentCurrencyInvoiceDetailId": pl.col("number"),
        "ReferenceInvoiceId": reference,
        "x_Category": pl.col("category"),
        "x_PricingQuantity": pl.col("quantity"),
        "x_PricingUnit": pl.col("quantity_unit"),
        "x_Provider": pl.col("provider"),
    }
    unknown = {name: pl.lit(None) for name in _SCHEMA if name not in told}
    columns = told | unknown
    return rows.select(columns[name].cast(dtype).alias(name) for name, dtype in _SCHEMA.items())


def _seen(arrivals: Arrivals) -> pl.DataFrame:
    """When each file of an invoice was pulled, and the first of them, as far as somebody states it."""
    stated = arrivals.files.filter(pl.col("pulled_at_basis").is_in(_STATED))
    pulls = stated.group_by("file_id").agg(seen_at=pl.col("pulled_at").min())
    rows = arrivals.invoices.select(*_INVOICE, "file_id").unique().join(pulls, on="file_id", how="left")
    return rows.with_columns(first_seen_at=pl.col("seen_at").min().over(_INVOICE))


def _told(column: str) -> pl.Expr:
    """A text, or null where it is blank."""
    return pl.when(pl.col(column).str.contains(r"\S")).then(pl.col(column))
