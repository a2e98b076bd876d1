"""Purchases of prepaid credit: billed when bought, and no cost until something is used."""

import polars as pl

from pipeline.charges.arrivals import Arrivals
from pipeline.focus.invoices import lines_of_month
from pipeline.focus.periods import bounds
from pipeline.metering.restatement import is_voided
from pipeline.metering.zones import day_start
from schemas.focus import CostAndUsage

_SCHEMA = pl.Schema(CostAndUsage.empty().schema)
_ONE, _NONE = pl.lit(1), pl.lit(0)


def purchases(arrivals: Arrivals, common: dict[str, pl.Expr]) -> pl.DataFrame:
    """Return a row of report.allocation per line of the month's invoices that buys credit.

    `common` are the columns that all rows have. FOCUS: EffectiveCost of a prepaid purchase is 0.
    """
    rows = lines_of_month(arrivals).filter(
        (pl.col("category") == "prepayment") & pl.col("usd").is_not_null() & ~is_voided()
    )
    start, end = bounds(pl.lit(arrivals.month.first_day))
    price = pl.when(pl.col("usd") >= 0).then("usd")
    sku = pl.concat_str("provider", pl.lit("/prepaid credit"))
    told = common | {
        "BilledCost": pl.col("usd"),
        "BillingPeriodStart": start,
        "BillingPeriodEnd": end,
        "ChargeCategory": pl.lit("Purchase"),
        "ChargeDescription": pl.when(pl.col("description").str.contains(r"\S")).then("description"),
        "ChargeFrequency": pl.lit("One-Time"),
        "ChargePeriodStart": day_start(pl.col("period_start_on")),
        "ChargePeriodEnd": day_start(pl.col("period_end_on")),
        "ContractedCost": pl.col("usd"),
        "ContractedUnitPrice": price,
        "EffectiveCost": _NONE,
        "InvoiceId": pl.col("invoice_id"),
        "InvoiceIssuerName": pl.col("issuer"),
        "ListCost": pl.col("usd"),
        "ListUnitPrice": price,
        "PricingCategory": pl.lit("Standard"),
        "PricingQuantity": _ONE,
        "PricingUnit": pl.lit("Units"),
        "SkuId": sku,
        "SkuMeter": pl.lit("prepaid credit"),
        "SkuPriceId": sku,
        "x_PrepaidCost": _NONE,
        "x_ReconState": pl.lit("matched"),
    }
    return rows.select(
        told.get(name, pl.lit(None)).cast(dtype).alias(name) for name, dtype in _SCHEMA.items()
    )
