"""What a conversation or an agent run has in memory, and the call that comes of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from math import log
from random import Random

from pipeline.simulator.calls import Call
from pipeline.simulator.leaves import Leaves
from pipeline.simulator.models import Model
from pipeline.simulator.service import Service

CACHE_STEP = 128
"""OpenAI caches prefixes of 1,024 tokens and more in steps of 128 (billing-rules.md, section 4)."""


@dataclass(slots=True)
class Talk:
    """What a conversation or an agent run has in memory."""

    model: Model
    team: str
    feature: str
    conversation: str | None
    context: int
    cached: int = 0
    turn: int = 0
    agent: str = ""


@dataclass
class Caller:
    """Draws talks and calls, before anything happens to them."""

    rng: Random
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def talk(self, service: Service) -> Talk:
        """Begin a conversation, an agent run or a single request."""
        rng = self.rng
        return Talk(
            model=service.models[0] if rng.random() < 0.75 else service.models[-1],
            team=rng.choice(service.shared_by) if service.shared_by else service.team,
            feature=rng.choice(service.features),
            conversation=f"conv-{rng.getrandbits(48):012x}" if service.shape != "single" else None,
            context=self.size(service.prompt, 0.45),
        )

    def size(self, median: int, spread: float) -> int:
        """Draw a number of tokens."""
        return max(1, round(self.rng.lognormvariate(log(median), spread)))

    def call(self, service: Service, trace_id: str, talk: Talk, started: int) -> Call:
        """Draw the next request of a talk and its complete answer."""
        rng = self.rng
        asked = talk.context + (self.size(110, 0.7) if talk.turn else 0)
        if rng.random() < service.long:
            asked = self.size(240_000, 0.08)
        output = self.size(service.answer, 0.6) if service.answer else 0
        call = Call(
            number=next(self.numbers),
            service=service,
            model=talk.model,
            team=talk.team,
            trace_id=trace_id,
            started=started,
            is_stream=rng.random() < service.stream,
            use=self._cached(service, talk, asked)._replace(output=output),
            reasoning=self._reasoning(service, talk.model, output),
            placeholder=min(rng.choice((1, 1, 2, 3, 4, 5, 8)), max(1, output - 1)),
            conversation=talk.conversation,
            feature=talk.feature,
            unseen=None if service.dialects else "uninstrumented",
            has_text=rng.random() < 0.03,
            workload="sub_agent" if talk.agent else service.workload,
            agent=talk.agent,
            noise=rng.gauss(0, 1),
            meter_lag=int(rng.expovariate(1 / 1.5e9)),
            span_id=f"{rng.getrandbits(64):016x}",
            response_id=_response_id(talk.model, rng),
        )
        if service.compacts == "server" and talk.turn and service.window and asked > service.window:
            call.compaction = Leaves(input_uncached=asked, output=self.size(420, 0.3))
            call.use = Leaves(input_uncached=service.prompt + call.compaction.output, output=output)
        return call

    def _reasoning(self, service: Service, model: Model, output: int) -> int:
        share = model.reasoning_share * service.reasoning
        if not share or output < 2:
            return 0
        return min(output - 1, int(output * share * self.rng.uniform(0.4, 1.6)))

    def _cached(self, service: Service, talk: Talk, asked: int) -> Leaves:
        """Split an input: what the provider reads from its cache, writes to it, or takes as it is."""
        if service.caches == "none" or self.rng.random() >= service.cached:
            return Leaves(input_uncached=asked)
        warm = self.rng.random() < (0.85 if talk.turn else 0.35)
        if service.caches == "automatic":
            prefix = min(asked, talk.context) // CACHE_STEP * CACHE_STEP if warm else 0
            read = prefix if prefix >= 8 * CACHE_STEP else 0
            return Leaves(asked - read, cache_read=read)
        read = min(talk.cached or int(service.prompt * 0.8), asked) if warm else 0
        fresh = asked - read
        written = int(fresh * 0.9) if fresh > 60 else 0
        talk.cached = read + written
        if service.caches == "5m" or (service.caches == "mixed" and self.rng.random() < 0.2):
            return Leaves(fresh - written, read, written)
        return Leaves(fresh - written, read, 0, written)


def _response_id(model: Model, rng: Random) -> str:
    bits = f"{rng.getrandbits(120):030x}"
    if model.provider == "anthropic":
        return f"msg_01{bits[:22]}"
    return bits if model.provider in {"mistral_ai", "gcp.gemini"} else f"chatcmpl-{bits}"
