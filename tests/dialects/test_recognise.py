"""Which dialect and role a span gets: one row a fact that was measured or read."""

import polars as pl
import pytest

from pipeline.dialects import DIALECTS
from pipeline.spans.recognise import LOGGED, recognise

SCHEMA = {
    "scope_name": pl.String,
    "scope_version": pl.String,
    "name": pl.String,
    "kind": pl.String,
    "operation": pl.String,
    "is_stream": pl.Boolean,
    "finish_reasons": pl.String,
    "request_model": pl.String,
    "response_model": pl.String,
    "response_id": pl.String,
    **dict.fromkeys(LOGGED, pl.Int64),
}


def read(scope: str, name: str = "span", **given: object) -> tuple[str | None, str | None]:
    row = {**dict.fromkeys(SCHEMA), "scope_name": scope, "scope_version": "", "name": name, "kind": "client"}
    found = recognise(pl.DataFrame([{**row, **given}], schema=SCHEMA), DIALECTS)
    return found.select("dialect", "role").row(0)


OTEL = "opentelemetry.instrumentation"


@pytest.mark.parametrize(
    ("scope", "name", "operation", "expected"),
    [
        (f"{OTEL}.openai_v2", "chat gpt-4o", "chat", ("otel_openai_v2", "call")),
        (f"{OTEL}.genai.openai", "chat gpt-4o", "chat", ("otel_genai_openai", "call")),
        (f"{OTEL}.genai.anthropic", "chat claude", "chat", ("otel_genai_anthropic", "call")),
        (f"{OTEL}.genai.langchain", "chat gpt-4o", "chat", ("otel_genai_langchain", "call")),
        (f"{OTEL}.botocore.bedrock-runtime", "chat nova", "chat", ("otel_botocore_bedrock", "call")),
        (f"{OTEL}.google_genai", "generate_content g", "generate_content", ("otel_google_genai", "call")),
        ("opentelemetry.util.genai.handler", "chat gpt-4o", "chat", ("otel_util_genai", "call")),
        (f"{OTEL}.genai.google", "generate_content g", "generate_content", ("otel_genai_other", "call")),
        (f"{OTEL}.openai.v1", "openai.chat", None, ("openllmetry_openai", "call")),
        (f"{OTEL}.openai.v1", "openai.response", "chat", ("openllmetry_openai", "call")),
        (f"{OTEL}.anthropic", "anthropic.chat", "chat", ("openllmetry_anthropic", "call")),
        (f"{OTEL}.bedrock", "chat nova", "chat", ("openllmetry_bedrock", "call")),
        (f"{OTEL}.google_generativeai", "generate_content g", None, (None, None)),
        (f"{OTEL}.langchain", "ChatOpenAI.chat", "chat", ("openllmetry_langchain", "call")),
        (f"{OTEL}.langchain", "RunnableSequence.workflow", None, (None, None)),
        (f"{OTEL}.crewai", "gpt-4o.llm", None, ("openllmetry_crewai", "call")),
        (f"{OTEL}.groq", "groq.chat", "chat", ("openllmetry_other", "call")),
        ("openinference.instrumentation.openai", "ChatCompletion", "LLM", ("openinference_openai", "call")),
        ("openinference.instrumentation.openai", "ChatCompletion", None, ("openinference_openai", "call")),
        (
            "openinference.instrumentation.anthropic",
            "messages.create",
            "LLM",
            ("openinference_anthropic", "call"),
        ),
        (
            "openinference.instrumentation.bedrock",
            "bedrock.converse",
            "LLM",
            ("openinference_bedrock", "call"),
        ),
        ("openinference.instrumentation.langchain", "ChatOpenAI", "LLM", ("openinference_langchain", "call")),
        ("openinference.instrumentation.langchain", "Chain", "CHAIN", (None, None)),
        (
            "openinference.instrumentation.google_genai",
            "GenerateContent",
            "LLM",
            ("openinference_google", "call"),
        ),
        ("litellm", "litellm_request", None, ("litellm", "call")),
        ("litellm", "raw_gen_ai_request", None, ("litellm", "duplicate")),
        ("litellm", "Received Proxy Server Request", None, (None, None)),
        ("ai", "ai.streamText.doStream", "ai.streamText.doStream", ("vercel_ai", "call")),
        ("ai", "ai.toolCall", "ai.toolCall", (None, None)),
        ("gen_ai", "chat gpt-5", "chat", ("vercel_ai_otel", "call")),
        ("pydantic-ai", "chat gpt-5", "chat", ("pydantic_ai", "call")),
        ("logfire.openai", "Chat Completion with {request_data[model]!r}", None, ("logfire", "call")),
        ("logfire.openai", "streaming response from 'gpt-4' took 1s", None, ("logfire", "duplicate")),
        ("langfuse-sdk", "generate", "generation", ("langfuse", "call")),
        ("strands-agents", "chat", "chat", ("strands", "call")),
        ("com.anthropic.sdk.python", "anthropic.messages.create", "chat", ("anthropic_sdk", "call")),
        (
            "com.anthropic.sdk.typescript",
            "anthropic.messages.count_tokens",
            None,
            ("anthropic_sdk", "auxiliary"),
        ),
        ("whatever", "claude_code.llm_request", None, ("claude_code", "call")),
        ("acme.llm", "ask", "chat", ("generic_genai", "call")),
        ("app", "GET /", None, (None, None)),
        ("", "work", "execute_tool", (None, None)),
    ],
)
def test_a_span_without_counts_gets_its_dialect_and_role(scope, name, operation, expected) -> None:
    assert read(scope, name, operation=operation) == expected


