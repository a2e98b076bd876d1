"""Spans that hold the same tokens twice, and genuine calls that only look like it."""

import pytest


def usage(tokens_in: int, tokens_out: int) -> dict[str, int]:
    return {"input_tokens": tokens_in, "output_tokens": tokens_out}


def reasons(calls, step="duplicate_spans") -> dict[str, int]:
    rows = calls.corrections.filter(calls.corrections["step"] == step)
    return {
        reason: rows.filter(rows["reason"] == reason)["tokens"].sum()
        for reason in sorted(set(rows["reason"].to_list()))
    }


def kept(calls) -> list[tuple[str, int | None, int | None]]:
    rows = calls.calls.select("span_id", "input_uncached_tokens", "output_tokens").rows()
    return [(span.lstrip("0"), tokens_in, tokens_out) for span, tokens_in, tokens_out in rows]


def test_a_span_exported_twice_is_one_call_and_the_fullest_occurrence_is_kept(resolved) -> None:
    calls = resolved({"id": "b", **usage(10, 7)}, {"id": "b", "file_id": "g", **usage(10, 217)})

    assert kept(calls) == [("b", 10, 217)]
    assert calls.traced.height == 2
    assert reasons(calls) == {"span_exported_again": -17}
    assert calls.calls["span_count"].to_list() == [2]


def test_two_spans_with_one_id_in_two_traces_are_two_calls(resolved) -> None:
    calls = resolved({"id": "b", "trace": "a", **usage(10, 5)}, {"id": "b", "trace": "c", **usage(10, 5)})

    assert calls.calls.height == 2
    assert reasons(calls) == {}


def test_an_agent_span_that_repeats_its_calls_at_any_depth_is_dropped(resolved) -> None:
    calls = resolved(
        {"id": "1", "operation": "invoke_agent", **usage(30, 12)},
        {"id": "2", "parent": "1", "scope": "app", "name": "step", "kind": "internal"},
        {"id": "3", "parent": "2", **usage(10, 5)},
        {"id": "4", "parent": "2", "at": 2000, **usage(20, 7)},
    )

    assert kept(calls) == [("3", 10, 5), ("4", 20, 7)]
    assert reasons(calls) == {"aggregate_span": -42}


def test_nested_agents_are_each_dropped_once(resolved) -> None:
    calls = resolved(
        {"id": "1", "operation": "invoke_agent", **usage(10, 5)},
        {"id": "2", "parent": "1", "operation": "invoke_agent", **usage(10, 5)},
        {"id": "3", "parent": "2", **usage(10, 5)},
    )

    assert kept(calls) == [("3", 10, 5)]
    assert reasons(calls) == {"aggregate_span": -30}


def test_an_agent_without_llm_spans_below_is_itself_a_call(resolved) -> None:
    calls = resolved({"id": "1", "operation": "invoke_agent", **usage(30, 12)})

    assert kept(calls) == [("1", 30, 12)]
    assert reasons(calls) == {}


def test_an_agent_without_usage_is_nothing(resolved) -> None:
    calls = resolved({"id": "1", "operation": "invoke_agent"}, {"id": "2", "parent": "1", **usage(10, 5)})

    assert kept(calls) == [("2", 10, 5)]
    assert calls.corrections.is_empty()


def test_a_wrapper_of_the_same_instrumentation_that_sums_its_calls_is_dropped(resolved) -> None:
    calls = resolved(
        {"id": "1", "for_ms": 9000, **usage(30, 12)},
        {"id": "2", "parent": "1", **usage(10, 5)},
        {"id": "3", "parent": "1", "at": 2000, **usage(20, 7)},
    )

    assert kept(calls) == [("2", 10, 5), ("3", 20, 7)]
    assert reasons(calls) == {"repeats_descendants": -42}


def test_a_call_with_a_different_call_below_it_is_kept(resolved) -> None:
    calls = resolved({"id": "1", **usage(30, 12)}, {"id": "2", "parent": "1", **usage(10, 5)})

    assert kept(calls) == [("1", 30, 12), ("2", 10, 5)]
    assert reasons(calls) == {}


