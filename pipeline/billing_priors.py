"""The chance that a provider bills a request that failed, by kind of failure: data, each with its source.

`P` is the provider's own text, `Q` its text as quoted by others, `M` measured, `I` inferred. Where no text is
plain, a chance stays strictly between 0 and 1, and its error says how little is known.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal

FAILURE_MODES = (
    "completed",
    "timeout",
    "server_error",
    "rate_limited",
    "connect",
    "broken",
    "cancelled",
    "cancelled_unary",
    "rejected",
    "refused",
    "validation",
    "hidden",
    "overloaded",
)
"""timeout: the client stopped waiting. server_error: 5xx before output. rate_limited: 429. connect: no
connection. broken: the provider broke a stream after 200. cancelled: the client closed a stream.
cancelled_unary: the client dropped a request that was not streamed. rejected: another 4xx. refused: the model
refused before any output. validation: a good answer that the application asked for again. hidden: a failed
attempt of which only the number is known. overloaded: 529."""

Output = Literal["all", "streamed", "none"]
"""Output that is billed, if anything is: of the whole answer, what was made until the end, or none."""

ALWAYS = date(2020, 1, 1)
"""No provider dates its rule: taken to hold since before its API."""


@dataclass(frozen=True)
class BillingRule:
    """Whether one provider bills one kind of failure, from a day on."""

    provider: str
    """Slug; `*` where a provider has no rule of its own."""
    failure_mode: str
    billed: float
    """Chance that such an attempt is billed."""
    low: float
    high: float
    error: float
    """Standard error of the chance; 0 where the provider's text leaves no doubt."""
    evidence: Literal["P", "Q", "M", "I"]
    source: str
    output: Output = "all"
    free_statuses: tuple[int, ...] = ()
    """HTTP statuses with which it is certainly not billed, whatever the chance for the others."""
    doubtful_statuses: tuple[int, ...] = ()
    """HTTP statuses below 500 with which it may be billed though nothing came back."""
    free_finish_reasons: tuple[str, ...] = ()
    """Finish reasons with which a call without output is not billed, though its usage shows counts."""
    valid_from: date = ALWAYS


_INFERRED = "inferred: the provider's documents say nothing"
_ROUTER = "OpenRouter, API reference on streaming: providers whose billing stops when a stream is cancelled"
_NO_STOP = "OpenRouter, API reference on streaming: not cancellable, billed for the complete response"
_ARTICLE = "Anthropic support article 8114526: charged if the client disconnects or times out in a call"
_FAILED = "Anthropic support article 8114526: in general, failed requests are not charged"
_AZURE = "Azure OpenAI manage-costs page: charged if processing happened, even 400 and 408; not 401 and 429"
_BEDROCK = "Amazon Bedrock pricing: billed for actual token usage only"
_VERTEX = "Vertex AI pricing: only requests that return 200 are charged"
_GEMINI = "Gemini API billing page: requests that fail with 400 or 500 are not charged"
_INSURED = "OpenRouter, zero completion insurance: errors without output are not billed"

_DEFAULT = (
    BillingRule("*", "completed", 1, 1, 1, 0, "P", "every price list: tokens of an answer are billed"),
    BillingRule("*", "timeout", 0.6, 0.02, 0.98, 0.3, "I", _INFERRED),
    BillingRule("*", "server_error", 0.1, 0.005, 0.8, 0.15, "I", _INFERRED, "none"),
    BillingRule("*", "rate_limited", 0.01, 0.0005, 0.1, 0.02, "I", "rejected before inference", "none"),
    BillingRule("*", "connect", 0.02, 0.0005, 0.3, 0.05, "I", "nothing reached the model", "none"),
    BillingRule("*", "broken", 0.6, 0.02, 0.98, 0.3, "I", _INFERRED, "streamed"),
    BillingRule("*", "cancelled", 0.85, 0.1, 0.99, 0.2, "I", _INFERRED, "streamed"),
    BillingRule(
        "*", "cancelled_unary", 0.8, 0.05, 0.99, 0.25, "Q",
        "OpenRouter, API reference on streaming: requests that are not streamed never stop",
    ),
    BillingRule("*", "rejected", 0.02, 0.0005, 0.3, 0.05, "I", "rejected before inference", "none"),
    BillingRule("*", "refused", 0.7, 0.02, 0.98, 0.3, "I", _INFERRED, "none"),
    BillingRule("*", "validation", 1, 1, 1, 0, "P", "an answer that was delivered is billed"),
    BillingRule("*", "hidden", 0.25, 0.01, 0.95, 0.2, "I", "of failures, about a fifth are billed"),
    BillingRule("*", "overloaded", 0.03, 0.0005, 0.5, 0.06, "I", "turned away before inference", "none"),
)  # fmt: skip

