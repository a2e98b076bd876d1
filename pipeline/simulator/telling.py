"""What the instrumentations have in common: how a span ends, and made-up text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pipeline.simulator.calls import UNTOLD, Call, Outcome
from pipeline.simulator.leaves import Leaves
from pipeline.simulator.otlp import Face, Scope, exception, status

SECRET = "Bearer sk-fake-0000-this-must-not-be-stored"  # noqa: S105
"""Looks like a secret, is none: nothing of it may be found after landing."""

QUESTION = "Where is my order 88-1234 (made-up text)?"
ANSWER = "It left the harbour this morning (made-up text)."

COMPLETED = (Outcome.OK, Outcome.REFUSED, Outcome.CACHE_HIT, *UNTOLD)


class Ending(NamedTuple):
    """How a dialect ends the span of a situation: status, which counts it writes, which error."""

    code: int
    usage: str
    """full, start (input and placeholder), input, zero or none."""
    error: str | None = None
    event: str | None = None
    """Class of a recorded exception."""


class Told(NamedTuple):
    """What one instrumentation tells of a call."""

    face: Face
    leaves: Leaves | None
    added_start: int = 0
    is_estimate: bool = False
    hides_reasoning: bool = False
    holds_compaction: bool = False


Endings = Mapping[Outcome, Ending | None]
"""Situation -> ending; None: the span never ends, so nobody ever sees it."""


@dataclass(frozen=True)
class Dialect:
    """An instrumentation: its scope and what it writes."""

    code: str
    scope: Scope
    tell: Callable[[Call], Told | None]
    has_http_children: bool = True
    """Whether the HTTP spans lie below its span; else beside it."""


def is_completed(call: Call) -> bool:
    """Whether the whole answer came."""
    return call.outcome in COMPLETED


def closing(call: Call, ending: Ending) -> tuple[dict[str, Any], tuple[dict[str, Any], ...]]:
    """Return status and events of a span."""
    message = "Error: made-up detail 4711." if ending.code == 2 else ""
    events = (exception(call.ended, ending.event),) if ending.event else ()
    return status(ending.code, message), events


def messages(call: Call) -> dict[str, Any]:
    """Return message attributes of the conventions, on the few spans that carry text."""
    if not call.has_text:
        return {}
    part = '[{{"role":"{}","parts":[{{"type":"text","content":"{}"}}]}}]'
    return {
        "gen_ai.input.messages": part.format("user", QUESTION),
        "gen_ai.output.messages": part.format("assistant", ANSWER),
    }


def estimate(call: Call) -> Leaves:
    """Count locally: chat template and tools are missed, another tokenizer differs, reasoning is not seen."""
    seen = max(0.3, call.service.estimate * (1 + 0.04 * call.noise))
    visible = call.use.output - call.reasoning
    asked = max(0, call.use.input - 60)
    return Leaves(round(asked * seen) or 1, output=round(visible * min(1.0, seen + 0.02)) or 1)


def labels(call: Call) -> dict[str, Any]:
    """Return the attributes that the company's own span processor copies to every span."""
    return {"app.feature": call.feature or None}
