"""Text is counted where usage is absent or may be an estimate, and nowhere kept.

"2 + 2 = 4" has 7 tokens and "antidisestablishmentarianism" 6, by OpenAI's cookbook.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.landing import LandingSummary
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME

SEVEN, SIX = "2 + 2 = 4", "antidisestablishmentarianism"
MODEL = {"gen_ai.request.model": "gpt-4.1", "gen_ai.operation.name": "chat"}
TOOL = {"type": "function", "name": "add", "description": SEVEN}
COUNTS = ["counted_input_tokens", "counted_output_tokens", "counted_messages", "counted_tools", "text_class"]


def parts(*texts: str, role: str = "user") -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]} for text in texts])


CONVENTIONS = {
    "gen_ai.system_instructions": json.dumps([{"type": "text", "content": SIX}]),
    "gen_ai.input.messages": parts(SEVEN),
    "gen_ai.output.messages": json.dumps(
        [
            {
                "role": "assistant",
                "parts": [{"type": "reasoning", "content": SIX}, {"type": "text", "content": SEVEN}],
            }
        ]
    ),
    "gen_ai.tool.definitions": json.dumps([TOOL]),
}
OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-4.1",
    "input.value": json.dumps({"messages": [{"role": "user", "content": SEVEN * 9}]}),
    "output.value": SEVEN * 9,
    "llm.input_messages.0.message.role": "system",
    "llm.input_messages.0.message.content": SIX,
    "llm.input_messages.1.message.role": "user",
    "llm.input_messages.1.message.contents.0.message_content.type": "text",
    "llm.input_messages.1.message.contents.0.message_content.text": SEVEN,
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": SEVEN,
    "llm.tools.0.tool.json_schema": json.dumps(TOOL),
}
INDEXED = {
    **MODEL,
    "gen_ai.prompt.0.role": "system",
    "gen_ai.prompt.0.content": SIX,
    "gen_ai.prompt.1.role": "user",
    "gen_ai.prompt.1.content": json.dumps([{"type": "text", "text": SEVEN}]),
    "gen_ai.prompt.prompt_filter_results": json.dumps([{"content": SIX}]),
    "gen_ai.completion.0.content": SEVEN,
    "llm.request.functions.0.name": "add",
    "llm.request.functions.0.description": SEVEN,
}
VERCEL = {
    "ai.model.id": "gpt-4.1",
    "ai.prompt": json.dumps({"prompt": SEVEN}),
    "ai.prompt.messages": json.dumps(
        [{"role": "system", "content": SIX}, {"role": "user", "content": [{"type": "text", "text": SEVEN}]}]
    ),
    "ai.prompt.tools": [json.dumps(TOOL)],
    "ai.response.text": SEVEN,
}
REQUEST = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-4.1",
    "input.value": json.dumps(
        {"model": "gpt-4.1", "messages": [{"role": "system", "content": SIX}, {"role": "user", "content": SEVEN}],
         "tools": [TOOL]}
    ),
    "output.value": json.dumps({"choices": [{"message": {"role": "assistant", "content": SEVEN}}]}),
}  # fmt: skip

Counted = Callable[..., dict[str, Any]]


@pytest.fixture
def counted(
    traces, span, request_line, landed: Callable[..., LandingSummary], warehouse: Warehouse
) -> Counted:
    """The row of a span with these attributes, written by this instrumentation."""

    def run(attributes: dict[str, Any], scope: str = "test.scope") -> dict[str, Any]:
        (traces / "a.jsonl").write_text(request_line(span(attributes), scope=scope) + "\n")
        landed()
        return warehouse.read(BY_NAME["raw.span"]).row(0, named=True)

    return run


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param({**MODEL, **CONVENTIONS}, id="the conventions"),
        pytest.param(OPENINFERENCE, id="OpenInference"),
        pytest.param(INDEXED, id="OpenLLMetry and LiteLLM"),
        pytest.param(VERCEL, id="Vercel"),
        pytest.param(REQUEST, id="bodies"),
    ],
)
def test_text_without_usage_is_counted_once_whoever_wrote_it(
    counted: Counted, attributes: dict[str, Any]
) -> None:
    row = counted(attributes)
    assert [row[name] for name in COUNTS[:4]] == [13, 7, 2, 1]
    assert row["counted_tool_tokens"] >= 7
    assert row["input_tokens"] is None
    assert not [
        value for value in row.values() if isinstance(value, str) and (SEVEN in value or SIX in value)
    ]


USAGE = {"gen_ai.usage.input_tokens": 20, "gen_ai.usage.output_tokens": 9}


@pytest.mark.parametrize(
    ("attributes", "scope", "is_counted"),
    [
        pytest.param({}, "test.scope", True, id="no usage"),
        pytest.param(USAGE, "test.scope", False, id="recorded usage"),
        pytest.param({"gen_ai.usage.input_tokens": 20}, "test.scope", True, id="an answer without count"),
        pytest.param(dict.fromkeys(USAGE, 0), "test.scope", True, id="a false zero"),
        pytest.param({**USAGE, "llm.is_streaming": "True"}, "litellm", True, id="a stream through LiteLLM"),
        pytest.param({**USAGE, "llm.is_streaming": "False"}, "litellm", False, id="a plain call through it"),
        pytest.param({**USAGE, "llm.is_streaming": "True"}, "test.scope", False, id="a stream elsewhere"),
    ],
)
def test_only_what_is_absent_or_may_be_estimated_is_counted(
    counted: Counted, attributes: dict[str, Any], scope: str, *, is_counted: bool
) -> None:
    row = counted({**MODEL, "gen_ai.input.messages": parts(SEVEN), **attributes}, scope)
    assert row["counted_input_tokens"] == (7 if is_counted else None)


@pytest.mark.parametrize(
    "earlier",
    [
        {"gen_ai.request.previous_response.id": "resp_1"},
        {"llm.invocation_parameters": json.dumps({"previous_response_id": "resp_1"})},
    ],
)
def test_a_prompt_that_goes_on_from_what_the_provider_keeps_is_not_all_on_the_span(
    counted: Counted, earlier: dict[str, str]
) -> None:
    row = counted({**MODEL, **CONVENTIONS, **earlier})
    assert (row["counted_input_tokens"], row["counted_output_tokens"]) == (None, 7)


def test_a_prompt_without_an_earlier_answer_is_counted(counted: Counted) -> None:
    parameters = {"llm.invocation_parameters": json.dumps({"previous_response_id": None})}
    assert counted({**MODEL, **CONVENTIONS, **parameters})["counted_input_tokens"] == 13


def test_a_chain_around_calls_is_not_counted(counted: Counted) -> None:
    row = counted({"openinference.span.kind": "CHAIN", "input.value": SEVEN, "output.value": SEVEN})
    assert {row[name] for name in COUNTS} == {None}


@pytest.mark.parametrize(
    "value",
    [
        "[" * 100_000,
        '{"role": "user", "parts": ',
        "null",
        "[[[[]]]]",
        '[{"type": "image", "data": "aGVsbG8="}]',
        "",
    ],
)
def test_broken_or_empty_text_costs_nothing_but_its_count(counted: Counted, value: str) -> None:
    row = counted({**MODEL, "gen_ai.input.messages": value, "gen_ai.output.messages": parts(SEVEN)})
    assert row["counted_output_tokens"] == 7


def test_what_is_beyond_the_limit_is_taken_to_count_like_the_rest(counted: Counted) -> None:
    row = counted({**MODEL, "gen_ai.input.messages": parts("a" * 1_000_000)})
    assert row["counted_input_tokens"] == 125_000


def test_the_model_chooses_the_vocabulary(counted: Counted) -> None:
    text = {"gen_ai.input.messages": parts("お誕生日おめでとう")}
    assert counted({"gen_ai.request.model": "gpt-4-0613", **text})["counted_input_tokens"] == 9
    assert counted({"gen_ai.request.model": "gpt-4.1", **text})["counted_input_tokens"] == 8
    assert counted({"gen_ai.request.model": "gpt-4.1", **text})["text_class"] == "cjk"
