"""Allocated charges as rows of FOCUS 1.2: every billed line by team, in the executing view.

The initiating view would add the same money again; it stays in recon.allocation.
"""

from collections.abc import Mapping

import polars as pl

from pipeline.charges.arrivals import Arrivals
from pipeline.charges.fee_kinds import OTHER
from pipeline.focus.json_text import objects
from pipeline.focus.lines import focus_lines
from pipeline.focus.prepaid import prepaid_cost
from pipeline.focus.purchases import purchases
from pipeline.focus.shares import LINE, method_details, quantities
from pipeline.focus.words import (
    BOOKS,
    CATEGORIES,
    POOLS,
    cache_action,
    developer,
    direction,
    seller,
    service,
)
from schemas.focus import CostAndUsage
from schemas.types import ALL

NAME = "report.allocation"
_SCHEMA = pl.Schema(CostAndUsage.empty().schema)
_USD = pl.Decimal(38, 12)
_DETAILS = {
    "x_ModelId": "model",
    "x_TokenDirection": "x_TokenDirection",
    "x_TokenCacheAction": "x_TokenCacheAction",
}
_PER_TOKEN = {"List": "list_usd_per_token", "Contracted": "contracted_usd_per_token"}


def cost_and_usage(
    tables: Mapping[str, pl.DataFrame], cost: pl.DataFrame, arrivals: Arrivals
) -> pl.DataFrame:
    """Return report.allocation of a month from its recon tables and report.close; `cost` is raw.cost.

    BilledCost of an invoice adds up to it; EffectiveCost of every bill adds up to the tie-out.
    """
    lines = focus_lines(tables, cost, arrivals)
    shares = tables["recon.allocation"].filter(view="executing").with_columns(ChargeCategory=_category())
    rows = shares.join(lines, on=LINE, how="left", nulls_equal=True)
    rows = _with_costs(quantities(rows), tables["recon.prepaid"])
    rows = _with_sku(rows.with_columns(x_TokenDirection=direction(), x_TokenCacheAction=cache_action()))
    common = _common(tables["report.close"], arrivals)
    own = _columns(rows) | common
    charged = rows.with_columns(x_AllocatedMethodDetails=method_details(rows)).select(
        own.get(name, pl.col(name)).cast(dtype).alias(name) for name, dtype in _SCHEMA.items()
    )
    return pl.concat([charged, purchases(arrivals, common)])


def _category() -> pl.Expr:
    """By the pool where a share is something else than its line, else by the line."""
    of_line = pl.col("category").replace_strict(CATEGORIES, return_dtype=pl.String)
    return pl.col("pool").replace_strict(POOLS, default=of_line, return_dtype=pl.String)


def _with_costs(rows: pl.DataFrame, prepaid: pl.DataFrame) -> pl.DataFrame:
    """Costs and unit prices; a cost whose unit price is not known is what the share costs."""
    found = rows.with_columns(prepaid_cost(rows, prepaid))
    is_counted = (pl.col("ChargeCategory") == "Usage") & pl.col("tokens").is_not_null()
    for name, rate in _PER_TOKEN.items():
        price = pl.when(is_counted & (pl.col(rate) >= 0)).then(pl.col(rate))
        found = found.with_columns(
            (price * 1_000_000).cast(_USD).alias(f"{name}UnitPrice"),
            pl.coalesce((pl.col("tokens") * price).cast(_USD), "usd").alias(f"{name}Cost"),
        )
    return found.with_columns(BilledCost=pl.col("usd") - pl.col("x_PrepaidCost"), EffectiveCost="usd")


def _with_sku(rows: pl.DataFrame) -> pl.DataFrame:
    """What is sold and priced; only usage has a SKU."""
    named = pl.concat_str("provider", "model", "token_kind", separator="/", ignore_nulls=True)
    sku = pl.when(pl.col("model").is_not_null()).then(named).otherwise("line_item")
    band = pl.when(pl.col("context") != ALL).then("context")
    tier = pl.when(pl.col("service_tier") != ALL).then("service_tier")
    is_usage = pl.col("ChargeCategory") == "Usage"
    found = rows.with_columns(SkuId=pl.when(is_usage & sku.str.contains(r"\S")).then(sku))
    has_sku = pl.col("SkuId").is_not_null()
    price_id = pl.concat_str("SkuId", tier, band, separator="/", ignore_nulls=True)
    fee = pl.when(pl.col("fee_kind") != OTHER).then("fee_kind")
    meter = pl.coalesce(fee, _told("line_item"), "token_kind", "model")
    return found.with_columns(
        SkuMeter=pl.when(has_sku).then(meter),
        SkuPriceId=pl.when(has_sku).then(price_id),
        SkuPriceDetails=pl.when(has_sku).then(objects(found, _DETAILS)),
    )


def _common(close: pl.DataFrame, arrivals: Arrivals) -> dict[str, pl.Expr]:
    """Columns that all rows have alike, or by their provider and account."""
    told = close.row(0, named=True)
    provider = pl.col("provider")
    return {
        "month": pl.lit(str(arrivals.month)),
        "BillingAccountId": pl.col("account"),
        "BillingAccountName": pl.lit(None),
        "BillingCurrency": pl.lit(BOOKS),
        "ProviderName": seller(provider),
        "PublisherName": seller(provider),
        "ServiceCategory": pl.lit("AI and Machine Learning"),
        "ServiceName": service(provider),
        "ServiceSubcategory": pl.lit("Generative AI"),
        "x_InputHash": pl.lit(told["close_id"]),
        "x_PriceCardVersion": pl.lit(told["price_card_version"]),
        "x_Provider": provider,
        "x_RuleVersion": pl.lit(told["version"]),
    }


def _columns(rows: pl.DataFrame) -> dict[str, pl.Expr]:
    """Columns of FOCUS that have another name here; those with the same name are taken as they are."""
    is_usage = pl.col("ChargeCategory") == "Usage"
    same = ("environment", "feature")
    return {
        "ChargeDescription": _told("line_item"),
        "ChargeFrequency": pl.when(is_usage).then(pl.lit("Usage-Based")).otherwise(pl.lit("One-Time")),
        "InvoiceId": pl.col("invoice_id"),
        "PricingCategory": pl.when(is_usage).then(pl.lit("Standard")),
        **{f"x_{name.capitalize()}": _told(name) for name in same},
        "x_AllocatedMethodId": pl.col("method"),
        "x_ContextBand": pl.col("context"),
        "x_InvoiceLineNumber": pl.col("line_number"),
        "x_IsPool": pl.col("is_pool"),
        "x_ModelDeveloper": developer(pl.col("model")),
        "x_ModelId": pl.col("model"),
        "x_Pool": pl.col("pool"),
        "x_ReconState": _state(),
        "x_ReferenceInvoiceId": pl.col("reference_invoice_id"),
        "x_ServiceTier": pl.when(pl.col("service_tier") != ALL).then("service_tier"),
        "x_Team": pl.col("team"),
        "x_TokenKind": pl.col("token_kind"),
        "x_Tokens": pl.col("tokens"),
        "x_WorkloadClass": pl.col("workload"),
    }


def _state() -> pl.Expr:
    return (
        pl.when(pl.col("invoice_id").is_null())
        .then(pl.lit("awaiting-invoice"))
        .when("is_open")
        .then(pl.lit("open"))
        .when(pl.col("method") == "direct")
        .then(pl.lit("matched"))
        .otherwise(pl.lit("matched-by-allocation"))
    )


def _told(column: str) -> pl.Expr:
    """A text, or null where it is blank."""
    return pl.when(pl.col(column).str.contains(r"\S")).then(pl.col(column))
