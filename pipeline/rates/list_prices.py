"""List prices: the library genai-prices, by day of use, tier and length of the request.

A price that it does not know is null, with the reason: unknown is never free.
"""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from importlib.metadata import version

from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, StartDateConstraint, TieredPrices

from pipeline.money import quantize
from pipeline.rates.sku import LONG, Listed, Sku

LIST = "genai-prices"
_PROBE = 1000
"""Tokens of the imaginary call that is priced: below every threshold, and a rate times it is exact."""

_USAGE: dict[str, tuple[str, ...]] = {
    "input_uncached": ("input_tokens",),
    "cache_read": ("input_tokens", "cache_read_tokens"),
    "cache_write_5m": ("input_tokens", "cache_write_tokens"),
    "cache_write_1h": ("input_tokens", "cache_write_tokens", "cache_write_1h_tokens"),
    "cache_write_other": ("input_tokens", "cache_write_tokens"),
    "output": ("output_tokens",),
    "input_audio": ("input_tokens", "input_audio_tokens"),
    "output_audio": ("output_tokens", "output_audio_tokens"),
    "input_image": ("input_tokens",),
    "output_image": ("output_tokens",),
}
"""Token kind -> the counts of a call that has nothing else."""

_TIER_WORDS = ("service_tier", "processing", "speed")
"""Words under which the library files a tier: batch is a way of processing, fast a speed or a tier."""


def list_card() -> str:
    """Return name and version of the price list."""
    return f"{LIST} {version(LIST)}"


@cache
def listed(prices_id: str, sku: Sku, day: date) -> Listed:
    """Return the list price of a day; `sku` needs model, tier, kind and context only."""
    card = f"{list_card()}, list price"
    at = datetime.combine(day, time(), UTC)
    try:
        info = _model(prices_id, sku.model)
        context, at = _tier(info, sku.tier, at)
        before = _long_input(info, at, context) if sku.context == LONG else 0
        usd = _price(prices_id, sku, at, context, before)
    except LookupError:
        return Listed(None, f"{card}: model {sku.model} with tier {sku.tier} is not on it")
    if usd == 0:
        return Listed(None, f"{card}: model {sku.model} has no price for {sku.token_kind}")
    return Listed(quantize(usd), f"{card} of {at:%Y-%m-%d}{' for long requests' if before else ''}")


@cache
def list_changes(prices_id: str, model: str) -> tuple[date, ...]:
    """Return the days on which a list price of the model begins, sorted."""
    try:
        info = _model(prices_id, model)
    except LookupError:
        return ()
    prices = [] if isinstance(info.prices, ModelPrice) else info.prices
    constraints = [item.constraint for item in (*prices, *(info.price_variants or ()))]
    return tuple(sorted({it.start_date for it in constraints if isinstance(it, StartDateConstraint)}))


@cache
def last_recorded(day: date) -> date | None:
    """Return the newest day, up to this one, on which a price of any model of the list begins."""
    known = (
        item.constraint.start_date
        for provider in get_snapshot().providers
        for info in provider.models
        if not isinstance(info.prices, ModelPrice)
        for item in info.prices
        if isinstance(item.constraint, StartDateConstraint)
    )
    return max((start for start in known if start <= day), default=None)


@cache
def long_from(prices_id: str, model: str, day: date) -> int | None:
    """Return the length in input tokens beyond which a request costs more; null where none does."""
    try:
        return _long_input(_model(prices_id, model), datetime.combine(day, time(), UTC), {}) or None
    except LookupError:
        return None


@cache
def context_window(prices_id: str | None, model: str) -> int | None:
    """Return the most input that a model takes, in tokens; null where the list does not say."""
    try:
        return (_model(prices_id, model).context_window or None) if prices_id else None
    except LookupError:
        return None


def _model(prices_id: str, model: str) -> ModelInfo:
    return get_snapshot().find_provider_model(model, None, prices_id, None)[1]


def _tier(info: ModelInfo, tier: str, at: datetime) -> tuple[dict[str, str], datetime]:
    """Return the library's words for a tier, and when to look it up.

    The library dates a tier from the day it was recorded: what was served earlier costs that.
    """
    if tier == "standard":
        return {}, at
    words = [{word: tier} for word in _TIER_WORDS]
    found = [variant for when in words for variant in info.price_variants or () if variant.when == when]
    if not found:
        raise LookupError(f"{info.id} has no price for {tier}")
    constraint = found[0].constraint
    if isinstance(constraint, StartDateConstraint):
        at = max(at, datetime.combine(constraint.start_date, time(), UTC))
    return dict(found[0].when), at


def _long_input(info: ModelInfo, at: datetime, context: dict[str, str]) -> int:
    """Return the least input, in tokens, of a request that costs the price of long ones; 0 without any."""
    prices = vars(info.get_prices(at, context or None)).values()
    starts = [price.tiers[0].start for price in prices if isinstance(price, TieredPrices) and price.tiers]
    return min(starts) if starts else 0


def _price(prices_id: str, sku: Sku, at: datetime, context: dict[str, str], before: int) -> Decimal:
    """Return the price of a token: of a call with nothing else, or of what it adds to a long one."""

    def total(**counts: int) -> Decimal:
        price = calc_price(
            Usage(**counts), sku.model, provider_id=prices_id, genai_request_timestamp=at,
            price_context=context or None,
        )  # fmt: skip
        return price.total_price

    names = _USAGE[sku.token_kind]
    if not before:
        return total(**dict.fromkeys(names, _PROBE)) / _PROBE
    if names[0] == "input_tokens":
        size = -(-(before + 1) // _PROBE) * _PROBE
        return total(**dict.fromkeys(names, size)) / size
    size = before + 1
    return (total(input_tokens=size, **dict.fromkeys(names, _PROBE)) - total(input_tokens=size)) / _PROBE
