"""Rates that might explain a line: the expected one, and those of lists, kinds, tiers, days and lengths."""

from datetime import date
from decimal import Decimal
from functools import lru_cache

from pipeline.pricing import RateCard
from pipeline.rates.sku import LONG, Rated, Sku


class Tariffs:
    """Expected and list rates in dollars a token, each asked for once; null where nobody knows one."""

    def __init__(self, card: RateCard) -> None:
        self._expected = lru_cache(maxsize=None)(card.rate_of)
        self._listed = lru_cache(maxsize=None)(card.public_price)

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
