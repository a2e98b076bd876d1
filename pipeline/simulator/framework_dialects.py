"""Frameworks and a gateway: pydantic-ai, the Vercel AI SDK (legacy), LiteLLM (OTel v1).

The first two also write a span above their calls that repeats them.
"""

from collections.abc import Sequence
from typing import Any

from pipeline.simulator.calls import Call, Outcome
from pipeline.simulator.leaves import NOTHING, Leaves
from pipeline.simulator.otlp import CLIENT, INTERNAL, Face, Scope, status
from pipeline.simulator.telling import Dialect, Ending, Endings, Told, closing, is_completed, labels, messages

_TIMEOUT = Ending(2, "none", None, "openai.APITimeoutError")
_REJECTED = Ending(2, "none", None, "openai.BadRequestError")

_PYDANTIC: Endings = {
    Outcome.GAVE_UP: _TIMEOUT,
    Outcome.TIMED_OUT: _TIMEOUT,
    Outcome.REJECTED: _REJECTED,
}
_VERCEL: Endings = {
    **_PYDANTIC,
    Outcome.CLOSED: Ending(0, "none"),
    Outcome.DROPPED: Ending(0, "none"),
    Outcome.BROKEN: Ending(2, "none", None, "AI_APICallError"),
}
_LITELLM: Endings = {Outcome.GAVE_UP: _TIMEOUT, Outcome.TIMED_OUT: _TIMEOUT, Outcome.REJECTED: _REJECTED}

PYDANTIC_OLD = Scope("pydantic-ai", "1.0.5")
PYDANTIC_NEW = Scope("pydantic-ai", "2.68.0")


def tell_pydantic(call: Call) -> Told | None:
    """Tell a call as pydantic-ai does: counts that are zero are left out."""
    ending = _PYDANTIC.get(call.outcome, Ending(0, "full"))
    if ending is None:
        return None
    shown: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "openai",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": call.model.alias,
        "server.address": call.model.host,
        **messages(call),
        **labels(call),
    }
    if ending.usage == "full":
        shown |= {
            "gen_ai.response.model": call.model.name,
            "gen_ai.response.id": call.response_id,
            "gen_ai.response.finish_reasons": ["stop"],
            **_pydantic_counts("gen_ai.usage", call.use, call.reasoning),
        }
    face = Face(f"chat {call.model.alias}", CLIENT, shown, *closing(call, ending))
    return Told(face, call.use if ending.usage == "full" else None)


def _pydantic_counts(prefix: str, use: Leaves, reasoning: int) -> dict[str, Any]:
    return {
        f"{prefix}.input_tokens": use.input or None,
        f"{prefix}.output_tokens": use.output or None,
        f"{prefix}.details.cache_read_tokens": use.cache_read or None,
        f"{prefix}.details.reasoning_tokens": reasoning or None,
    }


def tell_pydantic_run(calls: Sequence[Call], scope: Scope) -> Told:
    """Tell an agent run: older versions repeat `gen_ai.usage.*`, newer write `gen_ai.aggregated_usage.*`."""
    use, reasoning = recorded(calls), sum(call.reasoning for call in calls if is_completed(call))
    is_old = scope == PYDANTIC_OLD
    prefix = "gen_ai.usage" if is_old else "gen_ai.aggregated_usage"
    shown: dict[str, Any] = {
        "gen_ai.operation.name": None if is_old else "invoke_agent",
        "gen_ai.agent.name": "researcher",
        "agent_name": "researcher",
        "model_name": calls[0].model.alias,
        "gen_ai.conversation.id": calls[0].conversation,
        **_pydantic_counts(prefix, use, reasoning),
        **labels(calls[0]),
    }
    face = Face("agent run" if is_old else "invoke_agent researcher", INTERNAL, shown, status(0))
    return Told(face, use if is_old and use.total else None)


