"""What the simulated company uses in a month: tokens by day, project, model, service tier and kind."""

from datetime import date, datetime
from random import Random
from typing import NamedTuple

from pipeline.simulator.billing import Bill, Count, Meter
from pipeline.simulator.calls import SECOND
from pipeline.simulator.clock import Clock, nanoseconds
from pipeline.simulator.leaves import KINDS, Leaves
from pipeline.simulator.money.price_list import kinds

_SHARES = {
    "input_uncached": 1.0,
    "cache_read": 2.2,
    "cache_write_5m": 0.3,
    "cache_write_1h": 0.25,
    "output": 0.22,
}
"""Usual tokens of a kind for one of uncached input."""


class Stream(NamedTuple):
    """Traffic of one project with one model in one service tier."""

    provider: str
    project: str
    team: str
    model: str
    tier: str
    usual: int
    """Uncached input tokens of a working day."""


class Used(NamedTuple):
    """Tokens of one kind on one day of a stream: what is metered, and what is to be billed."""

    provider: str
    day: date
    project: str
    model: str
    tier: str
    kind: str
    tokens: int


STREAMS = (
    Stream("openai", "proj_support", "support", "gpt-5-mini-2025-08-07", "standard", 21_000_000),
    Stream("openai", "proj_search", "search", "gpt-5.1-2025-11-13", "standard", 9_000_000),
    Stream("openai", "proj_live", "search", "gpt-5.1-2025-11-13", "priority", 1_300_000),
    Stream("openai", "proj_night", "data", "gpt-5.1-2025-11-13", "flex", 4_000_000),
    Stream("openai", "proj_agents", "platform", "gpt-5.6-sol", "standard", 2_500_000),
    Stream("openai", "proj_shop", "commerce", "gpt-4.1-2025-04-14", "standard", 3_100_000),
    Stream("anthropic", "wrkspc_support", "support", "claude-haiku-4-5-20251001", "standard", 8_000_000),
    Stream("anthropic", "wrkspc_platform", "platform", "claude-sonnet-4-6", "standard", 4_200_000),
    Stream("anthropic", "wrkspc_data", "data", "claude-sonnet-4-6", "batch", 2_700_000),
    Stream("mistral_ai", "", "growth", "mistral-medium-2604", "standard", 5_000_000),
    Stream("mistral_ai", "", "growth", "mistral-small-2603", "standard", 12_000_000),
)
"""Each project uses one model in one tier: a cost export that names no tier can still be read."""


def draw_usage(rng: Random, clock: Clock, volume: float) -> list[Used]:
    """Draw a month's usage; `volume` is how much there is of it beside the usual."""
    return [
        Used(
            stream.provider,
            day.date(),
            stream.project,
            stream.model,
            stream.tier,
            kind,
            _tokens(rng, stream, kind, day, volume),
        )
        for stream in STREAMS
        for day in clock.days
        for kind in _kinds(stream)
    ]


def _kinds(stream: Stream) -> tuple[str, ...]:
    """Invoices of Mistral tell input and output."""
    return ("input_uncached", "output") if stream.provider == "mistral_ai" else kinds(stream.model)


def _tokens(rng: Random, stream: Stream, kind: str, day: datetime, volume: float) -> int:
    is_working = day.weekday() < 5
    size = stream.usual * _SHARES[kind] * (1.0 if is_working else 0.3) * volume
    return int(size * rng.uniform(0.7, 1.3))


def as_bill(rows: list[Used]) -> Bill:
    """Return the counters from which the usage exports are written."""
    bill = Bill()
    for row in rows:
        second = nanoseconds(datetime.fromisoformat(f"{row.day}T00:00:00+00:00")) // SECOND
        key = f"key_{row.project.partition('_')[2]}"
        meter = Meter(row.provider, second, row.project, key, row.model, row.tier, "chat")
        count = bill.counts.setdefault(meter, Count())
        count.leaves = count.leaves.plus(Leaves(**{row.kind: row.tokens}))
        count.requests += row.tokens // 4000 if row.kind == KINDS[0] else 0
    return bill
