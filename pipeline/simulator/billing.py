"""What the providers meter and bill: counters by day, list prices, and fees."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import NamedTuple

from pipeline.simulator.calls import SECOND, Call, Outcome
from pipeline.simulator.clock import WIDTHS, Clock, day_of
from pipeline.simulator.company import MODELS, Service
from pipeline.simulator.leaves import NOTHING, Leaves

# Public list prices in USD per million tokens, as of 2026-10-01, by kind: input, cached input, cache write
# for 5 minutes, for one hour, output. OpenAI: platform.openai.com/docs/pricing. Anthropic:
# docs.anthropic.com, pricing (5m write 1.25 x, 1h write 2 x, read 0.1 x input). Mistral: mistral.ai/pricing.
PRICES: dict[str, dict[str, Decimal]] = {
    "gpt-5-mini-2025-08-07": {"input_uncached": Decimal("0.25"), "cache_read": Decimal("0.025"),
                              "output": Decimal(2)},
    "gpt-5.1-2025-11-13": {"input_uncached": Decimal("1.25"), "cache_read": Decimal("0.125"),
                           "output": Decimal(10)},
    "gpt-4.1-2025-04-14": {"input_uncached": Decimal(2), "cache_read": Decimal("0.5"), "output": Decimal(8)},
    "gpt-4.1-mini-2025-04-14": {"input_uncached": Decimal("0.4"), "cache_read": Decimal("0.1"),
                                "output": Decimal("1.6")},
    "text-embedding-3-small": {"input_uncached": Decimal("0.02")},
    "text-embedding-3-large": {"input_uncached": Decimal("0.13")},
    "claude-sonnet-4-6": {"input_uncached": Decimal(3), "cache_read": Decimal("0.3"),
                          "cache_write_5m": Decimal("3.75"), "cache_write_1h": Decimal(6),
                          "output": Decimal(15)},
    "claude-haiku-4-5-20251001": {"input_uncached": Decimal(1), "cache_read": Decimal("0.1"),
                                  "cache_write_5m": Decimal("1.25"), "cache_write_1h": Decimal(2),
                                  "output": Decimal(5)},
    "mistral-small-2603": {"input_uncached": Decimal("0.15"), "output": Decimal("0.6")},
    "mistral-medium-2604": {"input_uncached": Decimal("1.5"), "output": Decimal("7.5")},
}  # fmt: skip

TIER_FACTORS = {"standard": Decimal(1), "flex": Decimal("0.5"), "batch": Decimal("0.5")}
"""Flex and batch cost half (the price pages of OpenAI)."""

SEARCH_PRICE = Decimal("0.01")
"""USD for one web search, at both OpenAI and Anthropic: 10 USD a thousand."""


class Meter(NamedTuple):
    """Dimensions in which a provider counts."""

    provider: str
    step: int
    """First second of the time step."""
    project: str
    key: str
    model: str
    tier: str
    operation: str

    @property
    def day(self) -> str:
        """UTC day as YYYY-MM-DD."""
        return day_of(self.step * SECOND)


@dataclass(slots=True)
class Count:
    """What a provider counted."""

    leaves: Leaves = NOTHING
    requests: int = 0


@dataclass
class Bill:
    """Counters of a month, and the searches that are billed beside the tokens."""

    grain: str = "day"
    """Time step of the counters."""
    counts: dict[Meter, Count] = field(default_factory=dict)
    searches: dict[tuple[str, str], int] = field(default_factory=dict)
    """Web searches by provider and day."""

    def of(self, provider: str) -> list[tuple[Meter, Count]]:
        """Return a provider's counters in order."""
        return sorted((meter, count) for meter, count in self.counts.items() if meter.provider == provider)

    def amounts(self, provider: str) -> dict[tuple[str, str, str, str], tuple[Decimal, int]]:
        """Return dollars (unrounded) and tokens by day, project, model and kind."""
        sums: dict[tuple[str, str, str, str], tuple[Decimal, int]] = {}
        for meter, count in self.of(provider):
            for kind, tokens in count.leaves._asdict().items():
                if tokens:
                    where = (meter.day, meter.project, meter.model, kind)
                    dollars, before = sums.get(where, (Decimal(0), 0))
                    sums[where] = (dollars + price(meter, kind) * tokens, before + tokens)
        return sums


def price(meter: Meter, kind: str) -> Decimal:
    """Return USD for one token."""
    return PRICES[meter.model][kind] * TIER_FACTORS[meter.tier] / 1_000_000


def charges(call: Call) -> list[tuple[int, Leaves]]:
    """Return what the provider counts for a call: the instant and the tokens of each billed part."""
    parts = []
    for attempt in call.attempts:
        if attempt.billed is not None:
            lag = call.meter_lag if attempt.is_kept else 0
            parts.append((attempt.ended + lag, attempt.billed))
    kept = call.kept
    if call.compaction and call.outcome is Outcome.OK and kept and kept.billed is not None:
        parts.append((kept.ended + call.meter_lag, call.compaction))
    return parts


def bill(calls: Iterable[Call], clock: Clock, grain: str, rng: Random) -> Bill:
    """Return what the providers counted in the month."""
    result = Bill(grain)
    width = WIDTHS[grain]
    for call in calls:
        for at, leaves in charges(call):
            if clock.holds(at):
                count = result.counts.setdefault(_meter(call, at // SECOND // width * width), Count())
                count.leaves = count.leaves.plus(leaves)
                count.requests += 1
    for day in clock.days:
        result.searches["openai", f"{day:%Y-%m-%d}"] = rng.randint(0, 12)
        result.searches["anthropic", f"{day:%Y-%m-%d}"] = rng.randint(0, 18)
    return result


def _meter(call: Call, step: int) -> Meter:
    service: Service = call.service
    return Meter(
        provider=call.model.provider,
        step=step,
        project=service.project,
        key=service.key,
        model=call.model.name,
        tier=service.tier,
        operation=service.operation,
    )


TITLES = {model.name: model.title or model.name for model in MODELS}
"""Model as metered -> name on the bill."""
