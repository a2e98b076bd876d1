"""Spans of a trace: entry, service, framework, calls, HTTP attempts, and unrelated spans."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from pipeline.simulator.anthropic_dialects import ANTHROPIC_DIALECTS
from pipeline.simulator.calls import Call, Outcome, Record
from pipeline.simulator.chain_dialects import CHAIN_DIALECTS
from pipeline.simulator.claude_code import CLAUDE_CODE
from pipeline.simulator.clock import Clock
from pipeline.simulator.framework_dialects import FRAMEWORK_DIALECTS, PYDANTIC_OLD, RUNS
from pipeline.simulator.openai_dialects import OPENAI_DIALECTS
from pipeline.simulator.otlp import INTERNAL, SERVER, Face, Place, Scope, Span, body, status
from pipeline.simulator.sampling import is_sampled, trace_state
from pipeline.simulator.service import Service
from pipeline.simulator.surroundings import (
    AGENTS,
    FASTAPI,
    HTTP,
    MILLISECOND,
    POSTGRES,
    compacted,
    query,
    sent,
    served,
)
from pipeline.simulator.telling import Dialect
from pipeline.simulator.traffic import Trip

DIALECTS = {
    dialect.code: dialect
    for dialect in (
        *OPENAI_DIALECTS, *ANTHROPIC_DIALECTS, *FRAMEWORK_DIALECTS, *CHAIN_DIALECTS, CLAUDE_CODE,
    )
}  # fmt: skip

RANKS = {"anthropic_sdk": 0, "openinference_openai": 1}
"""Which span of a doubly instrumented call is the one to keep: the richer, or the deeper. Others: 5."""

_ABOVE = {
    "openinference_langchain": Face("RunnableSequence", INTERNAL, {"openinference.span.kind": "CHAIN"}, {}),
    "openllmetry_langchain": Face(
        "RunnableSequence.workflow", INTERNAL, {"traceloop.span.kind": "workflow"}, {}
    ),
    "claude_code": Face("claude_code.interaction", INTERNAL, {"span.type": "interaction"}, {}),
    "litellm": Face("Received Proxy Server Request", SERVER, {"http.route": "/v1/chat/completions"}, {}),
}
"""Spans without usage that some dialects put above their calls."""


@dataclass
class Tracer:
    """Writes the spans of traces."""

    rng: Random
    clock: Clock

    def spans(self, trip: Trip) -> Iterator[Span]:
        """Yield the spans of a trace that were ever ended, and note on each call what they record."""
        service = trip.service
        if not service.dialects:
            return
        if not is_sampled(trip.trace_id, service.sampled):
            for call in trip.calls:
                call.is_sampled = False
            return
        shown = [call for call in trip.calls if call.unseen is None or service.compacts == "endpoint"]
        if not shown:
            return
        state = trace_state(service.sampled) if service.sampled < 1 and service.marks_sampling else ""
        yield from self._served(trip, shown, state)

    def _served(self, trip: Trip, calls: list[Call], state: str) -> Iterator[Span]:
        entry, service = trip.service.entry, trip.service
        root, within = self._id(), self._id()
        margin = 3 * MILLISECOND
        if entry:
            place = Place(trip.trace_id, root, "", trip.started - 2 * margin, trip.ended + 2 * margin)
            yield Span(entry, "production", FASTAPI, place.ended, body(place, served(f"GET /{entry}"), state))
        place = Place(
            trip.trace_id, within, root if entry else "", trip.started - margin, trip.ended + margin
        )
        face = served(f"POST /{service.name}", calls[0].conversation)
        yield self._span(service, FASTAPI, place, face, state)
        if self.rng.random() < 0.35:
            inside = Place(place.trace_id, self._id(), within, place.started, place.started + 2 * MILLISECOND)
            yield self._span(service, POSTGRES, inside, query(), state)
        yield from self._model_spans(trip, calls, within, state)

    def _model_spans(self, trip: Trip, calls: list[Call], parent: str, state: str) -> Iterator[Span]:
        service = trip.service
        told = [call for call in calls if call.unseen is None]
        outer = service.dialects[0]
        above = parent
        if told and (outer in RUNS or outer in _ABOVE):
            above = self._id()
            place = Place(trip.trace_id, above, parent, trip.started, trip.ended)
            yield self._run(service, told, place, state)
        agents: dict[str, str] = {}
        for call in calls:
            if call.unseen:
                place = Place(call.trace_id, self._id(), parent, call.started, call.ended)
                yield self._span(service, HTTP, place, compacted(call), state)
                continue
            if call.agent and call.agent not in agents:
                agents[call.agent] = self._id()
                yield self._agent(
                    service, [one for one in told if one.agent], agents[call.agent], above, state
                )
            yield from self._call_spans(call, agents.get(call.agent, above), state)

    def _run(self, service: Service, calls: list[Call], place: Place, state: str) -> Span:
        code = service.dialects[0]
        scope = DIALECTS[code].scope
        if code not in RUNS:
            return self._span(service, scope, place, _ABOVE[code], state)
        is_old = self._is_before(calls[0], service.repeats)
        told = RUNS[code](calls, is_old)
        record = Record(code, place.ended, told.leaves, is_aggregate=True)
        calls[0].records.append(record)
        return self._span(service, _version(code, scope, is_old), place, told.face, state, record)

    def _agent(self, service: Service, calls: list[Call], span_id: str, parent: str, state: str) -> Span:
        """A sub-agent's span holds its calls and no counts."""
        place = Place(calls[0].trace_id, span_id, parent, calls[0].started, calls[-1].ended)
        name = calls[0].agent
        shown = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name}
        return self._span(service, AGENTS, place, Face(f"invoke_agent {name}", INTERNAL, shown, {}), state)

    def _call_spans(self, call: Call, parent: str, state: str) -> Iterator[Span]:
        """Two OpenAI instrumentations nest, an Anthropic one and the SDK's own are siblings."""
        above, http_parent = parent, parent
        service = call.service
        codes = service.dialects if self._is_before(call, service.doubled) else service.dialects[:1]
        for depth, code in enumerate(codes):
            dialect = DIALECTS[code]
            span_id = call.span_id if depth == 0 else self._id()
            offset = depth * 20_000
            place = Place(call.trace_id, span_id, above, call.started + offset, call.ended - offset)
            if (span := self._told(call, dialect, place, state)) is not None:
                yield span
            if dialect.has_http_children:
                http_parent = span_id
            if code == "openllmetry_openai":
                above = span_id
            if code == "litellm":
                inside = Place(place.trace_id, self._id(), place.span_id, place.started, place.ended)
                raw = Face("raw_gen_ai_request", INTERNAL, {"llm.openai.model": call.model.alias}, status(1))
                yield self._span(service, dialect.scope, inside, raw, state)
        if service.has_http_spans and call.outcome is not Outcome.CACHE_HIT:
            for attempt in call.attempts:
                ended, face = sent(call, attempt)
                place = Place(call.trace_id, self._id(), http_parent, attempt.started + 10_000, ended)
                yield self._span(service, HTTP, place, face, state)

    def _told(self, call: Call, dialect: Dialect, place: Place, state: str) -> Span | None:
        told = dialect.tell(call)
        if told is None:
            return None
        record = Record(
            dialect.code,
            place.ended,
            told.leaves,
            added_start=told.added_start,
            is_estimate=told.is_estimate,
            hides_reasoning=told.hides_reasoning,
            holds_compaction=told.holds_compaction,
        )
        call.records.append(record)
        is_old = self._is_before(call, call.service.repeats)
        scope = _version(dialect.code, dialect.scope, is_old)
        return self._span(call.service, scope, place, told.face, state, record)

    def _is_before(self, call: Call, part: float) -> bool:
        """Whether a call lies in the first part of the month: companies upgrade in the middle of it."""
        if part >= 1:
            return True
        return call.started < self.clock.start + int((self.clock.end - self.clock.start) * part)

    @staticmethod
    def _span(  # noqa: PLR0913, PLR0917 - what a span is made of
        service: Service, scope: Scope, place: Place, face: Face, state: str, record: Record | None = None
    ) -> Span:
        text = body(place, face, state)
        return Span(service.name, service.environment, scope, place.ended, text, record)

    def _id(self) -> str:
        return f"{self.rng.getrandbits(64):016x}"


def _version(code: str, scope: Scope, is_old: bool) -> Scope:
    return PYDANTIC_OLD if code == "pydantic_ai" and is_old else scope
