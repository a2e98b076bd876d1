"""Spans of a trace: entry, service, framework, calls, HTTP attempts, and unrelated spans."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from pipeline.simulator.anthropic_dialects import ANTHROPIC_DIALECTS
from pipeline.simulator.calls import SECOND, Attempt, Call, Outcome, Record
from pipeline.simulator.clock import Clock
from pipeline.simulator.company import Service
from pipeline.simulator.framework_dialects import FRAMEWORK_DIALECTS, PYDANTIC_OLD, RUNS
from pipeline.simulator.openai_dialects import OPENAI_DIALECTS
from pipeline.simulator.otlp import (
    CLIENT,
    INTERNAL,
    SERVER,
    Face,
    Place,
    Scope,
    Span,
    body,
    exception,
    status,
)
from pipeline.simulator.telling import Dialect
from pipeline.simulator.traffic import Trip

DIALECTS = {dialect.code: dialect for dialect in (*OPENAI_DIALECTS, *ANTHROPIC_DIALECTS, *FRAMEWORK_DIALECTS)}

RANKS = {"anthropic_sdk": 0, "openinference_openai": 1}
"""Which span of a doubly instrumented call is the one to keep: the richer, or the deeper. Others: 5."""

_SCHEMA = "https://opentelemetry.io/schemas/1.11.0"
HTTP = Scope("opentelemetry.instrumentation.httpx", "0.66b2", _SCHEMA)
FASTAPI = Scope("opentelemetry.instrumentation.fastapi", "0.66b2", _SCHEMA)
POSTGRES = Scope("opentelemetry.instrumentation.psycopg", "0.66b2", _SCHEMA)
MILLISECOND = SECOND // 1000

_FAILED_STATUS = {"rate_limited": 429, "server_error": 503, "rejected": 400}


@dataclass
class Tracer:
    """Writes the spans of traces."""

    rng: Random
    clock: Clock

    def spans(self, trip: Trip) -> Iterator[Span]:
        """Yield the spans of a trace that were ever ended, and note on each call what they record."""
        if not trip.service.dialects:
            return
        seen = [call for call in trip.calls if call.unseen is None]
        if not seen:
            return
        entry, service = trip.service.entry, trip.service
        root, within = self._id(), self._id()
        margin = 3 * MILLISECOND
        if entry:
            place = Place(trip.trace_id, root, "", trip.started - 2 * margin, trip.ended + 2 * margin)
            yield self._served(place, entry, "production", f"GET /{entry}")
        place = Place(
            trip.trace_id, within, root if entry else "", trip.started - margin, trip.ended + margin
        )
        conversation = seen[0].conversation
        yield self._served(place, service.name, service.environment, f"POST /{service.name}", conversation)
        if self.rng.random() < 0.35:
            yield self._query(place, service)
        yield from self._model_spans(trip, seen, within)

    def _model_spans(self, trip: Trip, calls: list[Call], parent: str) -> Iterator[Span]:
        service = trip.service
        outer = service.dialects[0]
        above = parent
        if outer in RUNS:
            above = self._id()
            yield self._run(trip, calls, Place(trip.trace_id, above, parent, trip.started, trip.ended))
        if outer == "litellm":
            above = self._id()
            place = Place(trip.trace_id, above, parent, trip.started, trip.ended)
            face = Face("Received Proxy Server Request", SERVER, {"http.route": "/v1/chat/completions"}, {})
            yield self._span(service, DIALECTS["litellm"].scope, place, face)
        for call in calls:
            yield from self._call_spans(call, above)

    def _run(self, trip: Trip, calls: list[Call], place: Place) -> Span:
        code = trip.service.dialects[0]
        scope = self._scope(DIALECTS[code], calls[0])
        told = RUNS[code](calls, scope)
        record = Record(code, place.ended, told.leaves, is_aggregate=True)
        calls[0].records.append(record)
        return self._span(trip.service, scope, place, told.face, record)

    def _call_spans(self, call: Call, parent: str) -> Iterator[Span]:
        """Two OpenAI instrumentations nest, an Anthropic one and the SDK's own are siblings."""
        above, http_parent = parent, parent
        for depth, code in enumerate(call.service.dialects):
            dialect = DIALECTS[code]
            span_id = call.span_id if depth == 0 else self._id()
            offset = depth * 20_000
            place = Place(call.trace_id, span_id, above, call.started + offset, call.ended - offset)
            told = dialect.tell(call)
            if told is not None:
                record = Record(
                    code, place.ended, told.leaves, added_start=told.added_start, is_estimate=told.is_estimate
                )
                call.records.append(record)
                yield self._span(call.service, self._scope(dialect, call), place, told.face, record)
            if dialect.has_http_children:
                http_parent = span_id
            if code == "openllmetry_openai":
                above = span_id
            if code == "litellm":
                yield self._raw_request(call, place)
        if call.service.has_http_spans and call.outcome is not Outcome.CACHE_HIT:
            for attempt in call.attempts:
                yield self._http(call, attempt, http_parent)

    def _scope(self, dialect: Dialect, call: Call) -> Scope:
        """The research agent's framework was upgraded in the middle of the month."""
        middle = self.clock.start + (self.clock.end - self.clock.start) // 2
        return PYDANTIC_OLD if dialect.code == "pydantic_ai" and call.started < middle else dialect.scope

    def _raw_request(self, call: Call, place: Place) -> Span:
        inside = Place(place.trace_id, self._id(), place.span_id, place.started, place.ended)
        face = Face("raw_gen_ai_request", INTERNAL, {"llm.openai.model": call.model.alias}, status(1))
        return self._span(call.service, DIALECTS["litellm"].scope, inside, face)

    def _http(self, call: Call, attempt: Attempt, parent: str) -> Span:
        """One span an attempt; it ends at the response headers, so an aborted stream is a plain 200."""
        code = _FAILED_STATUS.get(attempt.kind, 200)
        path = "/v1/messages" if call.model.provider == "anthropic" else "/v1/chat/completions"
        shown = {
            "http.method": "POST",
            "http.url": f"https://{call.model.host}{path}",
            "http.status_code": code,
        }
        ended, events, ending = attempt.ended - 30_000, (), status(2 if code >= 400 else 0)
        if attempt.kind in ("timeout", "connect") or (call.outcome is Outcome.CANCELLED and attempt.is_kept):
            kind = {"timeout": "httpx2.ReadTimeout", "connect": "httpx2.ConnectError"}
            del shown["http.status_code"]
            told = exception(ended, kind.get(attempt.kind, "asyncio.exceptions.CancelledError"))
            face = Face("POST", CLIENT, shown, status(2), (told,))
        else:
            if call.is_stream and attempt.kind in ("ok", "cancelled", "broken"):
                ended = attempt.started + min((attempt.ended - attempt.started) // 3, SECOND)
            face = Face("POST", CLIENT, shown, ending, events)
        place = Place(call.trace_id, self._id(), parent, attempt.started + 10_000, ended)
        return self._span(call.service, HTTP, place, face)

    def _served(
        self, place: Place, service: str, environment: str, name: str, conversation: str | None = None
    ) -> Span:
        shown = {
            "http.method": name.split(" ", maxsplit=1)[0],
            "http.route": name.split(" ")[1],
            "http.status_code": 200,
            "session.id": conversation,
        }
        span = body(place, Face(name, SERVER, shown, status(0)))
        return Span(service, environment, FASTAPI, place.ended, span)

    def _query(self, place: Place, service: Service) -> Span:
        shown = {"db.system": "postgresql", "db.statement": "SELECT id FROM made_up_table WHERE id = %s"}
        inside = Place(
            place.trace_id, self._id(), place.span_id, place.started, place.started + 2 * MILLISECOND
        )
        return self._span(service, POSTGRES, inside, Face("SELECT", CLIENT, shown, status(0)))

    def _span(
        self, service: Service, scope: Scope, place: Place, face: Face, record: Record | None = None
    ) -> Span:
        return Span(service.name, service.environment, scope, place.ended, body(place, face), record)

    def _id(self) -> str:
        return f"{self.rng.getrandbits(64):016x}"
