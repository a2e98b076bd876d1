"""Who asks what: single requests, conversations that grow, agents that call several times in one trace."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from math import log
from random import Random

from pipeline.simulator.calls import SECOND, Call, Outcome
from pipeline.simulator.clock import Clock
from pipeline.simulator.company import Model, Service
from pipeline.simulator.faults import Mishaps
from pipeline.simulator.leaves import Leaves

CACHE_STEP = 128
"""OpenAI caches prefixes of 1,024 tokens and more in steps of 128 (billing-rules.md, section 4)."""


@dataclass(slots=True)
class Trip:
    """One trace: the calls that a service made for one request of a user."""

    service: Service
    trace_id: str
    started: int
    calls: list[Call] = field(default_factory=list)

    @property
    def ended(self) -> int:
        """When the last call ended."""
        return max(call.ended for call in self.calls)


@dataclass(slots=True)
class _Talk:
    """What a conversation or an agent run has in memory."""

    model: Model
    team: str
    feature: str
    conversation: str | None
    context: int
    cached: int = 0
    turn: int = 0


@dataclass
class Traffic:
    """Draws calls; every call comes back with its outcome, its attempts and its end."""

    rng: Random
    clock: Clock
    mishaps: Mishaps
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def trips(self, service: Service, budget: int) -> Iterator[Trip]:
        """Yield traces of a service until its calls are used up."""
        made = 0
        while made < budget:
            for trip in self._story(service, budget - made):
                made += sum(call.unseen is None or not service.dialects for call in trip.calls)
                yield trip

    def _story(self, service: Service, left: int) -> Iterator[Trip]:
        started = self.clock.moment(self.rng, service.hour_profile)
        talk = self._talk(service)
        if service.shape == "chat":
            yield from self._conversation(service, talk, started, left)
            return
        trip = self._trip(service, started)
        steps = min(left, 1 + int(self.rng.expovariate(0.5))) if service.shape == "agent" else 1
        for _ in range(steps):
            self._add(trip, talk, started)
            started = trip.ended + self.rng.randrange(SECOND // 50, 4 * SECOND)
        yield trip

    def _conversation(self, service: Service, talk: _Talk, started: int, left: int) -> Iterator[Trip]:
        turns = 1 + int(self.rng.expovariate(1 / 6)) + (24 if self.rng.random() < 0.04 else 0)
        for _ in range(min(left, turns)):
            if service.compacts == "unseen" and service.window and talk.context > service.window:
                summary = self._trip(service, started)
                self._summarise(summary, talk)
                yield summary
                started = summary.ended + SECOND // 4
            trip = self._trip(service, started)
            self._add(trip, talk, started)
            yield trip
            started = trip.ended + int(self.rng.expovariate(1 / 70) * SECOND) + 2 * SECOND

    def _trip(self, service: Service, started: int) -> Trip:
        return Trip(service, f"{self.rng.getrandbits(128):032x}", started)

    def _talk(self, service: Service) -> _Talk:
        rng = self.rng
        return _Talk(
            model=service.models[0] if rng.random() < 0.75 else service.models[-1],
            team=rng.choice(service.shared_by) if service.shared_by else service.team,
            feature=rng.choice(service.features),
            conversation=f"conv-{rng.getrandbits(48):012x}" if service.shape != "single" else None,
            context=self._size(service.prompt, 0.45),
        )

    def _size(self, median: int, spread: float) -> int:
        return max(1, round(self.rng.lognormvariate(log(median), spread)))

    def _add(self, trip: Trip, talk: _Talk, started: int) -> None:
        """Make one call, and again after a failure half of the time: what the application itself retries."""
        call = self._call(trip, talk, started)
        self.mishaps.befall(call)
        trip.calls.append(call)
        if call.outcome in (Outcome.GAVE_UP, Outcome.BROKEN) and self.rng.random() < 0.5:
            again = self._call(trip, talk, call.ended + SECOND)
            self.mishaps.settle(again)
            trip.calls.append(again)
            call = again
        talk.turn += 1
        if call.compaction:
            talk.cached = 0
        if call.use.input:
            talk.context = call.use.input + call.delivered - min(call.reasoning, call.delivered)

    def _call(self, trip: Trip, talk: _Talk, started: int) -> Call:
        service, rng = trip.service, self.rng
        asked = talk.context + (self._size(110, 0.7) if talk.turn else 0)
        output = self._size(service.answer, 0.6) if service.answer else 0
        use = self._cached(service, talk, asked)._replace(output=output)
        call = Call(
            number=next(self.numbers),
            service=service,
            model=talk.model,
            team=talk.team,
            trace_id=trip.trace_id,
            started=started,
            is_stream=rng.random() < service.stream,
            use=use,
            reasoning=self._reasoning(talk.model, output),
            placeholder=min(rng.choice((1, 1, 2, 3, 4, 5, 8)), max(1, output - 1)),
            conversation=talk.conversation,
            feature=talk.feature,
            unseen=None if service.dialects else "uninstrumented",
            has_text=rng.random() < 0.03,
            span_id=f"{rng.getrandbits(64):016x}",
            response_id=_response_id(talk.model, rng),
        )
        if service.compacts == "server" and service.window and asked > service.window:
            call.compaction = Leaves(input_uncached=asked, output=self._size(420, 0.3))
            call.use = Leaves(input_uncached=service.prompt + call.compaction.output, output=output)
        return call

    def _reasoning(self, model: Model, output: int) -> int:
        if not model.reasoning_share or not output:
            return 0
        return min(output - 1, int(output * model.reasoning_share * self.rng.uniform(0.4, 1.6)))

    def _cached(self, service: Service, talk: _Talk, asked: int) -> Leaves:
        """Split an input: what the provider reads from its cache, writes to it, or takes as it is."""
        if service.caches == "none":
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

    def _summarise(self, trip: Trip, talk: _Talk) -> None:
        """Send the whole history off to be summarised, past the SDK: no span tells of it."""
        call = self._call(trip, replace(talk, turn=0), trip.started)
        call.unseen = "summary_compaction"
        output = self._size(520, 0.25)
        call.use = Leaves(input_uncached=talk.context, output=output)
        call.reasoning = 0
        self.mishaps.settle(call)
        trip.calls.append(call)
        talk.context = trip.service.prompt + output


def _response_id(model: Model, rng: Random) -> str:
    bits = f"{rng.getrandbits(120):030x}"
    if model.provider == "anthropic":
        return f"msg_01{bits[:22]}"
    return bits if model.provider == "mistral_ai" else f"chatcmpl-{bits}"
