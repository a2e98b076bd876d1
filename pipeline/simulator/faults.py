"""What goes wrong: failed attempts, clients that give up, answers without usage; and what is billed of it.

Long calls fail and are cancelled more often, and whether a failed attempt is billed is a matter of chance:
strictly between never and always.
"""

from dataclasses import dataclass
from random import Random

from pipeline.simulator.calls import SECOND, Attempt, Call, Outcome
from pipeline.simulator.leaves import NOTHING, Leaves

MAX_ATTEMPTS = 3
"""Both SDKs retry twice."""

FAILURES = {"timeout": 0.34, "rate_limited": 0.32, "server_error": 0.24, "connect": 0.10}
"""Share of each kind among failed attempts that are sent again."""

BILLED = {
    "openai": {"timeout": 0.70, "server_error": 0.20, "rate_limited": 0.02, "connect": 0.03, "broken": 0.60,
               "cancelled": 0.85},
    "anthropic": {"timeout": 0.85, "server_error": 0.10, "rate_limited": 0.01, "connect": 0.02,
                  "broken": 0.75, "cancelled": 0.95},
    "mistral_ai": {"timeout": 0.90, "server_error": 0.15, "rate_limited": 0.02, "connect": 0.03,
                   "broken": 0.80, "cancelled": 0.97},
}  # fmt: skip
"""Chance that the provider bills an attempt, by how it failed."""

RUNS_TO_THE_END = ("mistral_ai",)
"""Providers that finish and bill an answer after the client left (billing-rules.md, OpenRouter's list)."""


@dataclass
class Mishaps:
    """Draws the fate of calls."""

    rng: Random

    def befall(self, call: Call) -> None:
        """Give the call an outcome, attempts and an end."""
        length = (call.use.output + 40) / (call.service.answer + 40)
        risk = min(3.0, length**0.6)
        outcome = self._outcome(call, risk)
        call.outcome = outcome
        if outcome in (Outcome.OK, Outcome.NO_USAGE, Outcome.FALSE_ZERO, Outcome.NEVER_ENDED):
            failures = self._failures(call.service.retries * risk)
            if failures == MAX_ATTEMPTS:
                self._give_up(call)
            else:
                self.settle(call, failures)
            return
        self._end_badly(call)

    def settle(self, call: Call, failures: int = 0) -> None:
        """Let the call complete, after some failed attempts."""
        at = call.started
        for number in range(failures):
            at = self._fail(call, at, self.rng.choices([*FAILURES], [*FAILURES.values()])[0], number)
        call.ended = at + self._latency(call, call.use.output)
        call.delivered = call.use.output
        is_billed = call.model.provider in BILLED
        call.attempts.append(Attempt("ok", at, call.ended, call.use if is_billed else None, is_kept=True))

    def _outcome(self, call: Call, risk: float) -> Outcome:
        service = call.service
        is_failing = bool(service.retries)
        chances = [
            (self._abandonment(call), service.cancels * risk),
            (Outcome.CACHE_HIT, service.cache_hits),
            (Outcome.REFUSED, service.refusals),
            (Outcome.BROKEN, 0.006 * risk if call.is_stream and service.cancels else 0.0),
            (Outcome.REJECTED, 0.004 if is_failing else 0.0),
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
        """Add a failed attempt; returns when the SDK sends the next one (0.5 s, doubled, with jitter)."""
        rng = self.rng
        took = {"timeout": 30.0, "rate_limited": 0.3, "server_error": 2.5, "connect": 0.6}[kind]
        ended = at + int(took * rng.uniform(0.8, 2.4 if kind == "server_error" else 1.25) * SECOND)
        billed = None
        if rng.random() < self._chance(call, kind):
            billed = self._attempt_use(call, kind)
        call.attempts.append(Attempt(kind, at, ended, billed))
        return ended + int(min(8.0, 0.5 * 2**number) * rng.uniform(0.75, 1.0) * SECOND)

    def _attempt_use(self, call: Call, kind: str) -> Leaves:
        """What a failed attempt used: the same input, and an answer of its own, whole or in part."""
        answer = call.use.output * self.rng.lognormvariate(0.1, 0.3)
        part = 1.0 if kind == "timeout" else self.rng.uniform(0.0, 0.8)
        return call.use._replace(output=round(answer * part))

    def _chance(self, call: Call, kind: str) -> float:
        return BILLED.get(call.model.provider, {}).get(kind, 0.0)

    def _end_badly(self, call: Call) -> None:
        at, outcome, rng = call.started, call.outcome, self.rng
        call.compaction = None
        if outcome is Outcome.CACHE_HIT or outcome is Outcome.REFUSED or outcome is Outcome.REJECTED:
            self._end_unbilled(call)
            return
        seen = rng.betavariate(1.6, 1.8)
        call.delivered = max(call.placeholder, int(call.use.output * seen))
        if outcome in (Outcome.CANCELLED, Outcome.TIMED_OUT):
            call.delivered = 0
        call.ended = at + max(SECOND // 5, int(self._latency(call, call.use.output) * seen))
        kind = "broken" if outcome is Outcome.BROKEN else "cancelled"
        if outcome is Outcome.TIMED_OUT:
            kind, call.ended = "timeout", at + int(30 * rng.uniform(0.95, 1.05) * SECOND)
        billed = None
        if rng.random() < self._chance(call, kind):
            billed = call.use._replace(output=self._after_abort(call, seen))
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

    def _latency(self, call: Call, output: int) -> int:
        speed = self.rng.lognormvariate(0.0, 0.25)
        seconds = 0.25 + call.use.input * 4e-5 + output * 0.013
        return int(seconds * speed * SECOND)
