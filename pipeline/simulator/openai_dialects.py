"""Four instrumentations of the OpenAI SDK, as measured with openai 3.54 in November 2026."""

from typing import Any

from pipeline.simulator.calls import Call, Outcome
from pipeline.simulator.leaves import Leaves
from pipeline.simulator.otlp import CLIENT, INTERNAL, Face, Scope
from pipeline.simulator.telling import (
    QUESTION,
    SECRET,
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

_TIERS = {"standard": "default"}
_OLLM_ERROR = Ending(2, "none", "APITimeoutError", "openai.APITimeoutError")
_OI_ERROR = Ending(2, "none", None, "openai.APITimeoutError")

_OPENLLMETRY: Endings = {
    Outcome.NO_USAGE: Ending(1, "none"),
    Outcome.GAVE_UP: _OLLM_ERROR,
    Outcome.TIMED_OUT: _OLLM_ERROR,
    Outcome.REJECTED: Ending(2, "none", "BadRequestError", "openai.BadRequestError"),
    Outcome.CLOSED: Ending(1, "none"),
    Outcome.DROPPED: Ending(1, "none"),
    Outcome.BROKEN: Ending(1, "none"),
    Outcome.CANCELLED: None,
}
_OPENINFERENCE: Endings = {
    Outcome.NO_USAGE: Ending(1, "none"),
    Outcome.GAVE_UP: _OI_ERROR,
    Outcome.TIMED_OUT: _OI_ERROR,
    Outcome.REJECTED: Ending(2, "none", None, "openai.BadRequestError"),
    Outcome.CLOSED: Ending(0, "none"),
    Outcome.DROPPED: Ending(0, "none"),
    Outcome.BROKEN: Ending(2, "none", None, "openai.APIError"),
    Outcome.CANCELLED: Ending(2, "none", None, "asyncio.exceptions.CancelledError"),
}
_GENAI: Endings = {
    Outcome.NO_USAGE: Ending(0, "none"),
    Outcome.GAVE_UP: Ending(2, "none", "openai.APITimeoutError"),
    Outcome.TIMED_OUT: Ending(2, "none", "openai.APITimeoutError"),
    Outcome.REJECTED: Ending(2, "none", "openai.BadRequestError"),
    Outcome.CLOSED: Ending(0, "none"),
    Outcome.DROPPED: Ending(2, "none", "_OTHER"),
    Outcome.BROKEN: Ending(2, "none", "openai.APIError"),
    Outcome.CANCELLED: Ending(2, "none", "asyncio.exceptions.CancelledError"),
}
_V2: Endings = {
    Outcome.NO_USAGE: Ending(0, "none"),
    Outcome.GAVE_UP: Ending(2, "none", "APITimeoutError"),
    Outcome.TIMED_OUT: Ending(2, "none", "APITimeoutError"),
    Outcome.REJECTED: Ending(2, "none", "BadRequestError"),
    Outcome.CLOSED: Ending(0, "none"),
    Outcome.DROPPED: None,
    Outcome.BROKEN: Ending(2, "none", "APIError"),
    Outcome.CANCELLED: None,
}


def tell_openllmetry_old(call: Call) -> Told | None:
    """Tell a call as OpenLLMetry before 0.44 did: streams without usage are counted locally, unmarked."""
    if call.outcome is not Outcome.NO_USAGE:
        return tell_openllmetry(call)
    counted = estimate(call)
    told = tell_openllmetry(call)
    if told is None:
        return None
    shown = {
        **told.face.attributes,
        "gen_ai.usage.total_tokens": counted.total,
        "gen_ai.usage.output_tokens": counted.output,
        "gen_ai.usage.input_tokens": counted.input,
    }
    return Told(told.face._replace(attributes=shown), counted, is_estimate=True)


def tell_openllmetry(call: Call) -> Told | None:
    """Tell a call as OpenLLMetry 0.62 does: zero cache reads are written, reasoning never on streams."""
    ending = _OPENLLMETRY.get(call.outcome, Ending(1 if call.is_stream else 0, "full"))
    if ending is None:
        return None
    is_chat = call.service.operation == "chat"
    scheme = "http" if call.model.host == "localhost" else "https"
    port = ":8085" if call.model.host == "localhost" else ""
    shown: dict[str, Any] = {
        "gen_ai.operation.name": call.service.operation,
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": call.model.alias,
        "gen_ai.is_streaming": call.is_stream,
        "gen_ai.openai.api_base": f"{scheme}://{call.model.host}{port}/v1/",
        "gen_ai.headers": f"{{'Authorization': '{SECRET}'}}" if call.has_text else None,
        "openai.request.service_tier": call.service.tier if call.service.tier != "standard" else None,
        "error.type": ending.error,
        **messages(call),
        **labels(call),
    }
    if ending.code != 2:
        shown |= _openllmetry_answer(call, ending, is_chat)
    face = Face("openai.chat" if is_chat else "openai.embeddings", CLIENT, shown, *closing(call, ending))
    return Told(face, call.use if ending.usage == "full" else None)


def _openllmetry_answer(call: Call, ending: Ending, is_chat: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "gen_ai.response.model": call.model.name,
        "gen_ai.response.id": call.response_id if is_chat else None,
        "gen_ai.response.finish_reasons": ["stop"] if is_chat and is_completed(call) else None,
    }
    if is_chat and not call.is_stream:
        shown["openai.response.service_tier"] = _TIERS.get(call.service.tier, call.service.tier)
    if ending.usage == "full":
        shown |= {
            "gen_ai.usage.total_tokens": call.use.total,
            "gen_ai.usage.output_tokens": call.use.output,
            "gen_ai.usage.input_tokens": call.use.input,
            "gen_ai.usage.cache_read.input_tokens": call.use.cache_read,
            "gen_ai.usage.reasoning_tokens": call.reasoning if is_chat and not call.is_stream else None,
        }
    return shown


def tell_openinference(call: Call) -> Told | None:
    """Tell a call as OpenInference 0.1.66 does: kind internal, no response id, no model after an error."""
    ending = _OPENINFERENCE.get(call.outcome, Ending(1, "full"))
    if ending is None:
        return None
    shown: dict[str, Any] = {
        "llm.provider": "openai",
        "llm.system": "openai",
        "input.value": QUESTION if call.has_text else None,
        "input.mime_type": "application/json",
        "llm.invocation_parameters": _parameters(call),
        "llm.model_name": call.model.name if ending.code != 2 else None,
        "llm.finish_reason": "stop" if is_completed(call) else None,
        "openinference.span.kind": "LLM",
        "session.id": call.conversation,
        **labels(call),
    }
    if ending.usage == "full":
        shown |= {
            "llm.token_count.total": call.use.total,
            "llm.token_count.prompt": call.use.input,
            "llm.token_count.completion": call.use.output,
            "llm.token_count.prompt_details.cache_read": call.use.cache_read,
            "llm.token_count.completion_details.reasoning": call.reasoning,
        }
    face = Face("ChatCompletion", INTERNAL, shown, *closing(call, ending))
    return Told(face, call.use if ending.usage == "full" else None)


def _parameters(call: Call) -> str:
    stream = "true" if call.is_stream else "false"
    return f'{{"model": "{call.model.alias}", "stream": {stream}, "temperature": 0.2}}'


def tell_genai(call: Call) -> Told | None:
    """Tell a call as genai-openai 1.3b0 does: counts that are zero are absent."""
    ending = _GENAI.get(call.outcome, Ending(0, "full"))
    if ending is None:
        return None
    tier = call.service.tier
    is_openai = call.model.provider == "openai"
    shown: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": call.model.alias,
        "server.address": call.model.host,
        "server.port": 8000 if call.model.host == "localhost" else None,
        "gen_ai.request.stream": True if call.is_stream else None,
        "gen_ai.conversation.id": call.conversation,
        "openai.request.service_tier": tier if tier != "standard" else None,
        "error.type": ending.error,
        **messages(call),
        **labels(call),
    }
    if ending.code != 2 or call.outcome in (Outcome.DROPPED, Outcome.BROKEN):
        shown |= {
            "gen_ai.response.finish_reasons": ["stop"] if is_completed(call) else None,
            "gen_ai.response.model": call.model.name,
            "gen_ai.response.id": call.response_id,
            "openai.response.service_tier": _TIERS.get(tier, tier) if is_openai else None,
        }
    if ending.usage == "full":
        shown |= {
            "gen_ai.usage.input_tokens": call.use.input,
            "gen_ai.usage.output_tokens": call.use.output,
            "gen_ai.usage.cache_read.input_tokens": call.use.cache_read or None,
            "gen_ai.usage.reasoning.output_tokens": call.reasoning or None,
        }
    face = Face(f"chat {call.model.alias}", CLIENT, shown, *closing(call, ending))
    return Told(face, call.use if ending.usage == "full" else None)


