"""Who asks what: single requests, conversations that grow, agents that call several times in one trace."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random

from pipeline.simulator.calls import SECOND, Call, Outcome
from pipeline.simulator.clock import Clock
from pipeline.simulator.faults import Mishaps
from pipeline.simulator.leaves import Leaves
from pipeline.simulator.service import Service
from pipeline.simulator.talks import Caller, Talk

_FAILED = (Outcome.GAVE_UP, Outcome.BROKEN)
_STORM = 6.0
"""How much likelier the next call fails after one gave up."""


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


@dataclass
class Traffic:
    """Draws calls; every call comes back with its outcome, its attempts and its end."""

    rng: Random
    clock: Clock
    mishaps: Mishaps
    caller: Caller

    def trips(self, service: Service, budget: int) -> Iterator[Trip]:
        """Yield traces of a service until its calls are used up."""
        made = 0
        while made < budget:
            for trip in self._story(service, budget - made):
                made += sum(call.unseen is None or not service.dialects for call in trip.calls)
                yield trip

    def _story(self, service: Service, left: int) -> Iterator[Trip]:
        started = self.clock.moment(self.rng, service.hour_profile)
        talk = self.caller.talk(service)
        if service.shape == "chat":
            yield from self._conversation(service, talk, started, left)
            return
        trip = self._trip(service, started)
        steps = min(left, 1 + int(self.rng.expovariate(0.5))) if service.shape == "agent" else 1
        for _ in range(steps):
            if service.compacts == "labelled" and service.window and talk.context > service.window:
                self._summarise(trip, talk, started)
                started = trip.ended + SECOND // 4
            self._add(trip, talk, started)
            if self.rng.random() < service.sub_agents:
                self._delegate(trip, talk)
            started = trip.ended + self.rng.randrange(SECOND // 50, 4 * SECOND)
        yield trip

    def _delegate(self, trip: Trip, talk: Talk) -> None:
        """Let a sub-agent, with a small context of its own, make a few calls."""
        own = replace(talk, context=trip.service.prompt // 2, cached=0, turn=0, agent="explorer")
        for _ in range(self.rng.randint(1, 3)):
            self._add(trip, own, trip.ended + SECOND // 10)

    def _conversation(self, service: Service, talk: Talk, started: int, left: int) -> Iterator[Trip]:
        turns = 1 + int(self.rng.expovariate(1 / 6)) + (24 if self.rng.random() < 0.04 else 0)
        for _ in range(min(left, turns)):
            is_full = talk.turn and service.window and talk.context > service.window
            if is_full and service.compacts != "server":
                if service.compacts == "drops":
                    talk.context = service.prompt
                else:
                    summary = self._trip(service, started)
                    self._summarise(summary, talk, started)
                    yield summary
                    started = summary.ended + SECOND // 4
            trip = self._trip(service, started)
            self._add(trip, talk, started)
            yield trip
            started = trip.ended + int(self.rng.expovariate(1 / 70) * SECOND) + 2 * SECOND

    def _trip(self, service: Service, started: int) -> Trip:
        return Trip(service, f"{self.rng.getrandbits(128):032x}", started)

    def _add(self, trip: Trip, talk: Talk, started: int) -> None:
        """Make one call, and more after a failure or an answer that is not valid."""
        call = self.caller.call(trip.service, trip.trace_id, talk, started)
        self.mishaps.befall(call)
        trip.calls.append(call)
        call = self._again(trip, talk, call)
        talk.turn += 1
        if call.compaction:
            talk.cached = 0
        if call.use.input:
            talk.context = call.use.input + call.delivered - min(call.reasoning, call.delivered)

    def _again(self, trip: Trip, talk: Talk, call: Call) -> Call:
        service = trip.service
        if service.wrapper == 1 and call.outcome in _FAILED and self.rng.random() < 0.5:
            return self._repeat(trip, talk, call, "retry")
        for _ in range(1, service.wrapper):
            if call.outcome in _FAILED:
                call = self._repeat(trip, talk, call, "retry", _STORM)
        while service.reasks == "call" and call.outcome is Outcome.OK and self.rng.random() < service.invalid:
            call = self._repeat(trip, talk, call, "validation_retry")
        return call

    def _repeat(self, trip: Trip, talk: Talk, before: Call, workload: str, trouble: float = 0.0) -> Call:
        call = self.caller.call(trip.service, trip.trace_id, talk, before.ended + SECOND)
        call.workload = workload
        if trouble:
            self.mishaps.befall(call, trouble)
        else:
            self.mishaps.settle(call)
        trip.calls.append(call)
        return call

    def _summarise(self, trip: Trip, talk: Talk, started: int) -> None:
        """Send the whole history off to be summarised; unless the request is labelled, no span counts it."""
        call = self.caller.call(trip.service, trip.trace_id, replace(talk, turn=0), started)
        call.unseen = None if trip.service.compacts == "labelled" else "summary_compaction"
        call.workload = "compaction"
        output = self.caller.size(520, 0.25)
        call.use = Leaves(input_uncached=talk.context, output=output)
        call.reasoning, call.compaction = 0, None
        self.mishaps.settle(call)
        trip.calls.append(call)
        talk.context = trip.service.prompt + output
