"""Expected rates: contracts over configured prices over the list prices of genai-prices, by date of use.

A rate that nobody knows is null, and what it would price is listed as unpriced: unknown is never free.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cached_property

import polars as pl

from pipeline.contract_settings import Price
from pipeline.money import quantize
from pipeline.period import Month
from pipeline.provider import Provider
from pipeline.rates.list_prices import list_card, list_changes, listed
from pipeline.rates.sku import RATE_KEY, Listed, Rated, Sku
from pipeline.rates.terms import Lapses, apply, changes
from pipeline.settings import Settings
from schemas.recon import Rate
from schemas.types import ALL


class RateCard:
    """Expected rates of a configuration by day: what a closed month is priced with."""

    def __init__(
        self, settings: Settings, providers: Sequence[Provider], lapses: Lapses | None = None
    ) -> None:
        self.providers = {provider.slug: provider for provider in providers}
        self._configured = settings.prices
        self.contracts = tuple(contract for contract in settings.contracts if contract.has_prices)
        self.lapses: Lapses = lapses or {}

    @cached_property
    def version(self) -> str:
        """Price list and version, and the hash of the prices and contracts of the configuration."""
        stated = [item.model_dump(mode="json") for item in (*self._configured, *self.contracts)]
        if not stated:
            return list_card()
        return f"{list_card()}, configuration {hashlib.sha256(json.dumps(stated).encode()).hexdigest()[:12]}"

    def rate(  # noqa: PLR0913 - the dimensions of a price
        self,
        provider: str,
        model: str,
        service_tier: str,
        token_kind: str,
        day: date,
        *,
        account: str | None = None,
        context: str = ALL,
        geography: str = ALL,
    ) -> Rated:
        """Return the expected rate of a day in dollars a token, a whole number of millionths of a millionth.

        Where `context` does not say that the request was long, it is the rate of one below every length
        threshold. Contracts of one account need the account to be given.
        """
        return self.rate_of(Sku(provider, account, model, service_tier, token_kind, context, geography), day)

    def rate_of(self, sku: Sku, day: date) -> Rated:
        """Return the expected rate of a day; see `rate`."""
        return apply(self.contracts, sku, day, self.lapses, self.list_price(sku, day))

    def list_price(self, sku: Sku, day: date) -> Listed:
        """Return the list price of a day: the configuration's, else that of genai-prices."""
        if (price := self._price(sku, day)) is not None:
            return Listed(quantize(price.usd_per_million / 1_000_000), "configuration")
        return self.public_price(sku, day)

    def public_price(self, sku: Sku, day: date) -> Listed:
        """Return the list price of genai-prices of a day, whatever the configuration says."""
        provider = self.providers.get(sku.provider)
        if provider is None or provider.prices_id is None:
            return Listed(None, f"no price list knows provider {sku.provider}")
        found = listed(provider.prices_id, sku._replace(account=None, geography=ALL), day)
        return _placed(provider, sku, found)

    def prices_id(self, provider: str) -> str | None:
        """Return what genai-prices calls a provider; null where it has none of its prices."""
        found = self.providers.get(provider)
        return found.prices_id if found else None

    def segments(self, sku: Sku, month: Month) -> Iterator[tuple[date, date, Rated]]:
        """Yield first day, first day after, and rate of the runs of days with one rate, over the month."""
        start, rated = month.first_day, None
        days = sorted({day for day in self._changes(sku) if month.first_day < day < month.next.first_day})
        for first, end in zip([start, *days], [*days, month.next.first_day], strict=True):
            mine = self.rate_of(sku, end - timedelta(days=1))
            if rated is not None and _amounts(mine) != _amounts(rated):
                yield start, first, rated
                start = first
            rated = mine
        if rated is not None:
            yield start, month.next.first_day, rated

    def _changes(self, sku: Sku) -> Iterator[date]:
        yield from changes(self.contracts, sku.provider, self.lapses)
        for price in self._configured:
            yield from (day for day in (price.valid_from, price.valid_to) if day is not None)
        provider = self.providers.get(sku.provider)
        if provider is not None and provider.prices_id is not None:
            yield from list_changes(provider.prices_id, sku.model)

    def _price(self, sku: Sku, day: date) -> Price | None:
        """The configured price for place and length if there is one, then the one that began last."""
        wanted = (sku.provider, sku.model, sku.token_kind, sku.tier)
        length = "short" if sku.context == ALL else sku.context
        found = [
            price
            for price in self._configured
            if (price.provider, price.model, price.token_kind, price.service_tier) == wanted
            and price.holds_on(day)
            and price.context in {ALL, length}
            and price.geography in {ALL, sku.geography}
        ]
        return max(found, key=_precedence, default=None)


def _precedence(price: Price) -> tuple[bool, bool, date]:
    return price.geography != ALL, price.context != ALL, price.valid_from or date.min


def _amounts(rated: Rated) -> Rated:
    """The rate without the words, which name a day."""
    return rated._replace(origin="")


def _placed(provider: Provider, sku: Sku, found: Listed) -> Listed:
    """The list price in the place where the tokens are processed."""
    for rate in provider.geography_rates:
        is_meant = rate.geography == sku.geography and any(fnmatchcase(sku.model, it) for it in rate.models)
        if is_meant and found.usd_per_token is not None:
            usd = quantize(found.usd_per_token * Decimal(rate.factor))
            return Listed(usd, f"{rate.factor} times {found.origin}")
    return found


def expected_rates(keys: pl.DataFrame, month: Month, card: RateCard) -> pl.DataFrame:
    """Return recon.expected_rate: a row per key of `keys` and run of days of the month with one rate.

    Keys are the columns of RATE_KEY; an account, context or geography that `keys` lacks is not told.
    """
    absent = {"account": "", "context": ALL, "geography": ALL}
    whole = keys.with_columns(pl.lit(word).alias(name) for name, word in absent.items() if name not in keys)
    rows = [
        (str(month), *key, start, end, *rated[:5], card.version)
        for key in whole.select(RATE_KEY).unique().sort(RATE_KEY).iter_rows()
        for start, end, rated in card.segments(Sku(*key), month)
    ]
    names = [
        "month", *RATE_KEY, "valid_from", "valid_to", "usd_per_token", "origin", "list_usd_per_token",
        "contract", "agreed_usd_per_token", "price_card_version",
    ]  # fmt: skip
    schema = Rate.empty().schema
    return pl.DataFrame(rows, schema={name: schema[name] for name in names}, orient="row").select(
        list(schema)
    )
