"""Report: invoices and billing periods in the words of FOCUS 1.4 (InvoiceDetail, BillingPeriod)."""

import polars as pl

from schemas.parts import Monthly
from schemas.types import Amount, Instant, Quantity, Usd, column, maybe, rule

CHARGE_CATEGORIES = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
CURRENCY = r"^[A-Z]{3}$"

_IS_SAME_CURRENCY = pl.col("PaymentCurrency") == pl.col("BillingCurrency")


class _Period(Monthly):
    """A billing period of an issuer."""

    BillingPeriodEnd: Instant = column("First instant after the billing period.")
    BillingPeriodStart: Instant = column("First instant of the billing period, a calendar month.")
    InvoiceIssuerName: str = column("Issuer as printed on the invoice, else who sells.", str_matches=r"\S")

    period_ends_after_it_starts = rule(
        "BillingPeriodEnd is exclusive and after BillingPeriodStart",
        pl.col("BillingPeriodStart") < pl.col("BillingPeriodEnd"),
    )


class InvoiceDetail(_Period):
    """One row per line of an invoice as issued, after FOCUS 1.4; voided invoices too."""

    BilledCost: Usd = maybe("Amount in US dollars of the books; null while no exchange rate is known.")
    BillingAccountId: str = column("Provider account.")
    BillingCurrency: str = column("Currency of the books.", str_matches=CURRENCY)
    ChargeCategory: str = column("Usage, Purchase, Tax, Credit or Adjustment.", isin=list(CHARGE_CATEGORIES))
    InvoiceDetailCreated: Instant = maybe("When the line was first seen: a stated pull, else the issue.")
    InvoiceDetailDescription: str = maybe("Text of the line.", str_matches=r"\S")
    InvoiceDetailGrain: str = maybe(
        "JSON object of what tells the line from others.", str_matches=r"^\{.+\}$"
    )
    InvoiceDetailId: str = column("Number of the line within its invoice, from 1.")
    InvoiceDetailLastUpdated: Instant = maybe("When the file came that holds now: a pull, else the issue.")
    InvoiceId: str = column("Number of the invoice.")
    InvoiceIssueDate: Instant = maybe("Date of issue; null when not told.")
    InvoiceIssueStatus: str = column(
        "Open, Issued or Voided; an invoice of which nobody tells is issued.",
        isin=["Open", "Issued", "Voided"],
    )
    PaymentCurrency: str = column("Currency as printed on the invoice.", str_matches=CURRENCY)
    PaymentCurrencyBilledCost: Amount = column("Amount as printed on the invoice.")
    PaymentCurrencyInvoiceDetailId: str = column("The line itself: both currencies have the same lines.")
    PaymentDueDate: Instant = maybe("Not told by the sources of today.")
    PaymentTerms: str = maybe("Not told by the sources of today.")
    ReferenceInvoiceId: str = column("The invoice that this one adjusts, else the invoice itself.")
    x_Category: str = column("Category of the line as in the manifest.")
    x_PricingQuantity: Quantity = maybe("Quantity of the line, where printed.")
    x_PricingUnit: str = maybe("Its unit, as printed.")
    x_Provider: str = column("Slug of the provider.")

    lines_have_one_grain = rule(
        "PaymentCurrencyInvoiceDetailId is the line itself",
        pl.col("PaymentCurrencyInvoiceDetailId") == pl.col("InvoiceDetailId"),
    )
    amounts_agree = rule(
        "in one currency BilledCost is PaymentCurrencyBilledCost",
        ~_IS_SAME_CURRENCY | pl.col("BilledCost").eq_missing(pl.col("PaymentCurrencyBilledCost")),
    )

    class Config:
        """See Closed."""

        name = "report.invoice_detail"
        unique = ["month", "x_Provider", "BillingAccountId", "InvoiceId", "InvoiceDetailId"]


class BillingPeriod(_Period):
    """One row per issuer and billing period of the month's charges, after FOCUS 1.4."""

    BillingPeriodCreated: Instant = maybe("When the period was closed first; null while it never was.")
    BillingPeriodLastUpdated: Instant = maybe("When it was last closed or reopened; null while it never was.")
    BillingPeriodStatus: str = column("Closed while its month is locked, else Open.", isin=["Open", "Closed"])
    x_BillingMonth: str = column("The calendar month, as YYYY-MM.", str_matches=r"^\d{4}-\d{2}$")

    closed_periods_have_a_date = rule(
        "a closed period says when it was closed, and never before it was made",
        (pl.col("BillingPeriodStatus") == "Open")
        | (
            pl.col("BillingPeriodCreated").is_not_null()
            & (pl.col("BillingPeriodCreated") <= pl.col("BillingPeriodLastUpdated"))
        ),
    )

    class Config:
        """See Closed."""

        name = "report.billing_period"
        unique = ["month", "InvoiceIssuerName", "BillingPeriodStart"]