def test_what_an_agent_counts_beyond_its_calls_belongs_to_the_one_call_without_usage(resolved) -> None:
    calls = resolved(
        {"id": "1", "operation": "invoke_agent", "for_ms": 9000, **usage(30, 12)},
        {"id": "2", "parent": "1", **usage(10, 5)},
        {"id": "3", "parent": "1", "at": 2000},
    )

    assert kept(calls) == [("2", 10, 5), ("3", None, None)]
    assert reasons(calls) == {"aggregate_span": -42}
    assert reasons(calls, "missing_usage") == {"aggregate_remainder": 27}
    assert set(calls.corrections.filter(calls.corrections["step"] == "missing_usage")["span_id"]) == {
        "3".rjust(16, "0")
    }


def test_two_calls_without_usage_share_no_remainder(resolved) -> None:
    calls = resolved(
        {"id": "1", "operation": "invoke_agent", "for_ms": 9000, **usage(30, 12)},
        {"id": "2", "parent": "1", **usage(10, 5)},
        {"id": "3", "parent": "1", "at": 2000},
        {"id": "4", "parent": "1", "at": 4000},
    )

    assert reasons(calls, "missing_usage") == {}


def test_a_failed_call_takes_no_remainder(resolved) -> None:
    calls = resolved(
        {"id": "1", "operation": "invoke_agent", "for_ms": 9000, **usage(10, 5)},
        {"id": "2", "parent": "1", **usage(10, 5)},
        {"id": "3", "parent": "1", "at": 2000, "status": "error", "error_type": "APITimeoutError"},
    )

    assert reasons(calls, "missing_usage") == {}


@pytest.mark.parametrize("nested", [True, False])
def test_two_instrumentations_with_one_response_id_are_one_call(resolved, nested) -> None:
    calls = resolved(
        {"id": "1", "scope": "genai", "response_id": "r", "parent": "9", **usage(10, 5)},
        {"id": "2", "scope": "openai", "response_id": "r", "parent": "1" if nested else "9", **usage(10, 5)},
    )

    assert kept(calls) == [("1", 10, 5)]
    assert reasons(calls) == {"second_instrumentation": -15}
    assert calls.calls["span_count"].to_list() == [2]


def test_a_shared_stub_id_does_not_merge_the_calls_of_one_instrumentation(resolved) -> None:
    calls = resolved(
        {"id": "1", "response_id": "stub", **usage(10, 5)},
        {"id": "2", "response_id": "stub", "at": 10, **usage(10, 5)},
    )

    assert calls.calls.height == 2


def test_parent_and_child_of_two_scopes_with_one_model_are_one_call(resolved) -> None:
    calls = resolved(
        {"id": "1", "scope": "openai", "response_id": "r", **usage(10, 5)},
        {"id": "2", "scope": "inference", "parent": "1", "at": 1, "for_ms": 900, **usage(10, 5)},
    )

    assert kept(calls) == [("1", 10, 5)]


def test_parent_and_child_with_other_models_are_two_calls(resolved) -> None:
    calls = resolved(
        {"id": "1", "scope": "openai", **usage(100, 50)},
        {"id": "2", "scope": "inference", "parent": "1", "at": 1, "request_model": "gpt-4o", **usage(10, 5)},
    )

    assert calls.calls.height == 2


def test_siblings_that_start_together_with_equal_counts_are_one_call(resolved) -> None:
    calls = resolved(
        {"id": "1", "scope": "openai", "parent": "9", **usage(10, 5)},
        {"id": "2", "scope": "inference", "parent": "9", "at": 20, "for_ms": 980, **usage(10, 5)},
    )

    assert kept(calls) == [("1", 10, 5)]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"at": 51}, id="too late"),
        pytest.param({"output_tokens": 6}, id="other counts"),
        pytest.param({"parent": "8"}, id="other parent"),
        pytest.param({"request_model": "gpt-4o"}, id="other model"),
        pytest.param({"scope": "openai"}, id="same instrumentation"),
    ],
)
def test_siblings_that_differ_are_two_calls(resolved, other) -> None:
    calls = resolved(
        {"id": "1", "scope": "openai", "parent": "9", **usage(10, 5)},
        {"id": "2", "scope": "inference", "parent": "9", **usage(10, 5), **other},
    )

    assert calls.calls.height == 2
    assert reasons(calls) == {}


