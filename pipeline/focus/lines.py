"""Billed lines with what FOCUS asks of them: their periods, invoice, unit and list price."""

from collections.abc import Mapping

import polars as pl

from pipeline.charges.arrivals import Arrivals
from pipeline.focus.periods import billing_day, bounds
from pipeline.focus.prices import list_prices
from pipeline.focus.shares import LINE
from pipeline.focus.words import seller
from pipeline.metering.restatement import latest_invoices
from pipeline.metering.zones import day_start

_PLACE = ["file_id", "line", "position"]
_INVOICE = LINE[:3]
_OPEN = ("unexplained_price", "unpriced")
"""Effects on a price that leave a line open."""


def focus_lines(tables: Mapping[str, pl.DataFrame], cost: pl.DataFrame, arrivals: Arrivals) -> pl.DataFrame:
    """Return one row per line of recon.charge, by provider, account, invoice_id and line_number."""
    charges = tables["recon.charge"]
    prices = list_prices(charges, tables["recon.expected_rate"])
    opened = tables["recon.price_effect"].filter(pl.col("effect").is_in(_OPEN)).select(LINE).unique()
    rows = (
        charges.select(
            *LINE, *_PLACE, "line_item", "fee_kind", "billed_on", "quantity", "charge_class",
            pl.col("expected_unit_price").alias("contracted_usd_per_token"),
            is_open=pl.col("quantity_usd") != 0,
        )
        .join(_as_sent(cost, arrivals.invoices), on=_PLACE, how="left")
        .join(prices, on=LINE, how="left", nulls_equal=True)
        .join(_invoices(arrivals), on=_INVOICE, how="left")
        .join(opened.with_columns(has_gap=pl.lit(value=True)), on=LINE, how="left", nulls_equal=True)
    )  # fmt: skip
    return _with_periods(rows, arrivals).select(
        *LINE, *_PERIODS, "ChargeClass", "line_item", "fee_kind", "quantity", "quantity_unit", "context",
        "contracted_usd_per_token", "list_usd_per_token", "reference_invoice_id",
        InvoiceIssuerName=pl.coalesce("issuer", seller(pl.col("provider"))),
        is_open=pl.col("is_open") | pl.col("has_gap").fill_null(value=False),
    )  # fmt: skip


_PERIODS = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")


def _as_sent(cost: pl.DataFrame, invoices: pl.DataFrame) -> pl.DataFrame:
    """The unit of each row as its file has it, and the billing period that an itemised bill names."""
    period = pl.col("dimensions").str.json_path_match("$.billing_period")
    named = pl.when(pl.col("dimensions").str.contains("charge_class", literal=True)).then(period)
    return pl.concat(
        [
            cost.select(*_PLACE, "quantity_unit", billing_month=named),
            invoices.select(*_PLACE, "quantity_unit", billing_month=pl.lit(None, pl.String)),
        ]
    ).unique(_PLACE, keep="any")


def _invoices(arrivals: Arrivals) -> pl.DataFrame:
    rows = latest_invoices(arrivals.invoices, arrivals.files).rows
    names = ("issuer", "issued_on", "reference_invoice_id")
    return rows.group_by(_INVOICE).agg(
        *(pl.col(name).drop_nulls().min() for name in names),
        period_start_on=pl.col("period_start_on").min(),
        period_end_on=pl.col("period_end_on").max(),
    )


def _with_periods(rows: pl.DataFrame, arrivals: Arrivals) -> pl.DataFrame:
    """A correction is one to FOCUS when a later period bills it; else it is a charge of the month."""
    month = arrivals.month
    is_correction = pl.col("charge_class") == "Correction"
    named = pl.col("billing_month").str.to_date("%Y-%m", strict=False)
    own = billing_day(month, is_correction, pl.col("issued_on"))
    first_day = pl.when(is_correction & (named > month.first_day)).then(named).otherwise(own)
    start, end = bounds(pl.col("first_day"))
    from_day = pl.coalesce("billed_on", "period_start_on", pl.lit(month.first_day))
    to_day = pl.coalesce(
        pl.col("billed_on").dt.offset_by("1d"), "period_end_on", pl.lit(month.next.first_day)
    )
    return rows.with_columns(first_day=first_day).with_columns(
        start,
        end,
        ChargeClass=pl.when(is_correction & (pl.col("first_day") > month.first_day)).then("charge_class"),
        ChargePeriodStart=day_start(from_day),
        ChargePeriodEnd=day_start(to_day),
    )
