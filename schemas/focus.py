"""Report: allocated charges in the columns of FOCUS 1.2 (Cost and Usage), with ours as `x_`.

Columns, types and rules: FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec, v1.2, specification/columns. FOCUS has
some costs and prices never null. A cost whose unit price is null is the billed one, as its rule for such
charges has it; a price or quantity that nobody knows stays null all the same.
"""

from decimal import Decimal

import polars as pl

from schemas.focus_invoices import CHARGE_CATEGORIES, CURRENCY
from schemas.parts import Monthly
from schemas.types import Instant, Quantity, Tokens, Usd, column, maybe, rule

RECON_STATES = ("matched", "matched-by-allocation", "awaiting-invoice", "open")
_TEXT, _JSON = r"\S", r"^\{.+\}$"
_CATEGORY = pl.col("ChargeCategory")
_IS_USAGE, _IS_PURCHASE = _CATEGORY == "Usage", _CATEGORY == "Purchase"
_NO_SKU = (
    "SkuId",
    "SkuPriceId",
    "PricingQuantity",
    "ListUnitPrice",
    "ContractedUnitPrice",
    "PricingCategory",
)
_FULL_COST = pl.when(_IS_PURCHASE).then("BilledCost").otherwise("EffectiveCost")


def _both(first: str, second: str) -> pl.Expr:
    return pl.col(first).is_null() == pl.col(second).is_null()


def _costs(price: str, cost: str) -> pl.Expr:
    """Price times quantity is the cost, to a millionth of a cent; without a price it is the full cost."""
    product = (pl.col(price) * pl.col("PricingQuantity")).cast(pl.Decimal(38, 12))
    gap = (product - pl.col(cost)).abs() <= pl.lit(Decimal("0.00000001"), pl.Decimal(38, 12))
    unknown = pl.col(price).is_null() & (pl.col(cost) == _FULL_COST)
    return (
        unknown | gap.fill_null(value=False) | (pl.col("ChargeClass") == "Correction").fill_null(value=False)
    )


class _Columns(Monthly):
    """The columns of FOCUS 1.2 that a charge for models has, in its order."""

    BilledCost: Usd = column("What the invoice bills; zero where prepaid credit pays.")
    BillingAccountId: str = column("Provider account.", str_matches=_TEXT)
    BillingAccountName: str = maybe("Not known here.", str_matches=_TEXT)
    BillingCurrency: str = column("Currency of the books.", str_matches=CURRENCY)
    BillingPeriodEnd: Instant = column("First instant after the billing period.")
    BillingPeriodStart: Instant = column("First instant of the billing period.")
    ChargeCategory: str = column("Usage, Purchase, Tax, Credit or Adjustment.", isin=list(CHARGE_CATEGORIES))
    ChargeClass: str = maybe("Correction of an earlier billing period, else null.", isin=["Correction"])
    ChargeDescription: str = maybe("SKU or text of the line as sent.", str_matches=_TEXT)
    ChargeFrequency: str = column(
        "Usage-Based, One-Time or Recurring.", isin=["Usage-Based", "One-Time", "Recurring"]
    )
    ChargePeriodEnd: Instant = column(
        "First instant after the charge: of its day, else of the invoice's period."
    )
    ChargePeriodStart: Instant = column("First instant of the charge.")
    ConsumedQuantity: Quantity = maybe("Tokens, or units of a fee; null where the bill counts none.")
    ConsumedUnit: str = maybe("Unit of the consumed quantity.", str_matches=_TEXT)
    ContractedCost: Usd = column("Quantity at the contracted price; what is billed where no price is known.")
    ContractedUnitPrice: Usd = maybe("Expected price of a pricing unit under the contracts.", ge=0)
    EffectiveCost: Usd = column("Cost with the credit that pays for it; zero when credit is bought.")
    InvoiceId: str = maybe("Number of the invoice; null while it is awaited.", str_matches=_TEXT)
    InvoiceIssuerName: str = column("Issuer as printed, else who sells.", str_matches=_TEXT)
    ListCost: Usd = column("Quantity at the list price; what is billed where no list price is known.")
    ListUnitPrice: Usd = maybe("List price of a pricing unit; null where none, or several, are known.", ge=0)
    PricingCategory: str = maybe(
        "Standard on usage and purchases.", isin=["Standard", "Dynamic", "Committed", "Other"]
    )
    PricingQuantity: Quantity = maybe("Quantity in the unit that the price list has.")
    PricingUnit: str = maybe("1000000 Tokens, or the unit of a fee.", str_matches=_TEXT)
    ProviderName: str = column("Who sells.", str_matches=_TEXT)
    PublisherName: str = column("Who makes the service: here the seller.", str_matches=_TEXT)
    ServiceCategory: str = column("AI and Machine Learning.", isin=["AI and Machine Learning"])
    ServiceName: str = column("Service that was used.", str_matches=_TEXT)
    ServiceSubcategory: str = column("Generative AI.", isin=["Generative AI"])
    SkuId: str = maybe(
        "What is sold: provider, model and token kind, else the text of the line.", str_matches=_TEXT
    )
    SkuMeter: str = maybe(
        "What is measured: what a fee is for, else text of the line, else the token kind.", str_matches=_TEXT
    )
    SkuPriceDetails: str = maybe("JSON object with model, direction and cache action.", str_matches=_JSON)
    SkuPriceId: str = maybe("What is priced: SkuId and service tier.", str_matches=_TEXT)