GRAPH = (
    {"id": "a", "name": "POST /answer", "scope": "app"},
    {"id": "b", "name": "LangGraph", "scope": "chain", "parent": "a", "operation": "chain"},
    {"id": "c", "name": "model", "scope": "chain", "parent": "b", "operation": "chain"},
)
"""LangGraph's steps: the SDK's own span hangs from the request, not from the step."""


def test_a_call_of_a_graphs_step_and_the_sdks_span_outside_it_are_one_call(resolved) -> None:
    calls = resolved(
        *GRAPH,
        {"id": "1", "scope": "openai", "parent": "a", "at": 3, **usage(1300, 54)},
        {"id": "2", "scope": "chain", "parent": "c", **usage(1300, 54)},
    )

    assert calls.calls["span_count"].to_list() == [2]
    assert reasons(calls) == {"second_instrumentation": -1354}


def test_a_failed_call_of_a_graphs_step_and_the_sdks_span_outside_it_are_one_call(resolved) -> None:
    calls = resolved(
        *GRAPH,
        {"id": "1", "scope": "openai", "parent": "a", "at": 3, "for_ms": 994, "status": "error"},
        {"id": "2", "scope": "chain", "parent": "c", "status": "error"},
    )

    assert calls.calls["span_count"].to_list() == [2]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"at": 51}, id="too late"),
        pytest.param({"output_tokens": 55}, id="other counts"),
        pytest.param({"request_model": "gpt-4o"}, id="other model"),
        pytest.param({"parent": "z"}, id="in another branch"),
        pytest.param({"output_tokens": None, "input_tokens": None}, id="without counts"),
    ],
)
def test_a_call_of_a_graphs_step_and_another_outside_it_are_two_calls(resolved, other) -> None:
    calls = resolved(
        *GRAPH,
        {"id": "z", "name": "job", "scope": "app", "parent": "a"},
        {"id": "1", "scope": "openai", "parent": "a", "at": 3, **usage(1300, 54), **other},
        {"id": "2", "scope": "chain", "parent": "c", **usage(1300, 54)},
    )

    assert calls.calls.height == 2


def test_parallel_calls_under_two_instrumentations_pair_one_to_one(resolved) -> None:
    sides = [("1", "openai", 0), ("2", "openai", 3), ("3", "inference", 1), ("4", "inference", 4)]
    calls = resolved(*[{"id": i, "scope": s, "parent": "9", "at": at, **usage(10, 5)} for i, s, at in sides])

    assert kept(calls) == [("1", 10, 5), ("2", 10, 5)]
    assert calls.calls["span_count"].to_list() == [2, 2]


def test_a_burst_of_equal_calls_at_one_instant_pairs_completely(resolved) -> None:
    rows = [{"scope": scope, "parent": "p", **usage(10, 5)} for scope in ("openai", "inference")] * 30
    calls = resolved(*[{"id": f"{(i * 37) % 60}", **row} for i, row in enumerate(rows)])

    assert calls.calls.height == 30
    assert set(calls.calls["span_count"]) == {2}


def test_a_hundred_nested_agents_report_on_the_one_call_below(resolved) -> None:
    agents = [
        {"id": f"{i}", "parent": f"{i - 1}" if i else None, "operation": "invoke_agent", **usage(10, 5)}
        for i in range(100)
    ]
    calls = resolved(*agents, {"id": "c", "parent": "99", **usage(10, 5)})

    assert kept(calls) == [("c", 10, 5)]
    assert reasons(calls) == {"aggregate_span": -1500}


