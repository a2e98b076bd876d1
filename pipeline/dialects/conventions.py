"""Spans of unknown instrumentations that follow the GenAI conventions, and the shapes all families share."""

from pipeline.dialect import Dialect, Quirk, Shape

CALL_OPERATIONS = (
    "chat",
    "text_completion",
    "completion",
    "completions",
    "generate_content",
    "embeddings",
    "embedding",
    "responses",
    "messages",
    "llm",
    "generation",
)
AGGREGATE_OPERATIONS = (
    "invoke_agent",
    "create_agent",
    "invoke_workflow",
    "execute_tool",
    "plan",
    "retrieval",
    "agent",
    "chain",
    "workflow",
    "task",
    "tool",
    "retriever",
    "reranker",
    "guardrail",
    "evaluator",
    "span",
    "event",
)

TOKEN_COUNTING = Shape("auxiliary", name_parts=("count_tokens", "counttokens"), why="counting tokens is free")
AGGREGATE = Shape(
    "aggregate",
    operations=AGGREGATE_OPERATIONS,
    requires_usage=True,
    why="agents, chains and workflows repeat the usage of the calls below them",
)
CALL = Shape("call", operations=CALL_OPERATIONS)
CONVENTIONAL = (TOKEN_COUNTING, AGGREGATE, CALL)
"""Shapes of everything that writes gen_ai.operation.name or OpenInference's span kind."""

FALSE_ZERO = Quirk("false_zero_is_null", why="counters start at 0 and are written though no usage came")
PLACEHOLDER = Quirk(
    "placeholder_output",
    unfinished_only=True,
    why="a stream cut before message_delta leaves message_start's placeholder, 1 to 8",
)

GENERIC = Dialect(
    code="generic_genai",
    title="Unknown instrumentation, read by the GenAI conventions",
    scopes=("*",),
    cache_convention="inclusive_if_total_says",
    cache_breakdown="lumped_writes",
    shapes=CONVENTIONAL,
    quirks=(FALSE_ZERO, PLACEHOLDER),
    rank=90,
    source="open-telemetry/semantic-conventions-genai: input includes cached tokens",
)

DIALECTS = (GENERIC,)
