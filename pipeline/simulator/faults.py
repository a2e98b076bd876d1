"""What goes wrong: failed attempts, clients that give up, answers without usage; and what is billed of it.

Long calls fail and are cancelled more often, and providers have bad hours.
"""

from dataclasses import dataclass, field
from random import Random

from pipeline.simulator.calls import SECOND, Attempt, Call, Outcome
from pipeline.simulator.chances import BILLED, RUNS_TO_THE_END, Chances
from pipeline.simulator.leaves import NOTHING, Leaves
from pipeline.simulator.timing import latency, pause, wasted

MAX_ATTEMPTS = 3
"""Both SDKs retry twice."""

FAILURES = {"timeout": 0.34, "rate_limited": 0.32, "server_error": 0.24, "connect": 0.10}
"""Share of each kind among failed attempts that are sent again."""

_COMPLETE = (Outcome.OK, Outcome.NO_USAGE, Outcome.FALSE_ZERO, Outcome.NEVER_ENDED)
_UNBILLED = (Outcome.CACHE_HIT, Outcome.REFUSED, Outcome.REJECTED)
_CACHE_LIFE = 300 * SECOND
"""A cached prefix lives for five minutes from its last use."""


@dataclass
class Mishaps:
    """Draws the fate of calls."""

    rng: Random
    chances: Chances = field(default_factory=lambda: BILLED)
    bills_all_kept: bool = False
    """Whether an attempt that was given up or broke off is always billed."""
    bad_hours: tuple[tuple[str, int, int], ...] = ()
    """Provider, start and end of hours in which it fails five times as often."""

    def befall(self, call: Call, trouble: float = 1.0) -> None:
        """Give the call an outcome, attempts and an end."""
        length = (call.use.output + 40) / (call.service.answer + 40)
        risk = min(3.0, length**0.6)
        failing = min(0.7, call.service.retries * risk * trouble * self._weather(call))
        outcome = self._outcome(call, risk)
        call.outcome = outcome
        if outcome not in _COMPLETE:
            self._end_badly(call)
            return
        failures = self._failures(failing)
        if failures == MAX_ATTEMPTS:
            self._give_up(call)
        else:
            self.settle(call, failures)

    def settle(self, call: Call, failures: int = 0) -> None:
        """Let the call complete, after some failed attempts and answers that were not valid."""
        at = call.started
        for number in range(failures):
            kind = self.rng.choices([*FAILURES], [*FAILURES.values()])[0]
            at = self._fail(call, at, kind, number)
        if at - call.started > _CACHE_LIFE and not call.use.cache_write_1h and call.service.caches != "1h":
            call.use = _written_again(call)
        service = call.service
        while service.reasks == "span" and self.rng.random() < service.invalid and len(call.attempts) < 6:
            at = self._ask_again(call, at)
        call.ended = at + latency(call, call.use.output, self.rng)
        call.delivered = call.use.output
        billed = call.use if call.model.provider in self.chances else None
        call.attempts.append(Attempt("ok", at, call.ended, billed, is_kept=True))

    def _ask_again(self, call: Call, at: int) -> int:
        """Take an answer that is not valid, and put it and the complaint behind the question."""
        answer = max(1, round(call.use.output * self.rng.lognormvariate(0, 0.3)))
        billed = call.use._replace(output=answer)
        ended = at + latency(call, answer, self.rng)
        call.attempts.append(Attempt("reasked", at, ended, billed))
        call.use = call.use._replace(input_uncached=call.use.input_uncached + answer + 60)
        return ended + SECOND // 50

    def _weather(self, call: Call) -> float:
        for provider, start, end in self.bad_hours:
            if provider == call.model.provider and start <= call.started < end:
                return 5.0
        return 1.0

    def _outcome(self, call: Call, risk: float) -> Outcome:
        service = call.service
        breaks = 0.15 * service.retries * risk if call.is_stream else 0.0
        chances = [
            (self._abandonment(call), service.cancels * risk),
            (Outcome.CACHE_HIT, service.cache_hits),
            (Outcome.REFUSED, service.refusals),
            (Outcome.BROKEN, breaks),
            (Outcome.REJECTED, 0.004 if service.retries else 0.0),
            *((Outcome(name), chance if call.is_stream else 0.0) for name, chance in service.untold),
        ]
        for outcome, chance in chances:
            if self.rng.random() < chance:
                return outcome
        return Outcome.OK

    def _abandonment(self, call: Call) -> Outcome:
        if call.is_stream:
            return Outcome.CLOSED if self.rng.random() < 0.6 else Outcome.DROPPED
        return Outcome.CANCELLED if self.rng.random() < 0.6 else Outcome.TIMED_OUT

    def _failures(self, chance: float) -> int:
        failures = 0
        while failures < MAX_ATTEMPTS and self.rng.random() < chance:
            failures += 1
            chance = max(chance, 0.25)  # trouble seldom comes alone
        return failures

    def _give_up(self, call: Call) -> None:
        call.outcome, call.compaction = Outcome.GAVE_UP, None
        at = call.started
        for number in range(MAX_ATTEMPTS):
            at = self._fail(call, at, "timeout", number)
        call.ended = call.attempts[-1].ended + SECOND // 500

    def _fail(self, call: Call, at: int, kind: str, number: int) -> int:
        """Add a failed attempt; returns when the SDK sends the next one."""
        ended = at + wasted(call, kind, self.rng)
        billed = self._attempt_use(call, kind) if self._is_billed(call, kind) else None
        call.attempts.append(Attempt(kind, at, ended, billed))
        return ended + pause(kind, number, self.rng)

    def _attempt_use(self, call: Call, kind: str) -> Leaves:
        """What a failed attempt used: the same input, and an answer of its own, whole or in part."""
        answer = call.use.output * self.rng.lognormvariate(0.1, 0.3)
        part = 1.0 if kind == "timeout" else self.rng.uniform(0.0, 0.8)
        return call.use._replace(output=round(answer * part))

    def _is_billed(self, call: Call, kind: str) -> bool:
        return self.rng.random() < self.chances.get(call.model.provider, {}).get(kind, 0.0)

    def _end_badly(self, call: Call) -> None:
        at, outcome, rng = call.started, call.outcome, self.rng
        call.compaction = None
        if outcome in _UNBILLED:
            self._end_unbilled(call)
            return
        seen = rng.betavariate(1.6, 1.8)
        call.delivered = max(call.placeholder, int(call.use.output * seen))
        if outcome in (Outcome.CANCELLED, Outcome.TIMED_OUT):
            call.delivered = 0
        call.ended = at + max(SECOND // 5, int(latency(call, call.use.output, rng) * seen))
        kind = "broken" if outcome is Outcome.BROKEN else "cancelled"
        if outcome is Outcome.TIMED_OUT:
            kind, call.ended = "timeout", at + wasted(call, "timeout", rng)
        is_billed = self._is_billed(call, kind) or (
            self.bills_all_kept and call.model.provider in self.chances
        )
        billed = call.use._replace(output=self._after_abort(call, seen)) if is_billed else None
        call.attempts.append(Attempt(kind, at, call.ended, billed, is_kept=True))

    def _after_abort(self, call: Call, seen: float) -> int:
        """Output billed after the client left: what was generated until the provider noticed, or all."""
        if call.model.provider in RUNS_TO_THE_END or call.outcome is Outcome.TIMED_OUT:
            return call.use.output
        made = max(call.delivered, int(call.use.output * seen))
        return min(call.use.output, made + int(self.rng.expovariate(1 / 25)))

    def _end_unbilled(self, call: Call) -> None:
        kind, took = "ok", 0.5
        if call.outcome is Outcome.REJECTED:
            kind, call.use, call.reasoning = "rejected", NOTHING, 0
        if call.outcome is Outcome.REFUSED:
            call.use, call.reasoning = call.use._replace(output=0), 0
        if call.outcome is Outcome.CACHE_HIT:
            took, call.delivered = 0.02, call.use.output
        call.ended = call.started + int(took * self.rng.uniform(0.5, 2.0) * SECOND)
        call.attempts.append(Attempt(kind, call.started, call.ended, None, is_kept=True))


def _written_again(call: Call) -> Leaves:
    """After a long wait the prefix has left the cache: it is written once more, or at OpenAI just read."""
    use = call.use
    if call.service.caches in {"5m", "mixed"}:
        return use._replace(cache_read=0, cache_write_5m=use.cache_write_5m + use.cache_read)
    return use._replace(cache_read=0, input_uncached=use.input_uncached + use.cache_read)
