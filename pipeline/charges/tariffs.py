"""Rates that might explain a line: the expected one, and those of lists, kinds, tiers, days and lengths."""

from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple

from pipeline.charges.line import Cell
from pipeline.pricing import RateCard
from pipeline.rates.sku import LONG, Rated, Sku


class Tariffs:
    """Expected and list rates in dollars a token, each asked for once; null where nobody knows one."""

    def __init__(self, card: RateCard) -> None:
        self._expected = lru_cache(maxsize=None)(card.rate_of)
        self._listed = lru_cache(maxsize=None)(card.public_price)
        self._providers = card.providers

    def expected_rate(  # noqa: PLR0913, PLR0917 - the dimensions of a price
        self, provider: str, model: str, tier: str, kind: str, day: date, account: str | None = None
    ) -> Rated:
        """Return the expected rate of a day and where it comes from; contracts of one account need it."""
        return self._expected(Sku(provider, account, model, tier, kind), day)

    def list_rate(self, provider: str, model: str, tier: str, kind: str, day: date) -> Decimal | None:
        """Return the list price of a day, whatever the configuration says."""
        return self._listed(Sku(provider, None, model, tier, kind), day).usd_per_token

    def long_rate(self, provider: str, model: str, kind: str, day: date) -> Decimal | None:
        """Return the list price of a long request, where the list has a longer tier."""
        return self._listed(Sku(provider, None, model, "standard", kind, LONG), day).usd_per_token

    def places(self, provider: str, model: str) -> dict[str, Decimal]:
        """Return the places in which the provider's list has a price of its own, with its factor."""
        known = self._providers.get(provider)
        rates = known.geography_rates if known else ()
        return {
            rate.geography: Decimal(rate.factor)
            for rate in rates
            if any(fnmatchcase(model, glob) for glob in rate.models)
        }


class Seller(NamedTuple):
    """The tariffs of an account: for a cell, or for it with another model, tier, kind or day."""

    tariffs: Tariffs
    provider: str
    account: str | None
    last: date
    """Day for cells that tell none."""

    def expected(self, part: Cell, *, model: str = "", tier: str = "", kind: str = "") -> Decimal | None:
        """Return the expected rate, with the account's contracts."""
        place = (model or part.model, tier or part.service_tier, kind or part.token_kind)
        day = part.day or self.last
        return self.tariffs.expected_rate(self.provider, *place, day, self.account).usd_per_token

    def listed(self, part: Cell, *, tier: str = "", kind: str = "", on: date | None = None) -> Decimal | None:
        """Return the list price."""
        place = (part.model, tier or part.service_tier, kind or part.token_kind)
        return self.tariffs.list_rate(self.provider, *place, on or part.day or self.last)

    def long(self, part: Cell) -> Decimal | None:
        """Return the list price of a long request."""
        return self.tariffs.long_rate(self.provider, part.model, part.token_kind, part.day or self.last)

    def places(self, part: Cell) -> dict[str, Decimal]:
        """Return the places where the model has a price of its own, with its factor."""
        return self.tariffs.places(self.provider, part.model)
