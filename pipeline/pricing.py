"""Expected rates: the configuration's prices over the list prices of genai-prices, by date of use.

A rate that nobody knows is null, and what it would price is listed as unpriced: unknown is never free.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from importlib.metadata import version
from typing import NamedTuple

import polars as pl
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, StartDateConstraint

from pipeline.money import quantize
from pipeline.period import Month
from pipeline.provider import Provider
from pipeline.settings import Settings
from schemas.recon import Rate
from schemas.types import ALL

_PROBE = 1000
"""Tokens of the imaginary call that is priced: below every threshold, and a rate times it is exact."""

_USAGE: dict[str, dict[str, int]] = {
    "input_uncached": {"input_tokens": _PROBE},
    "cache_read": {"input_tokens": _PROBE, "cache_read_tokens": _PROBE},
    "cache_write_5m": {"input_tokens": _PROBE, "cache_write_tokens": _PROBE},
    "cache_write_1h": {"input_tokens": _PROBE, "cache_write_tokens": _PROBE, "cache_write_1h_tokens": _PROBE},
    "cache_write_other": {"input_tokens": _PROBE, "cache_write_tokens": _PROBE},
    "output": {"output_tokens": _PROBE},
    "input_audio": {"input_tokens": _PROBE, "input_audio_tokens": _PROBE},
    "output_audio": {"output_tokens": _PROBE, "output_audio_tokens": _PROBE},
    "input_image": {"input_tokens": _PROBE},
    "output_image": {"output_tokens": _PROBE},
}

_CONTEXT: dict[str, dict[str, str]] = {
    "standard": {},
    ALL: {},
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}


class Rated(NamedTuple):
    """What a token costs, and how that is known."""

    usd_per_token: Decimal | None
    """Null where nobody knows a price."""
    origin: str
    """Price card and version, or why there is none."""


class RateCard:
    """Expected rates of a configuration: its prices over the list prices, by day."""

    def __init__(self, settings: Settings, providers: Sequence[Provider]) -> None:
        self._ids = {provider.slug: provider.prices_id for provider in providers}
        self._configured = settings.prices

    def rate(self, provider: str, model: str, service_tier: str, token_kind: str, day: date) -> Rated:
        """Return the expected rate of a day, for a call below every length threshold."""
        wanted_tier = "standard" if service_tier == ALL else service_tier
        for price in self._configured:
            if (price.provider, price.model, price.token_kind, price.service_tier) == (
                provider, model, token_kind, wanted_tier,
            ):  # fmt: skip
                return Rated(quantize(price.usd_per_million / 1_000_000), "configuration")
        if (prices_id := self._ids.get(provider)) is None:
            return Rated(None, f"no price list knows provider {provider}")
        at = datetime.combine(day, time(), UTC)
        return Rated(*_list_rate(prices_id, model, service_tier, token_kind, at))


def expected_rates(
    keys: pl.DataFrame, month: Month, settings: Settings, providers: Sequence[Provider]
) -> pl.DataFrame:
    """Return one row of recon.expected_rate per (provider, model, service_tier, token_kind) of `keys`.

    Rates are those of the month's last day, for one call below every length threshold.
    """
    card = RateCard(settings, providers)
    columns = ["provider", "model", "service_tier", "token_kind"]
    last_day = month.next.first_day - timedelta(days=1)
    rows = [
        (str(month), provider, model, tier, kind, *card.rate(provider, model, tier, kind, last_day))
        for provider, model, tier, kind in keys.select(columns).unique().sort(columns).iter_rows()
    ]
    return pl.DataFrame(rows, schema=pl.Schema(Rate.empty().schema), orient="row")


def _list_rate(prices_id: str, model: str, tier: str, kind: str, at: datetime) -> tuple[Decimal | None, str]:
    card = f"genai-prices {version('genai-prices')}, list price"
    if tier not in _CONTEXT:
        return None, f"{card}: tier {tier} is not known"
    try:
        _, info = get_snapshot().find_provider_model(model, None, prices_id, None)
        at = _known_from(info, _CONTEXT[tier], at)
        price = calc_price(
            Usage(**_USAGE[kind]),
            model_ref=model,
            provider_id=prices_id,
            genai_request_timestamp=at,
            price_context=_CONTEXT[tier] or None,
        ).total_price
    except LookupError:
        return None, f"{card}: model {model} with tier {tier} is not on it"
    if price == 0:
        return None, f"{card}: model {model} has no price for {kind}"
    return quantize(price / _PROBE), f"{card} of {at:%Y-%m-%d}"


def _known_from(info: ModelInfo, context: dict[str, str], at: datetime) -> datetime:
    """Return when to look a tier's price up: the library dates a tier from the day it was recorded."""
    if not context:
        return at
    variant = next((variant for variant in info.price_variants or () if variant.when == context), None)
    if variant is None:
        raise LookupError(f"{info.id} has no price for {context}")
    if isinstance(variant.constraint, StartDateConstraint):
        return max(at, datetime.combine(variant.constraint.start_date, time(), UTC))
    return at
