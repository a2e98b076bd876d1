"""Rates that might explain a line: the expected one, and those of lists, kinds, tiers, days and lengths."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache

from genai_prices import Usage, calc_price

from pipeline.money import quantize
from pipeline.pricing import RateCard, Rated
from pipeline.provider import Provider
from pipeline.settings import Settings

_LONG, _PROBE = 1_000_000, 1_000
_LONG_USAGE: dict[str, dict[str, int]] = {
    "input_uncached": {"input_tokens": _LONG},
    "cache_read": {"input_tokens": _LONG, "cache_read_tokens": _LONG},
    "cache_write_5m": {"input_tokens": _LONG, "cache_write_tokens": _LONG},
    "cache_write_1h": {"input_tokens": _LONG, "cache_write_tokens": _LONG, "cache_write_1h_tokens": _LONG},
    "cache_write_other": {"input_tokens": _LONG, "cache_write_tokens": _LONG},
}


class Tariffs:
    """Expected and list rates in dollars a token, each asked for once; null where nobody knows one."""

    def __init__(self, settings: Settings, providers: Sequence[Provider]) -> None:
        self._ids = {provider.slug: provider.prices_id for provider in providers}
        card = RateCard(settings, providers)
        listed = RateCard(settings.model_copy(update={"prices": ()}), providers)
        self.expected = lru_cache(maxsize=None)(card.rate)
        self._listed = lru_cache(maxsize=None)(listed.rate)
        self._long = lru_cache(maxsize=None)(self._long_rate)

    def expected_rate(self, provider: str, model: str, tier: str, kind: str, day: date) -> Rated:
        """Return the expected rate of a day and where it comes from."""
        return self.expected(provider, model, tier, kind, day)

    def list_rate(self, provider: str, model: str, tier: str, kind: str, day: date) -> Decimal | None:
        """Return the list price of a day, whatever the configuration says."""
        return self._listed(provider, model, tier, kind, day).usd_per_token

    def long_rate(self, provider: str, model: str, kind: str, day: date) -> Decimal | None:
        """Return the list price of a request of a million tokens, where the list has a longer tier."""
        return self._long(provider, model, kind, day)

    def _long_rate(self, provider: str, model: str, kind: str, day: date) -> Decimal | None:
        prices_id = self._ids.get(provider)
        if prices_id is None or (kind not in _LONG_USAGE and kind != "output"):
            return None
        at = datetime.combine(day, time(), UTC)

        def total(**tokens: int) -> Decimal:
            usage = Usage(**tokens)
            price = calc_price(usage, model_ref=model, provider_id=prices_id, genai_request_timestamp=at)
            return price.total_price

        try:
            if kind == "output":
                whole = total(input_tokens=_LONG, output_tokens=_PROBE) - total(input_tokens=_LONG)
                return quantize(whole / _PROBE)
            return quantize(total(**_LONG_USAGE[kind]) / _LONG)
        except LookupError:
            return None