_OPENAI = (
    BillingRule(
        "openai", "rejected", 0, 0, 0, 0, "I", "rejected before inference; the error has no usage", "none",
        free_statuses=(400, 401, 403, 404, 422),
    ),
    BillingRule(
        "openai", "rate_limited", 0, 0, 0, 0, "Q", "OpenAI, flex processing: a 429 is not charged", "none",
        free_statuses=(429,),
    ),
    BillingRule("openai", "cancelled", 0.9, 0.1, 0.99, 0.15, "Q", _ROUTER, "streamed"),
)  # fmt: skip

_ANTHROPIC = (
    BillingRule(
        "anthropic", "rejected", 0, 0, 0, 0, "Q", _FAILED, "none",
        free_statuses=(400, 401, 403, 404, 413, 422),
    ),
    BillingRule("anthropic", "rate_limited", 0, 0, 0, 0, "Q", _FAILED, "none", free_statuses=(429,)),
    BillingRule("anthropic", "overloaded", 0, 0, 0, 0, "Q", _FAILED, "none", free_statuses=(529,)),
    BillingRule("anthropic", "server_error", 0.05, 0.002, 0.5, 0.1, "Q", _FAILED, "none"),
    BillingRule("anthropic", "timeout", 0.9, 0.2, 0.99, 0.12, "Q", _ARTICLE),
    BillingRule("anthropic", "cancelled", 0.95, 0.3, 0.998, 0.1, "Q", _ARTICLE, "streamed"),
    BillingRule("anthropic", "cancelled_unary", 0.9, 0.2, 0.99, 0.12, "Q", _ARTICLE),
    BillingRule(
        "anthropic", "broken", 0.7, 0.05, 0.99, 0.25, "I",
        "as a refusal in the middle of a stream: input and streamed output are billed", "streamed",
    ),
    BillingRule(
        "anthropic", "refused", 0, 0, 0, 0, "P",
        "Claude API documentation, handling stop reasons: before any output it is not billed", "none",
        free_finish_reasons=("refusal",),
    ),
)  # fmt: skip

_MICROSOFT = (
    BillingRule(
        "azure.ai.openai", "rejected", 0.3, 0.01, 0.98, 0.25, "Q", _AZURE, "none",
        free_statuses=(401,), doubtful_statuses=(400,),
    ),
    BillingRule("azure.ai.openai", "rate_limited", 0, 0, 0, 0, "Q", _AZURE, "none", free_statuses=(429,)),
    BillingRule("azure.ai.openai", "timeout", 0.85, 0.1, 0.99, 0.2, "Q", _AZURE, doubtful_statuses=(408,)),
    BillingRule("azure.ai.openai", "server_error", 0.2, 0.01, 0.9, 0.2, "Q", _AZURE),
    BillingRule("azure.ai.openai", "broken", 0.8, 0.1, 0.99, 0.2, "Q", _AZURE, "streamed"),
    BillingRule("azure.ai.openai", "refused", 0.85, 0.1, 0.99, 0.2, "Q", _AZURE, "none"),
    BillingRule("azure.ai.openai", "cancelled", 0.9, 0.1, 0.99, 0.15, "Q", _ROUTER, "streamed"),
)  # fmt: skip