def tell_vercel(call: Call) -> Told | None:
    """Tell a call as `ai.streamText.doStream` does: two names for the same counts on one span."""
    ending = _VERCEL.get(call.outcome, Ending(0, "full"))
    if ending is None:
        return None
    shown = _vercel_base(call, "ai.streamText.doStream") | {
        "gen_ai.system": "openai.responses",
        "gen_ai.request.model": call.model.alias,
    }
    if ending.usage == "full":
        shown |= {
            "ai.response.id": call.response_id,
            "ai.response.model": call.model.name,
            "ai.response.finishReason": "stop",
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.response.id": call.response_id,
            "gen_ai.response.model": call.model.name,
            "gen_ai.usage.input_tokens": call.use.input,
            "gen_ai.usage.output_tokens": call.use.output,
            **_vercel_counts(call.use),
        }
    face = Face("ai.streamText.doStream", INTERNAL, shown, *closing(call, ending))
    return Told(face, call.use if ending.usage == "full" else None)


def tell_vercel_root(calls: Sequence[Call], scope: Scope) -> Told:
    """Tell `ai.streamText`: the cumulative usage of the calls below it, once more."""
    use = recorded(calls)
    shown = _vercel_base(calls[0], "ai.streamText")
    if use.total:
        shown |= {"ai.response.finishReason": "stop", **_vercel_counts(use)}
    return Told(Face("ai.streamText", INTERNAL, shown, status(0)), use if use.total else None)


def _vercel_base(call: Call, operation: str) -> dict[str, Any]:
    return {
        "operation.name": f"{operation} shop-assistant",
        "ai.operationId": operation,
        "ai.model.provider": "openai.responses",
        "ai.model.id": call.model.alias,
        "ai.settings.maxRetries": 2,
        "ai.telemetry.metadata.sessionId": call.conversation,
        "session.id": call.conversation,
        **labels(call),
    }


def _vercel_counts(use: Leaves) -> dict[str, Any]:
    return {
        "ai.usage.inputTokens": use.input,
        "ai.usage.outputTokens": use.output,
        "ai.usage.totalTokens": use.total,
        "ai.usage.cachedInputTokens": use.cache_read,
    }


def tell_litellm(call: Call) -> Told | None:
    """Tell a call as LiteLLM does: no cached tokens, and a local estimate where a stream brought no usage."""
    ending = _LITELLM.get(call.outcome, Ending(1, "full"))
    if ending is None:
        return None
    is_hit = call.outcome is Outcome.CACHE_HIT
    shown: dict[str, Any] = {
        "gen_ai.request.model": call.model.alias,
        "llm.request.type": "acompletion",
        "gen_ai.system": "openai",
        "llm.is_streaming": str(call.is_stream),
        "gen_ai.operation.name": "chat",
        "metadata.user_api_key_team_alias": call.team,
        "metadata.cache_hit": "True" if is_hit else "False",
    }
    if ending.usage != "full":
        return Told(Face("litellm_request", INTERNAL, shown, *closing(call, ending)), None)
    is_estimate = call.outcome is Outcome.NO_USAGE
    counted = _estimate(call) if is_estimate else Leaves(call.use.input, output=call.use.output)
    shown |= {
        "gen_ai.response.id": call.response_id,
        "gen_ai.response.model": call.model.name,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": counted.input,
        "gen_ai.usage.output_tokens": counted.output,
        "gen_ai.usage.total_tokens": counted.total,
    }
    face = Face("litellm_request", INTERNAL, shown, *closing(call, ending))
    return Told(face, counted, is_estimate=is_estimate)


def _estimate(call: Call) -> Leaves:
    """Count locally: template and tool overhead are missed, reasoning cannot be seen."""
    visible = call.use.output - call.reasoning
    spread = 0.82 + (call.number % 13) / 100
    return Leaves(round(call.use.input * spread) or 1, output=round(visible * (spread + 0.02)) or 1)


def recorded(calls: Sequence[Call]) -> Leaves:
    """Return the sum of what the calls recorded: all that a span above them can know."""
    total = NOTHING
    for call in calls:
        if is_completed(call) and call.outcome is not Outcome.REFUSED:
            total = total.plus(call.use)
    return total


RUNS = {"pydantic_ai": tell_pydantic_run, "vercel": tell_vercel_root}
"""Dialects that write a span above their calls, and how."""

FRAMEWORK_DIALECTS = (
    Dialect("pydantic_ai", PYDANTIC_NEW, tell_pydantic),
    Dialect("vercel", Scope("ai", ""), tell_vercel),
    Dialect("litellm", Scope("litellm", "1.109.0"), tell_litellm),
)
