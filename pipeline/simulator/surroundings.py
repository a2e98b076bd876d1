"""Spans around the calls: servers, queries, and the HTTP requests of the SDKs."""

from pipeline.simulator.calls import SECOND, Attempt, Call, Outcome
from pipeline.simulator.otlp import CLIENT, SERVER, Face, Scope, exception, status

_SCHEMA = "https://opentelemetry.io/schemas/1.11.0"
HTTP = Scope("opentelemetry.instrumentation.httpx", "0.66b2", _SCHEMA)
FASTAPI = Scope("opentelemetry.instrumentation.fastapi", "0.66b2", _SCHEMA)
POSTGRES = Scope("opentelemetry.instrumentation.psycopg", "0.66b2", _SCHEMA)
AGENTS = Scope("hearth.agents", "1.4.0")
"""The company's own tracing of its agents."""
MILLISECOND = SECOND // 1000

_FAILED_STATUS = {"rate_limited": 429, "server_error": 503, "rejected": 400}
_PATHS = {"anthropic": "/v1/messages", "gcp.gemini": "/v1beta/models/gemini-2.5-flash:generateContent"}
_RAISED = {"timeout": "httpx2.ReadTimeout", "connect": "httpx2.ConnectError"}


def served(name: str, conversation: str | None = None) -> Face:
    """Return what a server's span shows."""
    method, route = name.split(" ", maxsplit=1)
    shown = {
        "http.method": method,
        "http.route": route,
        "http.status_code": 200,
        "session.id": conversation,
    }
    return Face(name, SERVER, shown, status(0))


def query() -> Face:
    """Return what a database client's span shows."""
    shown = {"db.system": "postgresql", "db.statement": "SELECT id FROM made_up_table WHERE id = %s"}
    return Face("SELECT", CLIENT, shown, status(0))


def compacted(call: Call) -> Face:
    """Return what the HTTP span of OpenAI's compaction endpoint shows; no instrumentation knows that call."""
    shown = {
        "http.method": "POST",
        "http.url": f"https://{call.model.host}/v1/responses/compact",
        "http.status_code": 200,
    }
    return Face("POST", CLIENT, shown, status(0))


def sent(call: Call, attempt: Attempt) -> tuple[int, Face]:
    """Return end and face of an attempt's span; it ends at the headers: an aborted stream is a plain 200."""
    code = _FAILED_STATUS.get(attempt.kind, 200)
    path = _PATHS.get(call.model.provider, "/v1/chat/completions")
    shown = {"http.method": "POST", "http.url": f"https://{call.model.host}{path}", "http.status_code": code}
    ended = attempt.ended - 30_000
    if attempt.kind in _RAISED or (call.outcome is Outcome.CANCELLED and attempt.is_kept):
        del shown["http.status_code"]
        told = exception(ended, _RAISED.get(attempt.kind, "asyncio.exceptions.CancelledError"))
        return ended, Face("POST", CLIENT, shown, status(2), (told,))
    if call.is_stream and attempt.kind in ("ok", "cancelled", "broken", "reasked"):
        ended = attempt.started + min((attempt.ended - attempt.started) // 3, SECOND)
    return ended, Face("POST", CLIENT, shown, status(2 if code >= 400 else 0))
