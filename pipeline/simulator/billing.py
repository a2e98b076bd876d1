"""What the providers meter and bill: counters by day, list prices, and fees."""

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import NamedTuple

from pipeline.simulator.calls import SECOND, Attempt, Call
from pipeline.simulator.clock import WIDTHS, Clock, day_of
from pipeline.simulator.leaves import NOTHING, Leaves
from pipeline.simulator.models import MODELS

# Public list prices in USD per million tokens, as of 2026-10-01, by kind: input, cached input, cache write
# for 5 minutes, for one hour, output. OpenAI: platform.openai.com/docs/pricing. Anthropic:
# docs.anthropic.com, pricing (5m write 1.25 x, 1h write 2 x, read 0.1 x input). Mistral: mistral.ai/pricing.
# Google: ai.google.dev/pricing.
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
    "gemini-2.5-flash": {"input_uncached": Decimal("0.3"), "output": Decimal("2.5")},
    "mistral-small-2603": {"input_uncached": Decimal("0.15"), "output": Decimal("0.6")},
    "mistral-medium-2604": {"input_uncached": Decimal("1.5"), "output": Decimal("7.5")},
}  # fmt: skip

TIER_FACTORS = {"standard": Decimal(1), "flex": Decimal("0.5"), "batch": Decimal("0.5"),
                "priority": Decimal("1.75")}  # fmt: skip
"""Flex and batch cost half, priority more (the price pages of OpenAI)."""

_UNREDUCED = {
    ("gpt-4.1-2025-04-14", "batch", "cache_read"), ("gpt-4.1-mini-2025-04-14", "batch", "cache_read"),
}  # fmt: skip
"""What a tier does not make cheaper: OpenAI's list of batch prices has none for cached input of GPT-4.1."""

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
    context: str = "0-200k"
    """Context window, which only Anthropic tells apart."""

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


def list_price(model: str, tier: str, kind: str) -> Decimal:
    """Return USD per million tokens of a model in a tier."""
    return PRICES[model][kind] * (Decimal(1) if (model, tier, kind) in _UNREDUCED else TIER_FACTORS[tier])


def price(meter: Meter, kind: str) -> Decimal:
    """Return USD for one token."""
    return list_price(meter.model, meter.tier, kind) / 1_000_000


def booked(call: Call, attempt: Attempt) -> int:
    """Return when the provider counts an attempt: soon after its end; a log of requests dates the start."""
    if call.service.is_logged:
        return attempt.started
    return attempt.ended + (call.meter_lag if attempt.is_kept else 0)


def charges(call: Call) -> list[tuple[int, Leaves]]:
    """Return what the provider counts for a call: the instant and the tokens of each billed part."""
    parts = []
    for attempt in call.attempts:
        if attempt.billed is not None:
            parts.append((booked(call, attempt), attempt.billed))
            if attempt.is_kept and call.compaction is not None:
                parts.append((booked(call, attempt), call.compaction))
    return parts


def add(bill: Bill, call: Call, clock: Clock) -> None:
    """Count a call into the bill of the month."""
    width = WIDTHS[bill.grain]
    for at, leaves in charges(call):
        if clock.holds(at):
            count = bill.counts.setdefault(_meter(call, at // SECOND // width * width, leaves), Count())
            count.leaves = count.leaves.plus(leaves)
            count.requests += 1


def add_searches(bill: Bill, clock: Clock, rng: Random) -> None:
    """Draw the web searches that are billed beside the tokens."""
    for day in clock.days:
        bill.searches["openai", f"{day:%Y-%m-%d}"] = rng.randint(0, 12)
        bill.searches["anthropic", f"{day:%Y-%m-%d}"] = rng.randint(0, 18)


def _meter(call: Call, step: int, leaves: Leaves) -> Meter:
    service, provider = call.service, call.model.provider
    is_long = provider == "anthropic" and leaves.input > 200_000
    return Meter(
        provider, step, service.project, service.key, call.model.name, service.tier, service.operation,
        "200k-1M" if is_long else "0-200k",
    )  # fmt: skip


TITLES = {model.name: model.title or model.name for model in MODELS}
"""Model as metered -> name on the bill."""