def test_counts_pair_before_times(resolved) -> None:
    calls = resolved(
        {"id": "1", "scope": "openai", "parent": "9", "at": 0, **usage(10, 5)},
        {"id": "2", "scope": "openai", "parent": "9", "at": 2, **usage(20, 9)},
        {"id": "3", "scope": "inference", "parent": "9", "at": 1, **usage(20, 9)},
        {"id": "4", "scope": "inference", "parent": "9", "at": 3, **usage(10, 5)},
    )

    assert kept(calls) == [("1", 10, 5), ("2", 20, 9)]


def test_a_false_zero_beside_the_sdks_own_span_leaves_the_usage_of_the_sdk(resolved) -> None:
    shared = {"parent": "9", "provider_logged": "anthropic", "request_model": "claude-sonnet-4-5"}
    calls = resolved(
        {"id": "1", "scope": "anthropic", "status": "ok", **shared, **usage(0, 0)},
        {"id": "2", "scope": "sdk", "response_id": "msg_1", **shared, **usage(1167, 187)},
    )

    assert kept(calls) == [("2", 1167, 187)]
    assert calls.calls["usage_quality"].to_list() == ["recorded"]
    assert calls.traced.height == 1


def test_the_twin_with_usage_is_kept_and_takes_what_it_lacks(resolved) -> None:
    calls = resolved(
        {"id": "1", "scope": "genai", "parent": "9", "response_id": "r", "conversation_id": "c"},
        {"id": "2", "scope": "inference", "parent": "9", **usage(10, 5)},
    )

    assert kept(calls) == [("2", 10, 5)]
    assert calls.calls.select("response_id", "conversation_id").rows() == [("r", "c")]


@pytest.mark.parametrize("link", [{"parent": "1"}, {"request_id": "req"}])
def test_the_providers_own_span_is_a_copy_of_the_clients(resolved, link) -> None:
    calls = resolved(
        {"id": "1", "scope": "sdk", "request_id": "req", **usage(10, 5)},
        {"id": "2", "trace": "a" if "parent" in link else "b", "scope": "platform", "kind": "server"}
        | {"service": "claude-platform", **link, **usage(10, 5)},
    )

    assert kept(calls) == [("1", 10, 5)]
    assert reasons(calls) == {"server_span": -15}


def test_the_providers_span_alone_is_the_call(resolved) -> None:
    calls = resolved({"id": "2", "scope": "platform", "kind": "server", **usage(10, 5)})

    assert kept(calls) == [("2", 10, 5)]


def test_the_providers_span_with_the_only_usage_keeps_the_clients_service(resolved) -> None:
    calls = resolved(
        {"id": "1", "scope": "sdk"},
        {"id": "2", "scope": "platform", "kind": "server", "parent": "1", "service": "claude-platform"}
        | usage(10, 5),
    )

    assert kept(calls) == [("2", 10, 5)]
    assert calls.calls["service"].to_list() == ["shop"]


def test_a_ring_of_parents_loses_nothing(resolved) -> None:
    calls = resolved(
        {"id": "1", "parent": "2", **usage(10, 5)}, {"id": "2", "parent": "1", "at": 2000, **usage(20, 7)}
    )

    assert kept(calls) == [("1", 10, 5), ("2", 20, 7)]


def test_the_order_of_rows_changes_nothing(spans, resolved) -> None:
    rows = [
        {"id": "1", "operation": "invoke_agent", "for_ms": 9000, **usage(30, 12)},
        {"id": "2", "scope": "openai", "parent": "1", **usage(10, 5)},
        {"id": "3", "scope": "inference", "parent": "1", **usage(10, 5)},
        {"id": "4", "parent": "1", "at": 2000, **usage(20, 7)},
        {"id": "4", "parent": "1", "at": 2000, "file_id": "g", **usage(20, 7)},
    ]
    forward = resolved(*[{**row, "line": i} for i, row in enumerate(rows)])
    backward = resolved(*[{**row, "line": i} for i, row in reversed(list(enumerate(rows)))])

    assert all(a.equals(b) for a, b in zip(forward, backward, strict=True))


def test_no_spans_are_no_calls(resolved) -> None:
    assert [frame.height for frame in resolved()] == [0] * 6
