"""HTTP spans: which call they belong to, their order, and what counts as one."""

import polars as pl
import pytest

POST = {"scope": "http", "name": "POST", "http_method": "POST", "server_address": "api.openai.com"} | {
    "url_path": "/v1/chat/completions"
}


def owners(calls) -> dict[str, str | None]:
    ids = calls.attempts.select("span_id", pl.col("call_id").str.split(":").list.last())
    return {span.lstrip("0"): call and call.lstrip("0") for span, call in ids.rows()}


def test_retries_below_a_call_are_its_attempts_in_order(resolved) -> None:
    calls = resolved(
        {"id": "1", "for_ms": 3000},
        {"id": "3", "parent": "1", "at": 900, "for_ms": 500, "http_status": 200, **POST},
        {"id": "2", "parent": "1", "at": 10, "for_ms": 500, "http_status": 429, **POST},
    )

    assert owners(calls) == {"2": "1", "3": "1"}
    assert calls.attempts["attempt_number"].to_list() == [1, 2]
    assert calls.calls.select("attempt_count", "has_http_spans").row(0) == (2, True)


def test_attempts_beside_a_call_belong_to_the_one_that_runs(resolved) -> None:
    calls = resolved(
        {"id": "1", "parent": "9", "at": 0, "for_ms": 1000},
        {"id": "2", "parent": "9", "at": 2000, "for_ms": 1000},
        {"id": "3", "parent": "9", "at": 10, "for_ms": 500, **POST},
        {"id": "4", "parent": "9", "at": 2010, "for_ms": 100, **POST},
        {"id": "5", "parent": "9", "at": 2700, "for_ms": 100, **POST},
        {"id": "6", "parent": "9", "at": 3500, "for_ms": 100, **POST},
    )

    assert owners(calls) == {"3": "1", "4": "2", "5": "2", "6": None}


def test_parallel_calls_have_one_attempt_each(resolved) -> None:
    calls = resolved(
        {"id": "1", "parent": "9", "at": 0},
        {"id": "2", "parent": "9", "at": 1},
        {"id": "3", "parent": "9", "at": 5, **POST},
        {"id": "4", "parent": "9", "at": 6, **POST},
    )

    assert owners(calls) == {"3": "1", "4": "2"}
    assert calls.calls["attempt_count"].to_list() == [1, 1]


def test_an_attempt_below_an_agent_belongs_to_the_call_beside_it(resolved) -> None:
    calls = resolved(
        {"id": "1", "operation": "invoke_agent", "for_ms": 5000, "input_tokens": 10, "output_tokens": 5},
        {"id": "2", "parent": "1", "at": 0, "input_tokens": 10, "output_tokens": 5},
        {"id": "3", "parent": "1", "at": 5, **POST},
        {"id": "4", "parent": "1", "at": 3000, **POST},
    )

    assert owners(calls) == {"3": "2", "4": None}


def test_an_attempt_of_a_dropped_twin_belongs_to_the_call(resolved) -> None:
    calls = resolved(
        {"id": "1", "scope": "genai", "response_id": "r"},
        {"id": "2", "scope": "inference", "parent": "1", "response_id": "r"},
        {"id": "3", "parent": "2", "at": 5, **POST},
    )

    assert owners(calls) == {"3": "1"}


def test_a_request_without_a_call_is_a_span_that_never_ended(resolved) -> None:
    calls = resolved({"id": "1", "scope": "app"}, {"id": "3", "parent": "lost", "service": "shop", **POST})

    assert owners(calls) == {"3": None}
    assert calls.attempts.select("provider", "service", "attempt_number").row(0) == ("openai", "shop", 1)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"url_path": "/v1/models"}, id="no model endpoint"),
        pytest.param({"url_path": "/v1/messages/count_tokens"}, id="token counting"),
        pytest.param({"server_address": "api.example.org", "url_path": "/messages"}, id="another service"),
        pytest.param({"kind": "server"}, id="our own endpoint"),
        pytest.param({"http_method": None}, id="no HTTP span"),
    ],
)
def test_what_is_no_request_to_a_model_is_no_attempt(resolved, other) -> None:
    assert resolved({"id": "1", **POST, **other}).attempts.is_empty()


def test_a_model_endpoint_on_an_unknown_host_is_an_attempt(resolved) -> None:
    calls = resolved({"id": "1", **POST, "server_address": "llm.example.org"})

    assert calls.attempts["provider"].to_list() == ["unknown"]


def test_the_inner_of_two_nested_http_spans_is_the_same_request(resolved) -> None:
    calls = resolved({"id": "1"}, {"id": "2", "parent": "1", **POST}, {"id": "3", "parent": "2", **POST})

    assert owners(calls) == {"2": "1"}


@pytest.mark.parametrize(
    ("given", "count"),
    [({}, 1), ({"resend_count": 2}, 3), ({"attempt_count": 4}, 4), ({"resend_count": 0}, 1)],
)
def test_attempts_are_what_anybody_counted(resolved, given, count) -> None:
    calls = resolved({"scope": "sdk", "http_method": "POST", **given})

    assert calls.calls.select("attempt_count", "has_http_spans").row(0) == (count, False)
    assert calls.attempts.is_empty()
