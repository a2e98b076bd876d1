"""FOCUS cost and usage files of any issuer, 1.0 to 1.4, as CSV or Parquet.

The amount is BilledCost, the basis of invoicing, in BillingCurrency. A charge is for a model when its service
sells nothing else, when its SKU says so, or when SkuPriceDetails, the unit or ServiceSubcategory do; every
other charge of the account is kept with the cost type `other`. Names of sellers changed with 1.3
(ServiceProviderName for ProviderName): both are read.
"""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple

from pipeline.errors import SourceError
from pipeline.metering.quantities import is_token_unit
from pipeline.parsing.charges import NOT_LLM, Row, charges, missing_columns, quantity, required, times, word
from pipeline.parsing.csv_rows import header_of
from pipeline.parsing.export_values import PULL_AGAIN, currency, money
from pipeline.parsing.focus_details import details_of
from pipeline.parsing.raw_rows import parsed
from pipeline.parsing.tables import cells
from pipeline.provider import ExportFormat, Parsed, Provider, Sku
from pipeline.providers import PROVIDERS

_REQUIRED = ("billedcost", "billingcurrency", "chargecategory", "chargeperiodstart", "chargeperiodend")
_SELLERS = (
    "serviceprovidername",
    "providername",
    "hostprovidername",
    "publishername",
    "invoiceissuername",
)
_TEXTS = ("skumeter", "x_usagetype", "x_skumetername", "x_skudescription", "chargedescription")
"""Where the text of a SKU may stand; FOCUS 1.0 has none of its own."""

_QUANTITIES = (("consumedquantity", "consumedunit"), ("pricingquantity", "pricingunit"))
_DIMENSIONS = {
    "charge_category": "chargecategory",
    "charge_class": "chargeclass",
    "invoice_id": "invoiceid",
    "region": "regionid",
    "sku_id": "skuid",
    "sku_price_id": "skupriceid",
}
_WANTED = frozenset(
    (
        *_REQUIRED,
        *_SELLERS,
        *_TEXTS,
        *(name for pair in _QUANTITIES for name in pair),
        *_DIMENSIONS.values(),
        *("billingperiodstart", "servicename", "servicesubcategory", "skupricedetails", "subaccountid"),
        *("x_servicetier", "pricingcategory", "chargefrequency"),
    )
)
_CATEGORIES = {"purchase": "fee", "tax": "tax", "credit": "credit", "adjustment": "adjustment"}
_GENERATIVE = "generative ai"


class _Seller(NamedTuple):
    """Whose charge it is, whether it is for a model, and what the SKU says where it can be read."""

    slug: str
    is_llm: bool
    sku: Sku | None = None
    text: str | None = None
    units: Mapping[str, str] = {}


def parse(content: bytes) -> Parsed:
    """Return one row of raw.cost a charge; those that are for no model have the cost type `other`."""
    table = cells(content, _WANTED)
    lacking = missing_columns(table, _REQUIRED)
    if table.header and not any(name in table.header for name in _SELLERS):
        lacking += missing_columns(table, ["serviceprovidername"])
    return parsed("raw.cost", [], lacking[:1]) if lacking else charges(table, "focus", _row)


def _row(charge: Mapping[str, str]) -> Row:
    start, end = times(charge, "chargeperiodstart", "chargeperiodend")
    period = word(charge, "billingperiodstart") or start.isoformat()
    seller = _seller(charge)
    row: Row = {
        "provider": seller.slug,
        "bucket_start_at": start,
        "bucket_end_at": end,
        "project_id": word(charge, "subaccountid"),
        "amount": money(charge.get("billedcost"), "BilledCost"),
        "currency": currency(charge.get("billingcurrency")),
        "dimensions": {"billing_period": period[:7], "service": word(charge, "servicename")},
    }
    if not seller.is_llm:
        return {**row, "line_item": word(charge, "servicename", "chargecategory"), "cost_type": NOT_LLM}
    row["dimensions"] |= {name: word(charge, column) for name, column in _DIMENSIONS.items()}
    return {**row, **_charge(charge, seller)}


