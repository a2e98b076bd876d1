"""Four instrumentations of the Anthropic SDK, as measured with anthropic 2.12 in November 2026.

All write input with cached tokens inside; all but the SDK's own spans lump cache writes of 5 minutes and
of one hour together.
"""

from typing import Any

from pipeline.simulator.calls import Call, Outcome
from pipeline.simulator.leaves import NOTHING, Leaves
from pipeline.simulator.otlp import CLIENT, INTERNAL, Face, Scope
from pipeline.simulator.telling import (
    QUESTION,
    SECRET,
    Dialect,
    Ending,
    Endings,
    Told,
    closing,
    is_completed,
    labels,
    messages,
)

_CANCELLED = "asyncio.exceptions.CancelledError"
_TIMEOUT = "anthropic.APITimeoutError"

_OPENLLMETRY: Endings = {
    Outcome.FALSE_ZERO: Ending(1, "zero"),
    Outcome.GAVE_UP: Ending(2, "none", "APITimeoutError", _TIMEOUT),
    Outcome.TIMED_OUT: Ending(2, "none", "APITimeoutError", _TIMEOUT),
    Outcome.REJECTED: Ending(2, "none", "BadRequestError", "anthropic.BadRequestError"),
    Outcome.NEVER_ENDED: None,
    Outcome.CLOSED: None,
    Outcome.DROPPED: None,
    Outcome.BROKEN: None,
    Outcome.CANCELLED: None,
}
_OPENINFERENCE: Endings = {
    Outcome.GAVE_UP: Ending(2, "none", None, _TIMEOUT),
    Outcome.TIMED_OUT: Ending(2, "none", None, _TIMEOUT),
    Outcome.REJECTED: Ending(2, "none", None, "anthropic.BadRequestError"),
    Outcome.CLOSED: Ending(0, "start"),
    Outcome.DROPPED: Ending(0, "start"),
    Outcome.BROKEN: Ending(2, "start", None, "anthropic.APIStatusError"),
    Outcome.CANCELLED: Ending(2, "none", None, _CANCELLED),
}
_GENAI: Endings = {
    Outcome.GAVE_UP: Ending(2, "none", _TIMEOUT),
    Outcome.TIMED_OUT: Ending(2, "none", _TIMEOUT),
    Outcome.REJECTED: Ending(2, "none", "anthropic.BadRequestError"),
    Outcome.CLOSED: Ending(0, "start"),
    Outcome.DROPPED: Ending(2, "start", "_OTHER"),
    Outcome.BROKEN: Ending(2, "start", "anthropic.APIStatusError"),
    Outcome.CANCELLED: Ending(2, "none", _CANCELLED),
}
_SDK: Endings = {
    Outcome.GAVE_UP: Ending(2, "none", "client_timeout_error"),
    Outcome.TIMED_OUT: Ending(2, "none", "client_timeout_error"),
    Outcome.REJECTED: Ending(2, "none", "invalid_request_error"),
    Outcome.CLOSED: Ending(0, "input"),
    Outcome.DROPPED: Ending(0, "input"),
    Outcome.BROKEN: Ending(2, "input", "api_error"),
    Outcome.CANCELLED: Ending(0, "none"),
}


def _lumped(call: Call, output: int) -> Leaves:
    use = call.use
    return Leaves(use.input_uncached, use.cache_read, 0, 0, use.writes, output)


def _stop(call: Call) -> str:
    return "refusal" if call.outcome is Outcome.REFUSED else "end_turn"


def tell_openllmetry(call: Call) -> Told | None:
    """Tell a call as OpenLLMetry 0.62 does: streamed output holds message_start's placeholder once more."""
    ending = _OPENLLMETRY.get(call.outcome, Ending(1, "full"))
    if ending is None:
        return None
    shown: dict[str, Any] = {
        "gen_ai.provider.name": "anthropic",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": call.model.alias,
        "gen_ai.request.max_tokens": 4096,
        "gen_ai.is_streaming": True if call.is_stream else None,
        "gen_ai.headers": f"{{'x-api-key': '{SECRET}'}}" if call.has_text else None,
        "error.type": ending.error,
        **messages(call),
        **labels(call),
    }
    added = call.placeholder if call.is_stream and ending.usage == "full" and call.service.adds_start else 0
    leaves = NOTHING if ending.usage == "zero" else None
    if ending.usage == "full":
        leaves = _lumped(call, call.use.output + added)
        stop = "refusal" if call.outcome is Outcome.REFUSED else "stop"
        shown |= {
            "gen_ai.response.id": call.response_id,
            "gen_ai.response.model": call.model.name,
            "gen_ai.response.finish_reasons": [stop],
        }
    if leaves is not None:
        shown |= {
            "gen_ai.usage.input_tokens": leaves.input,
            "gen_ai.usage.output_tokens": leaves.output,
            "gen_ai.usage.total_tokens": leaves.total,
            "gen_ai.usage.cache_read.input_tokens": leaves.cache_read,
            "gen_ai.usage.cache_creation.input_tokens": leaves.writes,
        }
    face = Face("anthropic.chat", CLIENT, shown, *closing(call, ending))
    return Told(face, leaves, added_start=added)


