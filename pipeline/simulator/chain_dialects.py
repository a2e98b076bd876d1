"""Two instrumentations of LangChain over OpenAI, and OpenLLMetry over Google."""

from typing import Any

from pipeline.simulator.calls import Call, Outcome
from pipeline.simulator.leaves import Leaves
from pipeline.simulator.otlp import CLIENT, INTERNAL, Face, Scope
from pipeline.simulator.telling import Dialect, Ending, Endings, Told, closing, is_completed, labels

_ERRORS: Endings = {
    Outcome.NO_USAGE: Ending(1, "none"),
    Outcome.GAVE_UP: Ending(2, "none", None, "openai.APITimeoutError"),
    Outcome.TIMED_OUT: Ending(2, "none", None, "openai.APITimeoutError"),
    Outcome.REJECTED: Ending(2, "none", None, "openai.BadRequestError"),
    Outcome.BROKEN: Ending(2, "none", None, "openai.APIError"),
    Outcome.CANCELLED: Ending(2, "none", None, "asyncio.exceptions.CancelledError"),
    Outcome.CLOSED: None,
    Outcome.DROPPED: None,
}
_GOOGLE: Endings = {
    Outcome.GAVE_UP: Ending(2, "none", None, "httpx.ReadTimeout"),
    Outcome.TIMED_OUT: Ending(2, "none", None, "httpx.ReadTimeout"),
    Outcome.REJECTED: Ending(2, "none", None, "google.genai.errors.ClientError"),
    Outcome.BROKEN: Ending(2, "none", None, "google.genai.errors.ServerError"),
    Outcome.CANCELLED: Ending(2, "none", None, "asyncio.exceptions.CancelledError"),
    Outcome.CLOSED: None,
    Outcome.DROPPED: None,
}


def tell_openinference(call: Call) -> Told | None:
    """Tell a call as OpenInference's LangChain tracer does: the prompt holds cached tokens, no id."""
    ending = _ERRORS.get(call.outcome, Ending(1, "full"))
    if ending is None:
        return None
    shown: dict[str, Any] = {
        "llm.provider": "openai",
        "llm.system": "openai",
        "llm.model_name": call.model.name if ending.code != 2 else call.model.alias,
        "llm.invocation_parameters": f'{{"model": "{call.model.alias}"}}',
        "openinference.span.kind": "LLM",
        "session.id": call.conversation,
        **labels(call),
    }
    if ending.usage == "full":
        shown |= {
            "llm.token_count.prompt": call.use.input,
            "llm.token_count.completion": call.use.output,
            "llm.token_count.total": call.use.total,
            "llm.token_count.prompt_details.cache_read": call.use.cache_read or None,
            "llm.token_count.completion_details.reasoning": call.reasoning or None,
        }
    face = Face("ChatOpenAI", INTERNAL, shown, *closing(call, ending))
    return Told(face, call.use if ending.usage == "full" else None)


def tell_openllmetry(call: Call) -> Told | None:
    """Tell a call as OpenLLMetry's LangChain callback does, from LangChain's usage_metadata."""
    ending = _ERRORS.get(call.outcome, Ending(1, "full"))
    if ending is None:
        return None
    shown: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "openai",
        "gen_ai.request.model": call.model.alias,
        "gen_ai.response.model": call.model.name if ending.code != 2 else None,
        "gen_ai.response.id": call.response_id if ending.usage == "full" else None,
        "traceloop.association.properties.session_id": call.conversation,
        **labels(call),
    }
    if ending.usage == "full":
        shown |= {
            "gen_ai.usage.input_tokens": call.use.input,
            "gen_ai.usage.output_tokens": call.use.output,
            "gen_ai.usage.total_tokens": call.use.total,
            "gen_ai.usage.cache_read_input_tokens": call.use.cache_read,
        }
    face = Face("ChatOpenAI.chat", CLIENT, shown, *closing(call, ending))
    return Told(face, call.use if ending.usage == "full" else None)


def tell_google(call: Call) -> Told | None:
    """Tell a call as OpenLLMetry's Google one does: output leaves thoughts out, only the total holds them."""
    ending = _GOOGLE.get(call.outcome, Ending(1, "full"))
    if ending is None:
        return None
    shown: dict[str, Any] = {
        "gen_ai.provider.name": "gcp.gen_ai",
        "gen_ai.operation.name": "generate_content",
        "gen_ai.request.model": call.model.alias,
        **labels(call),
    }
    face = Face("generate_content", CLIENT, shown, *closing(call, ending))
    if ending.usage != "full":
        return Told(face, None)
    visible = Leaves(call.use.input, output=call.use.output - call.reasoning)
    shown |= {
        "gen_ai.response.model": call.model.name,
        "gen_ai.response.id": call.response_id,
        "gen_ai.response.finish_reasons": ["stop"] if is_completed(call) else None,
        "gen_ai.usage.total_tokens": call.use.total,
        "gen_ai.usage.output_tokens": visible.output,
        "gen_ai.usage.input_tokens": visible.input,
    }
    return Told(face, visible, hides_reasoning=True)


CHAIN_DIALECTS = (
    Dialect(
        "openinference_langchain",
        Scope("openinference.instrumentation.langchain", "0.1.80"),
        tell_openinference,
    ),
    Dialect(
        "openllmetry_langchain", Scope("opentelemetry.instrumentation.langchain", "0.62.4"), tell_openllmetry
    ),
    Dialect(
        "openllmetry_google",
        Scope("opentelemetry.instrumentation.google_generativeai", "0.21.5"),
        tell_google,
    ),
)