def _charge(charge: Mapping[str, str], seller: _Seller) -> Row:
    """What is charged. Only usage counts tokens: a credit may repeat the quantity that it is for."""
    category = required(charge, "chargecategory").lower()
    counts_tokens = seller.sku is not None and seller.sku.token_kind is not None
    number, unit = _quantity(charge, seller.units if counts_tokens else {})
    said = seller.sku or Sku(None, None, None, "unknown" if is_token_unit(unit or "") else "fee")
    if category != "usage":
        said = said._replace(token_kind=None, cost_type=_CATEGORIES.get(category, "unknown"))
    tier = word(charge, "x_servicetier") or said.service_tier
    return {
        **said._asdict(),
        **quantity(charge, number, unit),
        "service_tier": tier.lower() if tier else None,
        "line_item": seller.text or word(charge, *_TEXTS, "servicename", "chargecategory"),
    }


def _quantity(charge: Mapping[str, str], units: Mapping[str, str]) -> tuple[str, str | None]:
    """The column of the quantity and its unit: the first of the two that counts tokens, else the first."""
    for number, name in _QUANTITIES:
        unit = charge.get(name, "")
        if number in charge and is_token_unit(units.get(unit.lower(), unit)):
            return number, units.get(unit.lower(), unit)
    number, name = next((pair for pair in _QUANTITIES if pair[0] in charge), _QUANTITIES[0])
    return number, word(charge, name)


def _seller(charge: Mapping[str, str]) -> _Seller:
    names = [charge[name].lower() for name in _SELLERS if name in charge]
    if not names:
        raise SourceError("missing_field", "No column names who sells the charge.", PULL_AGAIN)
    details = details_of(charge.get("skupricedetails", ""))
    for provider, is_sole in _candidates(tuple(names), charge.get("servicename", "").lower()):
        sku, text = _read(provider, charge)
        if is_sole or (sku is not None and (sku.token_kind or sku.cost_type == "fee")):
            return _Seller(provider.slug, True, details.over(sku), text, provider.token_units)
    units = [charge.get(name, "") for _, name in _QUANTITIES]
    is_llm = (
        details.names_a_model
        or charge.get("servicesubcategory", "").lower() == _GENERATIVE
        or any(is_token_unit(unit) for unit in units)
    )
    return _Seller(_slug(names[0]), is_llm, details.over(None))


def _slug(name: str) -> str:
    known = _SOLD_BY.get(name)
    return known[0].slug if known else re.sub(r"[^a-z0-9]+", "_", name).strip("_") or "unknown"


@lru_cache(maxsize=4096)
def _candidates(names: tuple[str, ...], service: str) -> list[tuple[Provider, bool]]:
    """Providers that may sell a service, and whether all of it is for models; where it is, first.

    The first name is the seller. A later one (publisher, who sends the invoice) counts for services that a
    provider is known to sell under their name: so models of others on Bedrock are Bedrock's.
    """
    first, others = _SOLD_BY.get(names[0], []), [p for name in names[1:] for p in _SOLD_BY.get(name, [])]
    named = [(p, True) for p in others if p.issuers and _fits(service, p.services)]
    sole = [(p, True) for p in first if _fits(service, p.services)]
    shared = [(p, False) for p in first if _fits(service, p.shared_services)]
    return [*named, *sole, *shared]


@lru_cache(maxsize=4096)
def _sku(slug: str, text: str, service: str) -> Sku | None:
    read = next(provider.sku for provider in PROVIDERS if provider.slug == slug)
    return read(text, service) if read else None


def _fits(name: str, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def _read(provider: Provider, charge: Mapping[str, str]) -> tuple[Sku | None, str | None]:
    """What the first text says that names a token kind, else the first that says anything; and the text."""
    service = charge.get("servicename", "")
    texts = [text for name in _TEXTS if (text := word(charge, name))]
    said = [(sku, text) for text in texts if (sku := _sku(provider.slug, text, service))]
    return next((pair for pair in said if pair[0].token_kind), said[0] if said else (None, None))


def _sold_by() -> dict[str, list[Provider]]:
    """Name of a seller -> providers; one without names of its own sells under its title."""
    found: dict[str, list[Provider]] = {}
    for provider in PROVIDERS:
        for name in provider.issuers or (provider.title.lower(), provider.slug):
            found.setdefault(name, []).append(provider)
    return found


_SOLD_BY = _sold_by()


def _detect(head: bytes) -> bool:
    return {"billedcost", "chargecategory", "chargeperiodstart"} <= header_of(head)


FORMAT = ExportFormat("focus", "cost", "raw.cost", _detect, parse)
