"""Lets a month happen, service by service; every service draws from chances of its own."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from math import exp, log
from random import Random

from pipeline.simulator.calls import SECOND, Call, Outcome
from pipeline.simulator.chances import BILLED, chances
from pipeline.simulator.clock import Clock
from pipeline.simulator.delivery import Post
from pipeline.simulator.faults import Mishaps
from pipeline.simulator.mix import Mix
from pipeline.simulator.otlp import Span
from pipeline.simulator.service import Service
from pipeline.simulator.talks import Caller
from pipeline.simulator.tracing import Tracer
from pipeline.simulator.traffic import Traffic, Trip

_STRAGGLERS = 300
"""One in so many single calls ends just before the month does (or did) and is booked after it."""

_LATEST = 9 * 3600
"""Seconds that the provider takes at most to book a straggler; mostly it is minutes."""

_MARGIN = 12 * 3600 * SECOND
"""Without stragglers no traffic comes this near to the edges of the month."""

_HOUR = 3600 * SECOND


@dataclass
class History:
    """The month of a company as it happens."""

    seed: int
    clock: Clock
    mix: Mix
    services: Sequence[Service]
    post: Post
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    due: float = 0.0

    def calls(self, whole: int, tell: Callable[[str, int, int], None]) -> Iterator[Call]:
        """Yield calls that are over, all of a service after its spans have been sent."""
        shares = sum(service.share for service in self.services)
        apart = _STRAGGLERS / self.mix.period_boundary if self.mix.period_boundary else 0.0
        self.due = apart / 2
        done = 0
        for service in self.services:
            happened: list[Call] = []
            spans: list[Span] = []
            tracer = Tracer(self._chance(service, "ids"), self.clock)
            for trip in self._trips(service, max(1, round(whole * service.share / shares))):
                self._straggle(trip, apart)
                happened += trip.calls
                spans += tracer.spans(trip)
            self.post.send(spans, service)
            done += len(happened)
            tell("simulating calls", min(done, whole), whole)
            yield from happened

    def _trips(self, service: Service, budget: int) -> Iterator[Trip]:
        mishaps = Mishaps(
            self._chance(service, "faults"), chances(self.mix), not self.mix.not_billed, self._bad_hours()
        )
        clock = self.clock if self.mix.period_boundary else replace(self.clock, margin=_MARGIN)
        rng = self._chance(service, "traffic")
        yield from Traffic(rng, clock, mishaps, Caller(rng, self.numbers)).trips(service, budget)

    def _bad_hours(self) -> tuple[tuple[str, int, int], ...]:
        """One provider after the other has a few hours in which much fails."""
        rng = Random(f"{self.seed} weather")  # noqa: S311 - a simulation wants to be predictable
        found = []
        for provider in BILLED:
            start = self.clock.moment(rng, "office")
            found.append((provider, start, start + int(rng.uniform(1, 4) * _HOUR)))
        return tuple(found)

    def _chance(self, service: Service, purpose: str) -> Random:
        return Random(f"{self.seed} {service.name} {purpose}")  # noqa: S311 - wants to be predictable

    def _straggle(self, trip: Trip, apart: float) -> None:
        """Now and then move a trip to just before a month begins or ends, booked after it."""
        service = trip.service
        if not apart or service.shape != "single" or not service.dialects or service.hour_profile == "inner":
            return
        self.due -= 1
        call = trip.calls[-1]
        is_plain = len(trip.calls) == 1 and call.outcome is Outcome.OK and len(call.attempts) == 1
        if self.due > 0 or not is_plain or call.conversation:
            return
        self.due += apart
        rng = Random(f"{self.seed} {call.number} straggler")  # noqa: S311 - wants to be predictable
        edge = self.clock.end if rng.random() < 0.6 else self.clock.start
        call.meter_lag = int(
            exp(rng.uniform(log(60), log(_LATEST)) if rng.random() < 0.3 else log(90)) * SECOND
        )
        shift = edge - int(rng.uniform(0.01, 0.9) * call.meter_lag) - call.ended
        trip.started += shift
        call.started += shift
        call.ended += shift
        call.attempts[-1].started += shift
        call.attempts[-1].ended += shift
