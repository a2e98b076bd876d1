"""Each column from each of its names that instrumentations have used."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.content import Line
from pipeline.intake.decoding import DecodeOptions, decode


@pytest.fixture
def row(span: Callable, request_line: Callable) -> Callable[..., dict[str, Any]]:
    """The raw row of one span with these attributes."""

    def build(
        attributes: dict[str, Any], resource: dict[str, Any] | None = None, **fields: Any
    ) -> dict[str, Any]:
        options = DecodeOptions(
            fields.pop("labels", ()), ("gen_ai.conversation.id", *fields.pop("conversations", ()))
        )
        data = request_line(span(attributes, **fields), resource=resource).encode()
        (batch,) = decode([Line(1, 0, data, len(data))], options)
        assert batch.rejects == []
        return batch.rows.row(0, named=True)

    return build


SYNONYMS = {
    "input_tokens": [
        "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens",
        "llm.token_count.prompt", "ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens",
        "llm.token.counts.prompt",
    ],
    "output_tokens": [
        "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens",
        "llm.token_count.completion", "ai.usage.outputTokens", "ai.usage.completionTokens",
    ],
    "total_tokens": [
        "gen_ai.usage.total_tokens", "llm.usage.total_tokens", "llm.token_count.total",
        "ai.usage.totalTokens",
    ],
    "cache_read_tokens": [
        "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.input_tokens.cached", "llm.token_count.prompt_details.cache_read",
        "ai.usage.cachedInputTokens", "ai.usage.inputTokenDetails.cacheReadTokens",
        "gen_ai.usage.details.cache_read_tokens",
    ],
    "cache_write_tokens": [
        "gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens", "gen_ai.usage.cache_write_input_tokens",
        "gen_ai.usage.input_tokens.cache_write", "llm.token_count.prompt_details.cache_write",
        "ai.usage.inputTokenDetails.cacheWriteTokens",
    ],
    "cache_write_5m_tokens": ["anthropic.usage.cache_creation.ephemeral_5m_input_tokens"],
    "cache_write_1h_tokens": ["anthropic.usage.cache_creation.ephemeral_1h_input_tokens"],
    "reasoning_tokens": [
        "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens", "llm.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning", "ai.usage.reasoningTokens",
        "gen_ai.usage.output_tokens.reasoning",
    ],
    "input_audio_tokens": ["gen_ai.usage.audio.input_tokens", "llm.token_count.prompt_details.audio"],
    "output_audio_tokens": ["gen_ai.usage.audio.output_tokens", "llm.token_count.completion_details.audio"],
    "compaction_input_tokens": [
        "anthropic.usage.compaction.input_tokens", "gen_ai.usage.details.compaction_input_tokens",
    ],
    "compaction_output_tokens": [
        "anthropic.usage.compaction.output_tokens", "gen_ai.usage.details.compaction_output_tokens",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("column", "name"), [(column, name) for column, names in SYNONYMS.items() for name in names]
)
def test_a_count_is_found_under_every_name(row: Callable, column: str, name: str) -> None:
    found = row({name: 7})
    assert found[column] == 7
    assert {key for key in SYNONYMS if found[key] is not None} == {column}


@pytest.mark.parametrize("value", [12, "12", 12.0, " 12 ", "12.0"])
def test_a_whole_number_may_be_written_in_many_ways(row: Callable, value: Any) -> None:
    assert row({"gen_ai.usage.input_tokens": value})["input_tokens"] == 12


def test_the_newest_name_wins_and_the_difference_is_kept(row: Callable) -> None:
    found = row(
        {"llm.token_count.prompt": 12, "gen_ai.usage.input_tokens": 10, "llm.usage.prompt_tokens": 10}
    )
    assert found["input_tokens"] == 10
    assert found["usage_conflict"] == "input_tokens: 10 != 12"


def test_synonyms_that_agree_are_no_conflict(row: Callable) -> None:
    found = row({"llm.token_count.prompt": 10, "gen_ai.usage.input_tokens": 10})
    assert (found["input_tokens"], found["usage_conflict"]) == (10, None)


def test_zero_is_kept_and_absent_is_null(row: Callable) -> None:
    found = row({"gen_ai.usage.input_tokens": 0})
    assert (found["input_tokens"], found["output_tokens"]) == (0, None)


def test_aggregates_of_runs_are_not_usage(row: Callable) -> None:
    found = row({"gen_ai.aggregated_usage.input_tokens": 9, "gen_ai.usage.partial.input_tokens": 9})
    assert found["input_tokens"] is None


CLAUDE_CODE = {
    "input_tokens": 2, "output_tokens": 1200, "cache_read_tokens": 84562, "cache_creation_tokens": 7096,
    "model": "claude-opus-4-5", "request_id": "req_1", "attempt": 3, "query_source": "compact",
}  # fmt: skip


def test_flat_names_are_read_on_spans_of_claude_code_only(row: Callable) -> None:
    found = row(CLAUDE_CODE, name="claude_code.llm_request")
    assert (found["input_tokens"], found["output_tokens"]) == (2, 1200)
    assert (found["cache_read_tokens"], found["cache_write_tokens"]) == (84562, 7096)
    assert (found["request_model"], found["request_id"]) == ("claude-opus-4-5", "req_1")
    assert (found["attempt_count"], found["operation"]) == (3, "compact")
    other = row(CLAUDE_CODE, name="llm_request")
    assert (other["input_tokens"], other["request_model"], other["operation"]) == (None, None, None)


def test_langfuse_usage_details_are_read_from_json(row: Callable) -> None:
    details = {"input": 100, "output": 20, "total": 150, "input_cache_read": 30, "output_reasoning": 5}
    found = row({"langfuse.observation.usage_details": json.dumps(details)})
    assert (found["input_tokens"], found["output_tokens"], found["total_tokens"]) == (100, 20, 150)
    assert (found["cache_read_tokens"], found["reasoning_tokens"]) == (30, 5)


def test_langfuses_openai_client_passes_on_an_input_that_includes_cached_tokens(row: Callable) -> None:
    details = {
        "prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306,
        "prompt_tokens_details": {"audio_tokens": 0, "cached_tokens": 1920},
        "completion_tokens_details": {"reasoning_tokens": 256},
    }  # fmt: skip
    chat = row({"langfuse.observation.usage_details": json.dumps(details)})
    assert (chat["input_tokens"], chat["cache_read_tokens"], chat["output_tokens"]) == (86, 1920, 300)
    details = {"input_tokens": 2006, "output_tokens": 300, "input_tokens_details": {"cached_tokens": 1920}}
    response = row({"langfuse.observation.usage_details": json.dumps(details)})
    assert (response["input_tokens"], response["cache_read_tokens"]) == (86, 1920)
    details = {"input_tokens": 86, "cache_read_input_tokens": 1920, "output_tokens": 300}
    message = row({"langfuse.observation.usage_details": json.dumps(details)})
    assert (message["input_tokens"], message["cache_read_tokens"]) == (86, 1920)


def test_langfuse_tells_a_stream_by_its_first_token_and_writes_reasons_as_json(row: Callable) -> None:
    found = row(
        {
            "langfuse.observation.completion_start_time": '"2026-10-17T15:59:59.114471Z"',
            "langfuse.observation.metadata.finish_reason": '"stop"',
        }
    )
    assert (found["is_stream"], found["finish_reasons"]) == (True, "stop")


def test_raw_usage_of_logfire_is_a_last_resort_and_never_a_conflict(row: Callable) -> None:
    usage = {
        "input_tokens": 10, "cache_read_input_tokens": 70, "cache_creation_input_tokens": 20,
        "output_tokens": 5,
        "cache_creation": {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 5},
    }  # fmt: skip
    alone = row({"gen_ai.usage.raw": json.dumps(usage)})
    assert (alone["input_tokens"], alone["output_tokens"]) == (100, 5)
    assert (alone["cache_read_tokens"], alone["cache_write_tokens"]) == (70, 20)
    assert (alone["cache_write_5m_tokens"], alone["cache_write_1h_tokens"]) == (15, 5)
    beside = row({"gen_ai.usage.raw": json.dumps(usage), "gen_ai.usage.input_tokens": 101})
    assert (beside["input_tokens"], beside["usage_conflict"]) == (101, None)


def test_compaction_iterations_of_openinference_are_summed(row: Callable) -> None:
    iterations = [
        {"type": "compaction", "input_tokens": 180_000, "output_tokens": 3_500},
        {"type": "message", "input_tokens": 23_000, "output_tokens": 1_000},
        {"type": "compaction", "input_tokens": 1_000, "cache_read_input_tokens": 10, "output_tokens": 500},
    ]
    found = row({"metadata": json.dumps({"usage_iterations": iterations})})
    assert (found["compaction_input_tokens"], found["compaction_output_tokens"]) == (181_010, 4_000)
    assert row({"metadata": "not json usage_iterations"})["compaction_input_tokens"] is None
    assert row({"metadata": '{"usage_iterations": 3}'})["compaction_input_tokens"] is None


@pytest.mark.parametrize(
    ("attributes", "column", "expected"),
    [
        ({"gen_ai.operation.name": "chat"}, "operation", "chat"),
        ({"openinference.span.kind": "LLM"}, "operation", "LLM"),
        ({"gen_ai.system": "xai", "gen_ai.provider.name": "x_ai"}, "provider_logged", "x_ai"),
        ({"llm.system": "openai", "llm.provider": "azure"}, "provider_logged", "azure"),
        ({"gen_ai.request.model": "gpt-4o"}, "request_model", "gpt-4o"),
        ({"llm.invocation_parameters": '{"model": "gpt-4o", "t": [1]}'}, "request_model", "gpt-4o"),
        ({"llm.model_name": "gpt-4o-2024-08-06"}, "response_model", "gpt-4o-2024-08-06"),
        ({"ai.response.model": "x"}, "response_model", "x"),
        ({"gen_ai.response.id": "chatcmpl-1"}, "response_id", "chatcmpl-1"),
        ({"anthropic.request.id": "req_1"}, "request_id", "req_1"),
        ({"aws.request_id": "aws-1"}, "request_id", "aws-1"),
        ({"http.response.header.x-request-id": ["r1"]}, "request_id", "r1"),
        ({"gen_ai.response.finish_reasons": ["stop", "length"]}, "finish_reasons", "stop,length"),
        ({"gen_ai.response.finish_reasons": []}, "finish_reasons", ""),
        ({"gen_ai.response.finish_reasons": '["stop"]'}, "finish_reasons", "stop"),
        ({"anthropic.message.stop_reason": "end_turn"}, "finish_reasons", "end_turn"),
        ({"llm.finish_reason": "stop"}, "finish_reasons", "stop"),
        ({"error.type": "openai.APITimeoutError"}, "error_type", "openai.APITimeoutError"),
        ({"error.type": "bad key sk-123"}, "error_type", "_OTHER"),
        ({"http.method": "POST"}, "http_method", "POST"),
        ({"http.status_code": "429"}, "http_status", 429),
        ({"http.response.status_code": 0}, "http_status", None),
        ({"http.url": "https://u:p@API.groq.com:443/v1/chat?key=s#f"}, "server_address", "api.groq.com"),
        ({"http.url": "https://u:p@api.groq.com/v1/chat?key=s#f"}, "url_path", "/v1/chat"),
        ({"url.path": "/v1/messages?beta=true"}, "url_path", "/v1/messages"),
        ({"url.full": "https://h/bot12:AAHdqTcvCH1vGWJxfSeofSAs0K5/x"}, "url_path", "/bot12:*/x"),
        ({"url.full": "https://h/models/gemini-2.5-pro:generateContent"}, "url_path",
         "/models/gemini-2.5-pro:generateContent"),
        ({"net.peer.name": "api.openai.com"}, "server_address", "api.openai.com"),
        ({"gen_ai.openai.api_base": "https://api.together.xyz/v1/"}, "server_address", "api.together.xyz"),
        ({"http.request.resend_count": 2}, "resend_count", 2),
        ({"http.request.header.x-stainless-retry-count": ["1"]}, "resend_count", 1),
        ({"retry_attempts": 0}, "resend_count", 0),
        ({"openai.request.service_tier": "auto"}, "service_tier", "auto"),
        ({"openai.request.service_tier": "auto", "openai.response.service_tier": "flex"},
         "service_tier", "flex"),
        ({"anthropic.workspace.id": "wrkspc_1"}, "project_id", "wrkspc_1"),
        ({"cache_hit": "True"}, "cache_hit", True),
        ({"portkey.cache_status": "MISS"}, "cache_hit", False),
        ({"gen_ai.request.stream": True}, "is_stream", True),
        ({"gen_ai.is_streaming": False}, "is_stream", False),
        ({"llm.invocation_parameters": '{"stream": true}'}, "is_stream", True),
        ({"ai.operationId": "ai.streamText.doStream"}, "is_stream", True),
        ({"session.id": "s1"}, "conversation_id", "s1"),
        ({"session.id": "s1", "gen_ai.conversation.id": "c1"}, "conversation_id", "c1"),
        ({"gen_ai.request.model": "m" * 500}, "request_model", "m" * 128),
    ],
)  # fmt: skip
def test_an_attribute_gives_its_column(row: Callable, attributes: Any, column: str, expected: Any) -> None:
    assert row(attributes)[column] == expected


def test_the_conversation_of_the_configuration_comes_first(row: Callable) -> None:
    attributes = {"session.id": "s", "thread": "t"}
    assert row(attributes, conversations=("thread",))["conversation_id"] == "t"


def test_only_configured_labels_are_kept(row: Callable) -> None:
    resource = {
        "service.name": "shop",
        "team": "checkout",
        "deployment.environment": "prod",
        "host.name": "h",
    }
    found = row({"team": "search", "secret": "x", "n": 3}, resource, labels=("n", "team"))
    assert found["labels"] == '{"n":"3","team":"search"}'
    assert found["resource_labels"] == '{"team":"checkout"}'
    assert (found["service"], found["environment"]) == ("shop", "prod")


def test_without_labels_the_objects_are_empty(row: Callable) -> None:
    found = row({"team": "search"}, {"team": "x"})
    assert (found["labels"], found["resource_labels"]) == ("{}", "{}")