def tell_openinference(call: Call) -> Told | None:
    """Tell a call as OpenInference 3.1 does: no response id, zero cache counts are absent."""
    ending = _OPENINFERENCE.get(call.outcome, Ending(1, "full"))
    if ending is None:
        return None
    stream = "true" if call.is_stream else "false"
    shown: dict[str, Any] = {
        "llm.provider": "anthropic",
        "llm.system": "anthropic",
        "input.value": QUESTION if call.has_text else None,
        "input.mime_type": "application/json",
        "llm.request.model_name": call.model.alias,
        "llm.invocation_parameters": f'{{"max_tokens": 2048, "stream": {stream}}}',
        "llm.finish_reason": _stop(call) if is_completed(call) else None,
        "openinference.span.kind": "LLM",
        **labels(call),
    }
    leaves = _snapshot(call, ending)
    if leaves is not None:
        shown |= {
            "llm.model_name": call.model.name,
            "llm.response.model_name": call.model.name,
            "llm.token_count.prompt": leaves.input,
            "llm.token_count.completion": leaves.output,
            "llm.token_count.total": leaves.total,
            "llm.token_count.prompt_details.cache_read": leaves.cache_read or None,
            "llm.token_count.prompt_details.cache_write": leaves.writes or None,
        }
    return Told(Face("messages.create", INTERNAL, shown, *closing(call, ending)), leaves)


def _snapshot(call: Call, ending: Ending) -> Leaves | None:
    """Counts so far: an aborted stream shows the real input and message_start's placeholder."""
    if ending.usage == "none":
        return None
    return _lumped(call, call.placeholder if ending.usage == "start" else call.use.output)


def tell_genai(call: Call) -> Told | None:
    """Tell a call as genai-anthropic 1.3b0 does."""
    ending = _GENAI.get(call.outcome, Ending(0, "full"))
    if ending is None:
        return None
    shown: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": call.model.alias,
        "server.address": call.model.host,
        "gen_ai.request.stream": True if call.is_stream else None,
        "gen_ai.request.max_tokens": 1024,
        "error.type": ending.error,
        **messages(call),
        **labels(call),
    }
    leaves = _snapshot(call, ending)
    if leaves is not None:
        finish = "refusal" if call.outcome is Outcome.REFUSED else "stop"
        shown |= {
            "gen_ai.response.finish_reasons": [finish] if is_completed(call) else None,
            "gen_ai.response.model": call.model.name,
            "gen_ai.response.id": call.response_id,
            "gen_ai.usage.input_tokens": leaves.input,
            "gen_ai.usage.output_tokens": leaves.output,
            "gen_ai.usage.cache_write.input_tokens": leaves.writes or None,
            "gen_ai.usage.cache_read.input_tokens": leaves.cache_read or None,
        }
    return Told(Face(f"chat {call.model.alias}", CLIENT, shown, *closing(call, ending)), leaves)


def tell_sdk(call: Call) -> Told | None:
    """Tell a call as the Anthropic SDK 2.12 itself does: resends counted, writes split, compaction apart."""
    ending = _SDK.get(call.outcome, Ending(1, "full"))
    if ending is None:
        return None
    resends = len(call.attempts) - 1
    failed = {Outcome.GAVE_UP: None, Outcome.TIMED_OUT: None, Outcome.CANCELLED: None, Outcome.REJECTED: 400}
    shown: dict[str, Any] = {
        "server.address": call.model.host,
        "server.port": 443,
        "gen_ai.provider.name": "anthropic",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": call.model.alias,
        "gen_ai.request.max_tokens": 4096,
        "gen_ai.request.stream": True if call.is_stream else None,
        "gen_ai.conversation.id": call.conversation,
        "http.request.method": "POST",
        "http.request.resend_count": resends or None,
        "http.route": "/v1/messages",
        "url.path": "/v1/messages",
        "url.full": f"https://{call.model.host}/v1/messages",
        "http.response.status_code": failed.get(call.outcome, 200),
        "anthropic.request.id": f"req_{call.span_id}" if call.outcome not in failed else None,
        "anthropic.workspace.id": call.service.project,
        "error.type": ending.error,
        **labels(call),
    }
    if ending.usage == "none":
        return Told(Face("anthropic.messages.create", CLIENT, shown, *closing(call, ending)), None)
    leaves = call.use if ending.usage == "full" else call.use._replace(output=0)
    shown |= _sdk_answer(call, ending)
    return Told(Face("anthropic.messages.create", CLIENT, shown, *closing(call, ending)), leaves)


def _sdk_answer(call: Call, ending: Ending) -> dict[str, Any]:
    use, compaction = call.use, call.compaction
    is_full = ending.usage == "full"
    return {
        "gen_ai.response.id": call.response_id,
        "gen_ai.response.model": call.model.name,
        "gen_ai.usage.input_tokens": use.input,
        "gen_ai.usage.cache_write.input_tokens": use.writes,
        "gen_ai.usage.cache_read.input_tokens": use.cache_read,
        "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": use.cache_write_5m,
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": use.cache_write_1h,
        "anthropic.response.service_tier": "standard",
        "gen_ai.usage.output_tokens": use.output if is_full else None,
        "anthropic.message.stop_reason": _stop(call) if is_full else None,
        "anthropic.usage.compaction.input_tokens": compaction.input if compaction else None,
        "anthropic.usage.compaction.output_tokens": compaction.output if compaction else None,
    }


_SCHEMA = "https://opentelemetry.io/schemas/1.37.0"

ANTHROPIC_DIALECTS = (
    Dialect(
        "openllmetry_anthropic",
        Scope("opentelemetry.instrumentation.anthropic", "0.62.4"),
        tell_openllmetry,
        has_http_children=False,
    ),
    Dialect(
        "openinference_anthropic",
        Scope("openinference.instrumentation.anthropic", "3.1.0"),
        tell_openinference,
    ),
    Dialect(
        "genai_anthropic",
        Scope("opentelemetry.instrumentation.genai.anthropic", "1.3b0", _SCHEMA),
        tell_genai,
    ),
    Dialect("anthropic_sdk", Scope("com.anthropic.sdk.python", "2.12.0"), tell_sdk),
)
