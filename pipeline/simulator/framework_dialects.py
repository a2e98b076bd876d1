"""Frameworks and a gateway: pydantic-ai, the Vercel AI SDK (legacy), LiteLLM (OTel v1).

The first two also write a span above their calls that repeats them.
"""

from collections.abc import Sequence
from typing import Any

from pipeline.simulator.calls import Call, Outcome
from pipeline.simulator.leaves import NOTHING, Leaves
from pipeline.simulator.otlp import CLIENT, INTERNAL, Face, Scope, status
from pipeline.simulator.telling import (
    Dialect,
    Ending,
    Endings,
    Told,
    closing,
    estimate,
    is_completed,
    labels,
    messages,
)

_TIMEOUT = "APITimeoutError"
_CANCELLED = "asyncio.exceptions.CancelledError"


def _errors(prefix: str) -> Endings:
    return {
        Outcome.GAVE_UP: Ending(2, "none", None, f"{prefix}.{_TIMEOUT}"),
        Outcome.TIMED_OUT: Ending(2, "none", None, f"{prefix}.{_TIMEOUT}"),
        Outcome.REJECTED: Ending(2, "none", None, f"{prefix}.BadRequestError"),
        Outcome.BROKEN: Ending(2, "none", None, f"{prefix}.APIError"),
        Outcome.CANCELLED: Ending(2, "none", None, _CANCELLED),
    }


_PYDANTIC = {
    whose: {
        **_errors(whose),
        Outcome.CLOSED: Ending(0, "none"),
        Outcome.DROPPED: Ending(2, "none", None, _CANCELLED),
    }
    for whose in ("openai", "anthropic")
}
_VERCEL: Endings = {
    **_errors("openai"),
    Outcome.CLOSED: Ending(0, "none"),
    Outcome.DROPPED: Ending(0, "none"),
    Outcome.CANCELLED: Ending(0, "none"),
    Outcome.BROKEN: Ending(2, "none", None, "AI_APICallError"),
}
_LITELLM: Endings = {
    **_errors("openai"),
    Outcome.CLOSED: None,
    Outcome.DROPPED: None,
    Outcome.CANCELLED: None,
}

PYDANTIC_OLD = Scope("pydantic-ai", "1.0.5")
PYDANTIC_NEW = Scope("pydantic-ai", "2.68.0")


def tell_pydantic(call: Call) -> Told | None:
    """Tell a call as pydantic-ai does: counts that are zero are left out, compaction is added in."""
    provider = call.model.provider
    ending = _PYDANTIC[provider].get(call.outcome, Ending(0, "full"))
    if ending is None:
        return None
    shown: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": provider,
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": call.model.alias,
        "server.address": call.model.host,
        **messages(call),
        **labels(call),
    }
    face = Face(f"chat {call.model.alias}", CLIENT, shown, *closing(call, ending))
    if ending.usage != "full":
        return Told(face, None)
    use = _pydantic_use(call)
    shown |= {
        "gen_ai.response.model": call.model.name,
        "gen_ai.response.id": call.response_id,
        "gen_ai.response.finish_reasons": ["content_filter" if call.outcome is Outcome.REFUSED else "stop"],
        **_pydantic_counts("gen_ai.usage", use, call.reasoning if provider == "openai" else 0),
    }
    if call.compaction:
        shown |= {
            "gen_ai.usage.details.compaction_iterations": 1,
            "gen_ai.usage.details.compaction_input_tokens": call.compaction.input,
            "gen_ai.usage.details.compaction_output_tokens": call.compaction.output,
        }
    return Told(face, use, holds_compaction=call.compaction is not None)


def _pydantic_use(call: Call) -> Leaves:
    use = call.use.plus(call.compaction or NOTHING)
    return use._replace(cache_write_5m=0, cache_write_1h=0, cache_write_other=use.writes)


def _pydantic_counts(prefix: str, use: Leaves, reasoning: int) -> dict[str, Any]:
    return {
        f"{prefix}.input_tokens": use.input or None,
        f"{prefix}.output_tokens": use.output or None,
        f"{prefix}.details.cache_read_tokens": use.cache_read or None,
        f"{prefix}.details.cache_write_tokens": use.writes or None,
        f"{prefix}.details.reasoning_tokens": reasoning or None,
    }


def tell_pydantic_run(calls: Sequence[Call], is_old: bool) -> Told:
    """Tell an agent run: older versions repeat `gen_ai.usage.*`, newer write `gen_ai.aggregated_usage.*`."""
    use = NOTHING
    for call in calls:
        use = use.plus(_pydantic_use(call) if is_completed(call) else NOTHING)
    reasoning = sum(call.reasoning for call in calls if is_completed(call))
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
    return Told(face, use if is_old and use.total else None, holds_compaction=True)


def tell_vercel(call: Call) -> Told | None:
    """Tell a call as `ai.streamText.doStream` does: two names for the same counts on one span."""
    ending = _VERCEL.get(call.outcome, Ending(0, "full"))
    if ending is None:
        return None
    name = "ai.streamText.doStream" if call.is_stream else "ai.generateText.doGenerate"
    shown = _vercel_base(call, name) | {
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
    face = Face(name, INTERNAL, shown, *closing(call, ending))
    return Told(face, call.use if ending.usage == "full" else None)


def tell_vercel_root(calls: Sequence[Call], is_old: bool) -> Told:
    """Tell `ai.streamText`: the cumulative usage of the calls below it, once more, unless told not to."""
    use = recorded(calls)
    name = "ai.streamText" if calls[0].is_stream else "ai.generateText"
    shown = _vercel_base(calls[0], name)
    if use.total and is_old:
        shown |= {"ai.response.finishReason": "stop", **_vercel_counts(use)}
    return Told(Face(name, INTERNAL, shown, status(0)), use if use.total and is_old else None)


def _vercel_base(call: Call, operation: str) -> dict[str, Any]:
    return {
        "operation.name": f"{operation} {call.service.name}",
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
        "metadata.user_api_key_team_alias": call.team if call.service.shared_by else None,
        "metadata.cache_hit": "True" if is_hit else "False",
    }
    if ending.usage != "full":
        return Told(Face("litellm_request", INTERNAL, shown, *closing(call, ending)), None)
    is_estimate = call.outcome is Outcome.NO_USAGE
    counted = estimate(call) if is_estimate else Leaves(call.use.input, output=call.use.output)
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


def recorded(calls: Sequence[Call]) -> Leaves:
    """Return the sum of what the calls recorded: all that a span above them can know."""
    total = NOTHING
    for call in calls:
        if is_completed(call) and call.outcome is not Outcome.REFUSED:
            total = total.plus(call.use)
    return total


RUNS = {"pydantic_ai": tell_pydantic_run, "vercel": tell_vercel_root}
"""Dialects that write a span above their calls, and how; old versions repeat the usage there."""

FRAMEWORK_DIALECTS = (
    Dialect("pydantic_ai", PYDANTIC_NEW, tell_pydantic),
    Dialect("vercel", Scope("ai", ""), tell_vercel),
    Dialect("litellm", Scope("litellm", "1.109.0"), tell_litellm),
)
