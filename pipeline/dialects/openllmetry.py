"""OpenLLMetry (Traceloop): one instrumentation a library, all under `opentelemetry.instrumentation.*`."""

from pipeline.dialect import Dialect, Quirk, Shape
from pipeline.dialects.conventions import AGGREGATE, CALL, CONVENTIONAL, FALSE_ZERO, TOKEN_COUNTING

MEASURED = "replayed recordings, 0.62.4, November 2026"

_OPENAI_SHAPES = (
    *CONVENTIONAL,
    Shape("call", name_prefixes=("openai.chat", "openai.completion", "openai.embeddings", "openai.response")),
)
OPENAI_OLD = Dialect(
    code="openllmetry_openai_old",
    title="OpenLLMetry openai before 0.44",
    scopes=("opentelemetry.instrumentation.openai.v1", "opentelemetry.instrumentation.openai.v0"),
    versions=">=0.1,<0.44",
    cache_breakdown="read_only",
    shapes=_OPENAI_SHAPES,
    quirks=(
        Quirk(
            "estimated_counts",
            streamed_only=True,
            why="enrich_token_usage counted streams with tiktoken, unmarked, until 0.44 (PR #3205)",
        ),
    ),
    rank=40,
    source="traceloop/openllmetry CHANGELOG, v0.44.0",
)
OPENAI = Dialect(
    code="openllmetry_openai",
    title="OpenLLMetry openai",
    scopes=("opentelemetry.instrumentation.openai.*",),
    cache_breakdown="read_only",
    shapes=_OPENAI_SHAPES,
    leaves_open=True,
    rank=25,
    source=MEASURED,
)
ANTHROPIC = Dialect(
    code="openllmetry_anthropic",
    title="OpenLLMetry anthropic",
    scopes=("opentelemetry.instrumentation.anthropic",),
    cache_breakdown="lumped_writes",
    shapes=(*CONVENTIONAL, Shape("call", name_prefixes=("anthropic.",))),
    quirks=(
        FALSE_ZERO,
        Quirk(
            "wrong_output",
            why="streams log message_start's placeholder plus the cumulative message_delta",
        ),
        Quirk("output_plus_placeholder", streamed_only=True, why="as above: 1 to 8 tokens, rarely more"),
    ),
    leaves_open=True,
    rank=40,
    source=f"{MEASURED}; beta streams and async raw responses end with 0/0 and no response id",
)
BEDROCK = Dialect(
    code="openllmetry_bedrock",
    title="OpenLLMetry bedrock",
    scopes=("opentelemetry.instrumentation.bedrock",),
    cache_convention="exclusive",
    cache_breakdown="lumped_writes",
    shapes=(*CONVENTIONAL, Shape("call", name_prefixes=("bedrock.",))),
    rank=40,
    source=f"{MEASURED}; total is input plus output, cached tokens beside it",
)
GOOGLE = Dialect(
    code="openllmetry_google",
    title="OpenLLMetry google-generativeai",
    scopes=("opentelemetry.instrumentation.google_generativeai", "opentelemetry.instrumentation.vertexai"),
    cache_breakdown="read_only",
    shapes=(*CONVENTIONAL, Shape("call", name_prefixes=("gemini.", "vertexai."))),
    quirks=(
        Quirk("wrong_output", why="leaves thoughts out of the output; no count of them is logged"),
        Quirk("output_without_reasoning", why="the output held 22 % of what was billed in the recordings"),
    ),
    rank=45,
    source=f"{MEASURED}; scope version reads 0.21.5",
)
LANGCHAIN = Dialect(
    code="openllmetry_langchain",
    title="OpenLLMetry langchain",
    scopes=("opentelemetry.instrumentation.langchain",),
    cache_convention="inclusive_if_total_says",
    cache_breakdown="lumped_writes",
    shapes=(
        TOKEN_COUNTING,
        CALL,
        AGGREGATE,
        Shape("aggregate", name_parts=(".workflow", ".task", ".agent", ".tool"), requires_usage=True),
        Shape("call", name_parts=(".chat", ".completion")),
    ),
    rank=60,
    source="opentelemetry-instrumentation-langchain 0.62: LangChain usage_metadata",
)
CREWAI = Dialect(
    code="openllmetry_crewai",
    title="OpenLLMetry crewai",
    scopes=("opentelemetry.instrumentation.crewai",),
    cache_breakdown="none",
    shapes=(
        Shape("call", name_parts=(".llm",)),
        Shape("aggregate", requires_usage=True, why="token_usage summaries on workflow and agent spans"),
    ),
    rank=65,
    source="opentelemetry-instrumentation-crewai 0.62",
)
OTHER = Dialect(
    code="openllmetry_other",
    title="OpenLLMetry, other libraries",
    scopes=tuple(
        f"opentelemetry.instrumentation.{library}"
        for library in (
            "agno",
            "alephalpha",
            "cohere",
            "groq",
            "haystack",
            "llamaindex",
            "mistralai",
            "ollama",
            "openai_agents",
            "replicate",
            "sagemaker",
            "together",
            "transformers",
            "voyageai",
            "watsonx",
            "writer",
        )
    ),
    cache_convention="inclusive_if_total_says",
    cache_breakdown="read_only",
    shapes=CONVENTIONAL,
    rank=50,
    source="Langfuse's allow-list of scopes; not measured",
)

DIALECTS = (OPENAI_OLD, OPENAI, ANTHROPIC, BEDROCK, GOOGLE, LANGCHAIN, CREWAI, OTHER)
