"""Cost and Usage Reports of AWS, 2.0 and legacy, CSV and Parquet: charges for Bedrock, all others told apart.

The amount is the unblended cost, before tax: discounts, credits and tax are lines of their own, and together
they are what is invoiced (AWS, data dictionary of CUR 2.0). Quantities come in the unit of `pricing_unit`.
"""

import json
from collections.abc import Mapping

from pipeline.parsing.charges import (
    MAX_WORD,
    NOT_LLM,
    Row,
    charges,
    missing_columns,
    quantity,
    required,
    times,
    word,
)
from pipeline.parsing.csv_rows import header_of
from pipeline.parsing.export_values import currency, money
from pipeline.parsing.raw_rows import parsed
from pipeline.parsing.tables import Cells, cells
from pipeline.provider import ExportFormat, Parsed, Sku
from pipeline.providers.aws_bedrock.usage_types import EDITION, TOKEN_UNITS, sku

_LEGACY = {
    "bill/billingperiodstartdate": "bill_billing_period_start_date",
    "bill/invoiceid": "bill_invoice_id",
    "lineitem/lineitemtype": "line_item_line_item_type",
    "lineitem/productcode": "line_item_product_code",
    "lineitem/usagetype": "line_item_usage_type",
    "lineitem/operation": "line_item_operation",
    "lineitem/usagestartdate": "line_item_usage_start_date",
    "lineitem/usageenddate": "line_item_usage_end_date",
    "lineitem/usageamount": "line_item_usage_amount",
    "lineitem/unblendedcost": "line_item_unblended_cost",
    "lineitem/currencycode": "line_item_currency_code",
    "lineitem/usageaccountid": "line_item_usage_account_id",
    "pricing/unit": "pricing_unit",
    "product/productname": "product_product_name",
    "product/regioncode": "product_region_code",
}
"""Columns of legacy reports -> those of 2.0; in the Parquet of both they are written as in 2.0."""

_REQUIRED = (
    "line_item_line_item_type",
    "line_item_product_code",
    "line_item_usage_type",
    "line_item_usage_start_date",
    "line_item_usage_end_date",
    "line_item_unblended_cost",
    "line_item_currency_code",
)
_WANTED = frozenset((*_LEGACY, *_LEGACY.values(), "product"))
_PRODUCTS = ("amazonbedrock", "amazonbedrockservice", "amazonbedrockfoundationmodels")
_CATEGORIES = {
    "usage": None,
    "discountedusage": None,
    "savingsplancoveredusage": None,
    "tax": "tax",
    "credit": "credit",
    "refund": "credit",
    "discount": "credit",
    "edpdiscount": "credit",
    "bundleddiscount": "credit",
    "privateratediscount": "credit",
    "distributordiscount": "credit",
}
"""Type of the line -> cost type; null where the usage type tells. All other types are fees."""


def parse(content: bytes) -> Parsed:
    """Return one row of raw.cost a line; lines of other products have the cost type `other`."""
    found = cells(content, _WANTED)
    table = Cells(tuple(_LEGACY.get(name, name) for name in found.header), found.rows, found.rejects)
    if lacking := missing_columns(table, _REQUIRED):
        return parsed("raw.cost", [], lacking)
    return charges(table, "cur", _row)


def _row(found: Mapping[str, str]) -> Row:
    line = {_LEGACY.get(name, name): cell for name, cell in found.items()}
    start, end = times(line, "line_item_usage_start_date", "line_item_usage_end_date")
    product = _product(line)
    period = word(line, "bill_billing_period_start_date") or start.isoformat()
    row: Row = {
        "provider": "aws.bedrock",
        "bucket_start_at": start,
        "bucket_end_at": end,
        "project_id": word(line, "line_item_usage_account_id"),
        "amount": money(line.get("line_item_unblended_cost"), "line_item_unblended_cost"),
        "currency": currency(line.get("line_item_currency_code")),
        "dimensions": {
            "billing_period": period[:7],
            "product": product or word(line, "line_item_product_code"),
        },
    }
    said = sku(line.get("line_item_usage_type", ""), product)
    if said is None and not _is_bedrock(line, product):
        return {**row, "line_item": row["dimensions"]["product"], "cost_type": NOT_LLM}
    return {**row, **_charge(line, said), "dimensions": {**row["dimensions"], **_dimensions(line)}}


def _charge(line: Mapping[str, str], said: Sku | None) -> Row:
    """What is charged. Only usage counts tokens: a credit or a tax line may repeat the quantity it is for."""
    category = _CATEGORIES.get(required(line, "line_item_line_item_type").lower(), "fee")
    known = said or Sku(None, None, None, "fee")
    if category is not None:
        known = known._replace(token_kind=None, cost_type=category)
    unit = word(line, "pricing_unit")
    if said and unit and unit.lower() in TOKEN_UNITS:
        unit = TOKEN_UNITS[unit.lower()]
    return {
        **known._asdict(),
        **quantity(line, "line_item_usage_amount", unit),
        "line_item": word(line, "line_item_usage_type", "line_item_line_item_type"),
    }


def _dimensions(line: Mapping[str, str]) -> Row:
    return {
        "invoice_id": word(line, "bill_invoice_id"),
        "line_item_type": word(line, "line_item_line_item_type"),
        "operation": word(line, "line_item_operation"),
        "region": word(line, "product_region_code"),
        "unit": word(line, "pricing_unit"),
        "usage_type": word(line, "line_item_usage_type"),
    }


def _product(line: Mapping[str, str]) -> str:
    """Name of the product: a column of its own, or an entry of the map `product`."""
    if name := word(line, "product_product_name"):
        return name
    try:
        found = json.loads(line.get("product", "{}"))
    except (ValueError, RecursionError):
        return ""
    name = found.get("product_name") if isinstance(found, dict) else None
    return name[:MAX_WORD] if isinstance(name, str) else ""


def _is_bedrock(line: Mapping[str, str], product: str) -> bool:
    code = line.get("line_item_product_code", "").lower()
    return code in _PRODUCTS or product.lower().endswith(EDITION)


def _detect(head: bytes) -> bool:
    header = header_of(head)
    return "line_item_usage_type" in header or "lineitem/usagetype" in header


FORMAT = ExportFormat("aws_cost_and_usage", "cost", "raw.cost", _detect, parse)