class CostAndUsage(_Columns):
    """One row per billed line and share of a team, and per purchase of credit, after FOCUS 1.2."""

    x_AllocatedMethodDetails: str = maybe(
        "AllocatedMethodDetails of FOCUS 1.3: JSON object with the share of the line.", str_matches=_JSON
    )
    x_AllocatedMethodId: str = maybe("AllocatedMethodId of FOCUS 1.3: the method; null on purchases.")
    x_ContextBand: str = maybe("short, long or all; null where the price does not tell.")
    x_Environment: str = maybe("Deployment environment of the calls.")
    x_Feature: str = maybe("Feature of the calls.")
    x_InputHash: str = column("Hash of inputs, configuration and version: close_id of the report.")
    x_InvoiceLineNumber: pl.Int64 = maybe("line_number in the table charges; null on purchases.")
    x_IsPool: bool = maybe("True for money that no team carries; null on purchases.")
    x_ModelDeveloper: str = maybe("ModelDeveloper of the 1.5 draft, where the name of the model tells it.")
    x_ModelId: str = maybe("ModelId of the 1.5 draft: the model as metered.")
    x_Pool: str = maybe("What kind of money it is; null on purchases.")
    x_PrepaidCost: Usd = column("Part of the cost that prepaid credit pays.")
    x_PriceCardVersion: str = column("Price list and version, and hash of configured prices and contracts.")
    x_Provider: str = column("Slug of the provider.")
    x_ReconState: str = column(
        "matched; matched-by-allocation where a rule gives it to the team; awaiting-invoice; open where the "
        "line's price or quantity is not explained.",
        isin=list(RECON_STATES),
    )
    x_ReferenceInvoiceId: str = maybe("The invoice that this one adjusts.")
    x_RuleVersion: str = column("Version of Tallystick.")
    x_ServiceTier: str = maybe("Service tier; null when not told.")
    x_Team: str = maybe("Team or pool; null on purchases of credit.")
    x_TokenCacheAction: str = maybe(
        "TokenCacheAction of the 1.5 draft; null where a kind tells none.", isin=["Uncached", "Read", "Write"]
    )
    x_TokenDirection: str = maybe("TokenDirection of the 1.5 draft.", isin=["Input", "Output"])
    x_TokenKind: str = maybe("Token kind, where the line names one.")
    x_Tokens: Tokens = maybe("Billed tokens of the share; null where the line counts none.")
    x_WorkloadClass: str = maybe("What the calls were for.")

    periods_end_after_they_start = rule(
        "ends are exclusive and after their starts",
        (pl.col("BillingPeriodStart") < pl.col("BillingPeriodEnd"))
        & (pl.col("ChargePeriodStart") < pl.col("ChargePeriodEnd")),
    )
    corrections_are_of_earlier_periods = rule(
        "a Correction is billed in a later period than its charge",
        pl.col("ChargeClass").is_null() | (pl.col("BillingPeriodStart") > pl.col("ChargePeriodStart")),
    )
    quantities_have_units = rule(
        "quantity and unit are both null or both set",
        _both("ConsumedQuantity", "ConsumedUnit") & _both("PricingQuantity", "PricingUnit"),
    )
    only_usage_consumes = rule(
        "ConsumedQuantity is null unless ChargeCategory is Usage",
        pl.col("ConsumedQuantity").is_null() | _IS_USAGE,
    )
    list_cost_is_price_times_quantity = rule(
        "ListUnitPrice times PricingQuantity is ListCost", _costs("ListUnitPrice", "ListCost")
    )
    contracted_cost_is_price_times_quantity = rule(
        "ContractedUnitPrice times PricingQuantity is ContractedCost",
        _costs("ContractedUnitPrice", "ContractedCost"),
    )
    prices_have_quantities = rule(
        "a unit price has a quantity",
        pl.col("PricingQuantity").is_not_null()
        | (pl.col("ListUnitPrice").is_null() & pl.col("ContractedUnitPrice").is_null()),
    )
    tax_has_no_sku = rule(
        "Tax has no SKU, price or quantity",
        (_CATEGORY != "Tax") | pl.all_horizontal(pl.col(name).is_null() for name in _NO_SKU),
    )
    sku_columns_stand_together = rule(
        "SkuMeter needs SkuId, SkuPriceDetails needs SkuPriceId",
        (pl.col("SkuId").is_not_null() | pl.col("SkuMeter").is_null())
        & (pl.col("SkuPriceId").is_not_null() | pl.col("SkuPriceDetails").is_null()),
    )
    purchases_are_not_usage_based = rule(
        "a Purchase is not Usage-Based", ~_IS_PURCHASE | (pl.col("ChargeFrequency") != "Usage-Based")
    )
    purchases_have_no_effective_cost = rule(
        "EffectiveCost of a Purchase of credit is 0", ~_IS_PURCHASE | (pl.col("EffectiveCost") == 0)
    )
    effective_cost_is_billed_and_prepaid = rule(
        "EffectiveCost is BilledCost and what prepaid credit pays",
        _IS_PURCHASE | (pl.col("EffectiveCost") == pl.col("BilledCost") + pl.col("x_PrepaidCost")),
    )
    credits_are_billed = rule(
        "EffectiveCost of a Credit is BilledCost",
        (_CATEGORY != "Credit") | (pl.col("EffectiveCost") == pl.col("BilledCost")),
    )
    cache_actions_are_of_input = rule(
        "a cache action is one of input tokens",
        pl.col("x_TokenCacheAction").is_null() | (pl.col("x_TokenDirection") == "Input"),
    )

    class Config:
        """See Closed."""

        name = "report.allocation"