@pytest.mark.parametrize(
    ("scope", "name", "operation", "expected"),
    [
        (f"{OTEL}.openai_v2", "invoke_agent a", "invoke_agent", ("otel_openai_v2", "aggregate")),
        (f"{OTEL}.crewai", "crewai.workflow", None, ("openllmetry_crewai", "aggregate")),
        (f"{OTEL}.langchain", "Graph.workflow", None, ("openllmetry_langchain", "aggregate")),
        (
            "openinference.instrumentation.langchain",
            "Chain",
            "CHAIN",
            ("openinference_langchain", "aggregate"),
        ),
        ("ai", "ai.streamText", "ai.streamText", ("vercel_ai", "aggregate")),
        ("gen_ai", "invoke_agent", "invoke_agent", ("vercel_ai_otel", "aggregate")),
        ("pydantic-ai", "agent run", None, ("pydantic_ai", "aggregate")),
        ("strands-agents", "invoke_agent x", "invoke_agent", ("strands", "aggregate")),
        ("langsmith", "RunnableSequence", None, ("langsmith", "aggregate")),
        ("litellm", "Received Proxy Server Request", None, ("litellm", "call")),
        ("acme", "whatever", None, ("generic_genai", "call")),
        ("whatever", "claude_code.interaction", None, ("claude_code", "aggregate")),
    ],
)
def test_a_span_with_counts_is_never_overlooked(scope, name, operation, expected) -> None:
    assert read(scope, name, operation=operation, input_tokens=5) == expected


def test_a_langsmith_span_that_names_a_model_is_a_call() -> None:
    assert read("langsmith", "ChatOpenAI", input_tokens=5, request_model="gpt-5") == ("langsmith", "call")


def test_the_kind_tells_the_providers_request_from_its_inner_spans() -> None:
    scope = "com.anthropic.claude-platform"

    assert read(scope, "request", kind="server") == ("claude_platform", "server")
    assert read(scope, "model run", kind="internal", input_tokens=5) == ("claude_platform", "duplicate")


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("0.43.1", "openllmetry_openai_old"),
        ("0.44.0", "openllmetry_openai"),
        ("0.62.4", "openllmetry_openai"),
        ("1.0", "openllmetry_openai"),
        ("", "openllmetry_openai"),
        ("nightly", "openllmetry_openai"),
    ],
)
def test_the_version_chooses_among_dialects_of_one_scope(version, expected) -> None:
    assert read(f"{OTEL}.openai.v1", "openai.chat", scope_version=version)[0] == expected


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.code)
def test_every_dialect_says_how_it_is_found_and_where_its_facts_come_from(dialect) -> None:
    assert dialect.scopes or dialect.span_names
    assert dialect.source
    assert all(quirk.why for quirk in dialect.quirks)


def test_the_last_dialect_reads_whatever_is_left() -> None:
    assert DIALECTS[-1].scopes == ("*",)


@pytest.mark.parametrize(
    ("code", "convention", "breakdown"),
    [
        ("openllmetry_openai", "inclusive", "read_only"),
        ("openinference_openai", "inclusive", "read_only"),
        ("otel_genai_openai", "inclusive", "read_only"),
        ("otel_openai_v2", "inclusive", "none"),
        ("otel_util_genai", "inclusive_if_total_says", "none"),
        ("openllmetry_anthropic", "inclusive", "lumped_writes"),
        ("openinference_anthropic", "inclusive", "lumped_writes"),
        ("otel_genai_anthropic", "inclusive", "lumped_writes"),
        ("anthropic_sdk", "inclusive", "full"),
        ("claude_code", "exclusive", "lumped_writes"),
        ("openinference_bedrock", "inclusive", "lumped_writes"),
        ("openllmetry_bedrock", "exclusive", "lumped_writes"),
        ("otel_botocore_bedrock", "exclusive", "none"),
        ("otel_google_genai", "inclusive", "read_only"),
        ("langfuse", "exclusive", "lumped_writes"),
        ("litellm", "inclusive", "none"),
        ("pydantic_ai", "inclusive", "lumped_writes"),
    ],
)
def test_a_dialect_reads_cached_tokens_as_it_was_seen_to_write_them(code, convention, breakdown) -> None:
    dialect = next(dialect for dialect in DIALECTS if dialect.code == code)

    assert (dialect.cache_convention, dialect.cache_breakdown) == (convention, breakdown)


@pytest.mark.parametrize(
    ("rule", "codes"),
    [
        ("false_zero_is_null", {"otel_openai_v2", "openllmetry_anthropic", "generic_genai"}),
        (
            "placeholder_output",
            {
                "openinference_anthropic",
                "otel_genai_anthropic",
                "otel_util_genai",
                "otel_genai_other",
                "generic_genai",
            },
        ),
        ("estimated_counts", {"openllmetry_openai_old", "otel_botocore_bedrock", "litellm"}),
        ("wrong_output", {"openllmetry_anthropic", "openllmetry_google"}),
    ],
)
def test_a_wrong_number_is_expected_only_where_it_was_seen(rule, codes) -> None:
    assert {d.code for d in DIALECTS for quirk in d.quirks if quirk.rule == rule} == codes
