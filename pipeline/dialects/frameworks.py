"""Agent frameworks, gateways and observability SDKs that write LLM spans of their own."""

from pipeline.dialect import Dialect, Quirk, Shape
from pipeline.dialects.conventions import CONVENTIONAL, TOKEN_COUNTING

LITELLM = Dialect(
    code="litellm",
    title="LiteLLM",
    scopes=("litellm",),
    cache_breakdown="none",
    shapes=(
        TOKEN_COUNTING,
        Shape("duplicate", name_prefixes=("raw_gen_ai_request",), why="child of litellm_request"),
        Shape("call", name_prefixes=("litellm_request", "litellm-request")),
        *CONVENTIONAL,
    ),
    quirks=(
        Quirk(
            "estimated_counts",
            streamed_only=True,
            unfinished_only=True,
            why="streams without a usage chunk are counted by token_counter, unmarked",
        ),
    ),
    includes_compaction=True,
    rank=50,
    source="litellm 1.109 integrations/opentelemetry; attributes may sit on the parent span instead; v1 "
    "writes no cached tokens, v2 does, and its spans show them",
)
VERCEL_LEGACY = Dialect(
    code="vercel_ai",
    title="Vercel AI SDK, up to v6",
    scopes=("ai",),
    cache_convention="inclusive_if_total_says",
    cache_breakdown="lumped_writes",
    shapes=(
        Shape("call", name_parts=(".dogenerate", ".dostream", ".doembed")),
        Shape("aggregate", name_prefixes=("ai.",), requires_usage=True, why="the root repeats its steps"),
    ),
    rank=55,
    source="@ai-sdk v6: input includes cached tokens; v5 and older leave Anthropic's out",
)
VERCEL = Dialect(
    code="vercel_ai_otel",
    title="Vercel @ai-sdk/otel v7",
    scopes=("gen_ai",),
    cache_breakdown="lumped_writes",
    shapes=CONVENTIONAL,
    includes_compaction=True,
    rank=55,
    source="packages/otel/src/open-telemetry.ts: invoke_agent and chat both carry usage",
)
PYDANTIC_AI = Dialect(
    code="pydantic_ai",
    title="pydantic-ai",
    scopes=("pydantic-ai",),
    cache_breakdown="lumped_writes",
    shapes=(
        Shape("aggregate", name_prefixes=("agent run", "invoke_agent"), requires_usage=True),
        *CONVENTIONAL,
    ),
    includes_compaction=True,
    rank=55,
    source="pydantic-ai 2.68: zero counts are omitted; older versions wrote totals on the agent run",
)
LOGFIRE = Dialect(
    code="logfire",
    title="Logfire openai and anthropic",
    scopes=("logfire.*",),
    cache_breakdown="lumped_writes",
    shapes=(
        Shape("duplicate", name_prefixes=("streaming response from",), why="carries the stream's usage"),
        *CONVENTIONAL,
        Shape(
            "call",
            name_prefixes=(
                "Chat Completion with",
                "Completion with",
                "Embedding Creation with",
                "Message with",
                "Responses API with",
            ),
        ),
    ),
    rank=40,
    source="logfire 5.4: a stream's usage is on a sibling log span",
)
LANGFUSE = Dialect(
    code="langfuse",
    title="Langfuse SDK",
    scopes=("langfuse-sdk",),
    cache_convention="exclusive",
    cache_breakdown="lumped_writes",
    shapes=CONVENTIONAL,
    rank=70,
    source="langfuse 5: usage_details are disjoint buckets",
)
LANGSMITH = Dialect(
    code="langsmith",
    title="LangSmith OTel exporter",
    scopes=("langsmith",),
    cache_convention="inclusive_if_total_says",
    cache_breakdown="lumped_writes",
    shapes=(
        TOKEN_COUNTING,
        Shape("aggregate", operations=("chain", "tool", "agent"), requires_usage=True),
        Shape("call", requires_usage=True, requires_model=True),
        Shape("aggregate", requires_usage=True, why="chains repeat the first usage among their outputs"),
        Shape("call", operations=("chat", "llm", "embedding", "embeddings"), requires_model=True),
    ),
    rank=70,
    source="logfire strips usage on LangSmith spans without a request model for this reason",
)
STRANDS = Dialect(
    code="strands",
    title="Strands agents",
    scopes=("strands-agents", "strands.*"),
    cache_breakdown="lumped_writes",
    shapes=CONVENTIONAL,
    rank=60,
    source="strands 1.62: invoke_agent accumulates the usage of its chats",
)

DIALECTS = (
    LITELLM,
    VERCEL_LEGACY,
    VERCEL,
    PYDANTIC_AI,
    LOGFIRE,
    LANGFUSE,
    LANGSMITH,
    STRANDS,
)