_AMAZON = (
    BillingRule(
        "aws.bedrock", "rejected", 0, 0, 0, 0, "Q", _BEDROCK, "none", free_statuses=(400, 401, 403, 404)
    ),
    BillingRule("aws.bedrock", "rate_limited", 0, 0, 0, 0, "Q", _BEDROCK, "none", free_statuses=(429,)),
    BillingRule("aws.bedrock", "cancelled", 0.9, 0.1, 0.99, 0.15, "Q", _NO_STOP),
    BillingRule("aws.bedrock", "broken", 0.6, 0.05, 0.98, 0.25, "Q", _BEDROCK, "streamed"),
)

_GOOGLE = (
    BillingRule(
        "gcp.vertex_ai", "rejected", 0, 0, 0, 0, "Q", _VERTEX, "none", free_statuses=(400, 401, 403, 404)
    ),
    BillingRule("gcp.vertex_ai", "rate_limited", 0, 0, 0, 0, "Q", _VERTEX, "none", free_statuses=(429,)),
    BillingRule(
        "gcp.vertex_ai", "server_error", 0, 0, 0, 0, "Q", _VERTEX, "none",
        free_statuses=(500, 502, 503, 504),
    ),
    BillingRule("gcp.vertex_ai", "timeout", 0.4, 0.01, 0.95, 0.3, "I", _VERTEX),
    BillingRule(
        "gcp.vertex_ai", "cancelled_unary", 0.3, 0.01, 0.95, 0.3, "I", _VERTEX, free_statuses=(499,)
    ),
    BillingRule("gcp.vertex_ai", "cancelled", 0.9, 0.1, 0.99, 0.15, "Q", _NO_STOP),
    BillingRule(
        "gcp.gemini", "rejected", 0, 0, 0, 0, "Q", _GEMINI, "none", free_statuses=(400, 401, 403, 404)
    ),
    BillingRule("gcp.gemini", "rate_limited", 0, 0, 0, 0, "Q", _GEMINI, "none", free_statuses=(429,)),
    BillingRule(
        "gcp.gemini", "server_error", 0.02, 0.0005, 0.3, 0.05, "Q", _GEMINI, "none", free_statuses=(500,)
    ),
    BillingRule("gcp.gemini", "cancelled", 0.9, 0.1, 0.99, 0.15, "Q", _NO_STOP),
)  # fmt: skip

_ROUTERS = (
    BillingRule(
        "openrouter", "rejected", 0, 0, 0, 0, "Q", _INSURED, "none", free_statuses=(400, 401, 402, 403, 404)
    ),
    BillingRule("openrouter", "rate_limited", 0, 0, 0, 0, "Q", _INSURED, "none", free_statuses=(429,)),
    BillingRule(
        "openrouter", "server_error", 0, 0, 0, 0, "Q", _INSURED, "none", free_statuses=(500, 502, 503)
    ),
    BillingRule("openrouter", "refused", 0.1, 0.005, 0.9, 0.15, "Q", _INSURED, "none"),
    BillingRule("openrouter", "cancelled", 0.85, 0.1, 0.99, 0.2, "P", _ROUTER, "streamed"),
    BillingRule("openrouter", "cancelled_unary", 0.95, 0.3, 0.998, 0.1, "P", _NO_STOP),
    BillingRule("openrouter", "timeout", 0.9, 0.2, 0.99, 0.12, "P", _NO_STOP),
)

_STOPPING = tuple(
    BillingRule(slug, "cancelled", 0.9, 0.1, 0.99, 0.15, "Q", _ROUTER, "streamed")
    for slug in ("cohere", "deepseek", "fireworks", "together", "x_ai")
)
_NOT_STOPPING = tuple(
    BillingRule(slug, "cancelled", 0.9, 0.1, 0.99, 0.15, "Q", _NO_STOP)
    for slug in ("groq", "mistral_ai", "perplexity")
)

RULES: tuple[BillingRule, ...] = (
    *_DEFAULT,
    *_OPENAI,
    *_ANTHROPIC,
    *_MICROSOFT,
    *_AMAZON,
    *_GOOGLE,
    *_ROUTERS,
    *_STOPPING,
    *_NOT_STOPPING,
)
"""All rules; of two for one provider and failure mode the later `valid_from` holds from its day on."""
