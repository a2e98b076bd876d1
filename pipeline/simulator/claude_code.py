"""Claude Code's own traces: flat attributes, input without cached tokens, one span for all attempts."""

from typing import Any

from pipeline.simulator.calls import Call, Outcome
from pipeline.simulator.leaves import Leaves
from pipeline.simulator.otlp import INTERNAL, Face, Scope, attributes, status
from pipeline.simulator.telling import Dialect, Told, is_completed, labels

SCOPE = Scope("com.anthropic.claude_code.tracing", "2.1.266")
"""The name is not documented: readers go by the names of the spans."""

_ERRORS = {
    Outcome.GAVE_UP: ("Request timed out.", None),
    Outcome.TIMED_OUT: ("Request timed out.", None),
    Outcome.REJECTED: ("invalid_request_error", 400),
    Outcome.BROKEN: ("api_error", None),
    Outcome.CLOSED: ("Request was aborted.", None),
    Outcome.DROPPED: ("Request was aborted.", None),
    Outcome.CANCELLED: ("Request was aborted.", None),
}


def tell(call: Call) -> Told | None:
    """Tell a call as `claude_code.llm_request` does; compaction calls say so, attempts are counted."""
    error, code = _ERRORS.get(call.outcome, (None, None))
    source = "agent:builtin:explore" if call.agent else "repl_main_thread"
    shown: dict[str, Any] = {
        "model": call.model.alias,
        "attempt": len(call.attempts),
        "success": is_completed(call),
        "duration_ms": (call.ended - call.started) // 1_000_000,
        "query_source": "compact" if call.workload == "compaction" else source,
        "session.id": call.conversation,
        "error": error,
        "status_code": code,
        **labels(call),
    }
    events = tuple(
        {
            "timeUnixNano": str(attempt.started),
            "name": "gen_ai.request.attempt",
            "attributes": attributes({"attempt": number}),
        }
        for number, attempt in enumerate(call.attempts, start=1)
    )
    face = Face("claude_code.llm_request", INTERNAL, shown, status(2 if error else 0), events)
    if error:
        return Told(face, None)
    use = call.use
    shown |= {
        "request_id": f"req_{call.span_id}",
        "gen_ai.response.id": f"req_{call.span_id}",
        "input_tokens": use.input_uncached,
        "output_tokens": use.output,
        "cache_read_tokens": use.cache_read,
        "cache_creation_tokens": use.writes,
    }
    return Told(face, Leaves(use.input_uncached, use.cache_read, 0, 0, use.writes, use.output))


CLAUDE_CODE = Dialect("claude_code", SCOPE, tell)
