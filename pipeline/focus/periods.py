"""Billing periods and charge periods as instants, and which billing periods are closed."""

from collections.abc import Iterable

import polars as pl

from pipeline.closing import LOCKS, standing
from pipeline.metering.zones import day_start
from pipeline.period import Month
from schemas.focus_invoices import BillingPeriod

NAME = "report.billing_period"
_SCHEMA = pl.Schema(BillingPeriod.empty().schema)
_MONTHS = [*LOCKS, "reopened"]


def billing_day(month: Month, is_correction: pl.Expr, issued_on: pl.Expr) -> pl.Expr:
    """First day of the billing period: the month's own, and of a later correction that of its issue.

    FOCUS, CorrectionHandling: a correction of an invoiced period belongs to a later, open one.
    """
    is_later = is_correction & (issued_on >= month.next.first_day)
    return pl.when(is_later).then(issued_on.dt.month_start()).otherwise(month.first_day)


def bounds(first_day: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """BillingPeriodStart and BillingPeriodEnd in the zone of the row's `provider`."""
    return (
        day_start(first_day).alias("BillingPeriodStart"),
        day_start(first_day.dt.offset_by("1mo")).alias("BillingPeriodEnd"),
    )


def billing_periods(month: Month, frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return report.billing_period of charges and invoices; all open, until `with_standing` knows better."""
    key = ["InvoiceIssuerName", "BillingPeriodStart", "BillingPeriodEnd"]
    found = pl.concat([frame.select(key) for frame in frames]).unique()
    # a period starts at midnight of a zone, up to half a day away from that of UTC
    name = pl.col("BillingPeriodStart").dt.offset_by("12h").dt.strftime("%Y-%m")
    told = {"month": str(month), "BillingPeriodStatus": "Open"}
    return _of(found.with_columns(**{n: pl.lit(v) for n, v in told.items()}, x_BillingMonth=name))


def with_standing(periods: pl.DataFrame, ledger: pl.DataFrame) -> pl.DataFrame:
    """Return the periods as the ledger of all months' closing has them."""
    rows = []
    for name in sorted(set(periods["x_BillingMonth"])):
        own = ledger.filter(month=name)
        status = "Closed" if standing(own).is_locked else "Open"
        events = own.filter(pl.col("event").is_in(_MONTHS))["recorded_at"]
        rows.append((name, status, events.min(), events.max()))
    names = ["x_BillingMonth", "BillingPeriodStatus", "BillingPeriodCreated", "BillingPeriodLastUpdated"]
    told = pl.DataFrame(rows, schema={name: _SCHEMA[name] for name in names}, orient="row")
    return _of(periods.drop(names[1:]).join(told, on="x_BillingMonth", how="left"))


def _of(frame: pl.DataFrame) -> pl.DataFrame:
    columns = [
        pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in _SCHEMA.items()
    ]
    return frame.select(columns).sort(pl.all(), nulls_last=True)