def tell_v2(call: Call) -> Told | None:
    """Tell a call as openai-v2 2.4b0 does: never cached or reasoning tokens, no finish reason on streams."""
    ending = _V2.get(call.outcome, Ending(0, "full"))
    if ending is None:
        return None
    shown: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": call.model.alias,
        "gen_ai.system": "openai",
        "error.type": ending.error,
        **labels(call),
    }
    if ending.code != 2 or call.outcome is Outcome.BROKEN:
        shown |= {
            "gen_ai.response.model": call.model.name,
            "gen_ai.response.finish_reasons": ["stop"] if is_completed(call) and not call.is_stream else None,
            "gen_ai.response.id": call.response_id,
            "gen_ai.openai.response.service_tier": "default",
        }
    leaves = None
    if ending.usage == "full":
        shown |= {
            "gen_ai.usage.input_tokens": call.use.input,
            "gen_ai.usage.output_tokens": call.use.output,
        }
        leaves = Leaves(input_uncached=call.use.input, output=call.use.output)
    face = Face(f"chat {call.model.alias}", CLIENT, shown, *closing(call, ending))
    return Told(face, leaves)


_SCHEMA = "https://opentelemetry.io/schemas/"

OPENAI_DIALECTS = (
    Dialect(
        "openllmetry_openai", Scope("opentelemetry.instrumentation.openai.v1", "0.62.4"), tell_openllmetry
    ),
    Dialect(
        "openllmetry_openai_old",
        Scope("opentelemetry.instrumentation.openai.v1", "0.40.14"),
        tell_openllmetry_old,
    ),
    Dialect(
        "openinference_openai", Scope("openinference.instrumentation.openai", "0.1.66"), tell_openinference
    ),
    Dialect(
        "genai_openai",
        Scope("opentelemetry.instrumentation.genai.openai", "1.3b0", f"{_SCHEMA}1.37.0"),
        tell_genai,
    ),
    Dialect("openai_v2", Scope("opentelemetry.instrumentation.openai_v2", "", f"{_SCHEMA}1.30.0"), tell_v2),
)
