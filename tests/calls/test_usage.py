"""Counts as logged -> leaves: the sums are written by hand from the convention of each dialect."""

import pytest

from schemas.types import KIND_COLUMNS

LEAVES = [name.removesuffix("_tokens") for name in KIND_COLUMNS]


def leaves(calls) -> dict[str, int]:
    row = calls.calls.row(0, named=True)
    return {kind: row[f"{kind}_tokens"] for kind in LEAVES if row[f"{kind}_tokens"] is not None}


def quality(calls) -> str:
    return calls.calls["usage_quality"][0]


def test_cached_input_is_taken_out_of_an_inclusive_count(resolved) -> None:
    calls = resolved({"scope": "openai", "input_tokens": 100, "output_tokens": 20, "cache_read_tokens": 64})

    assert leaves(calls) == {"input_uncached": 36, "cache_read": 64, "output": 20}
    assert quality(calls) == "recorded"
    assert calls.calls["cache_breakdown"][0] == "read_only"


def test_an_exclusive_count_stays_as_it_is(resolved) -> None:
    calls = resolved(
        {"scope": "bedrock", "input_tokens": 4, "output_tokens": 50, "cache_read_tokens": 18000}
        | {"cache_write_tokens": 131, "total_tokens": 54}
    )

    assert leaves(calls) == {
        "input_uncached": 4,
        "cache_read": 18000,
        "cache_write_other": 131,
        "output": 50,
    }
    assert calls.calls["cache_breakdown"][0] == "lumped_writes"


def test_claude_code_is_known_by_its_span_names_and_leaves_cached_input_out(resolved) -> None:
    calls = resolved(
        {"scope": "none", "name": "claude_code.llm_request", "operation": None, "input_tokens": 2}
        | {"output_tokens": 1200, "cache_read_tokens": 84562, "cache_write_tokens": 7096}
    )

    assert calls.calls["dialect"][0] == "claude_code"
    assert leaves(calls)["input_uncached"] == 2


def test_writes_are_split_by_lifetime_when_the_split_adds_up(resolved) -> None:
    counts = {"input_tokens": 1000, "output_tokens": 9, "cache_read_tokens": 100, "cache_write_tokens": 300}
    calls = resolved({"scope": "sdk", **counts, "cache_write_5m_tokens": 250, "cache_write_1h_tokens": 50})

    assert leaves(calls) == {
        "input_uncached": 600,
        "cache_read": 100,
        "cache_write_5m": 250,
        "cache_write_1h": 50,
        "output": 9,
    }
    assert calls.calls["cache_breakdown"][0] == "full"


def test_a_split_that_does_not_add_up_is_not_used(resolved) -> None:
    counts = {"input_tokens": 1000, "output_tokens": 9, "cache_write_tokens": 300}
    calls = resolved({"scope": "sdk", **counts, "cache_write_5m_tokens": 250, "cache_write_1h_tokens": 0})

    assert leaves(calls) == {"input_uncached": 700, "cache_write_other": 300, "output": 9}
    assert calls.calls["cache_breakdown"][0] == "lumped_writes"


def test_the_total_shows_that_an_inclusive_dialect_left_cached_input_out(resolved) -> None:
    counts = {"input_tokens": 10, "output_tokens": 5, "cache_read_tokens": 90, "total_tokens": 105}
    calls = resolved({"scope": "genai", **counts})

    assert leaves(calls) == {"input_uncached": 10, "cache_read": 90, "output": 5}


def test_cached_input_above_the_input_is_a_contradiction_and_the_rest_unknown(resolved) -> None:
    calls = resolved({"scope": "genai", "input_tokens": 10, "output_tokens": 5, "cache_read_tokens": 90})

    assert leaves(calls) == {"cache_read": 90, "output": 5}
    assert quality(calls) == "partial"
    correction = calls.corrections.row(0, named=True)
    assert (correction["step"], correction["tokens"]) == ("cache_convention", 0)
    assert correction["reason"] == "cached_exceeds_input"


def test_an_unknown_instrumentation_that_logs_little_input_leaves_cached_input_out(resolved) -> None:
    counts = {"input_tokens": 10, "output_tokens": 5, "cache_read_tokens": 90}
    calls = resolved({"scope": "none", "scope_name": "acme.llm", **counts})

    assert calls.calls["dialect"][0] == "generic_genai"
    assert leaves(calls) == {"input_uncached": 10, "cache_read": 90, "output": 5}


def test_audio_leaves_input_and_output(resolved) -> None:
    counts = {"input_tokens": 100, "output_tokens": 40, "input_audio_tokens": 30, "output_audio_tokens": 25}
    calls = resolved({"scope": "inference", **counts})

    assert leaves(calls) == {"input_uncached": 70, "output": 15, "input_audio": 30, "output_audio": 25}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"input_tokens": 100, "total_tokens": 120}, {"input_uncached": 100, "output": 20}),
        ({"output_tokens": 20, "total_tokens": 120}, {"input_uncached": 100, "output": 20}),
        ({"input_tokens": 100, "total_tokens": 90}, {"input_uncached": 100}),
    ],
)
def test_the_total_stands_in_for_a_missing_side(resolved, given, expected) -> None:
    assert leaves(resolved({"scope": "genai", **given})) == expected


def test_embeddings_have_no_output(resolved) -> None:
    calls = resolved({"scope": "openai", "operation": "embeddings", "input_tokens": 8})

    assert leaves(calls) == {"input_uncached": 8}
    assert quality(calls) == "recorded"


def test_reasoning_is_a_memo_inside_the_output(resolved) -> None:
    calls = resolved({"input_tokens": 8, "output_tokens": 900, "reasoning_tokens": 800})

    assert leaves(calls)["output"] == 900
    assert calls.calls["reasoning_tokens"][0] == 800


def test_a_negative_count_is_no_count(resolved) -> None:
    assert leaves(resolved({"input_tokens": -1, "output_tokens": 5})) == {"output": 5}


@pytest.mark.parametrize("scope", ["v2", "anthropic"])
def test_a_false_zero_is_unknown(resolved, scope) -> None:
    calls = resolved({"scope": scope, "input_tokens": 0, "output_tokens": 0, "finish_reasons": ""})

    assert leaves(calls) == {}
    assert quality(calls) == "false_zero"
    assert calls.traced.is_empty()


def test_a_zero_of_an_instrumentation_without_that_fault_is_a_zero(resolved) -> None:
    calls = resolved({"scope": "genai", "input_tokens": 0, "output_tokens": 0})

    assert leaves(calls) == {"input_uncached": 0, "output": 0}


def test_a_finished_answer_of_zero_tokens_is_believed(resolved) -> None:
    calls = resolved(
        {"scope": "v2", "input_tokens": 0, "output_tokens": 0, "finish_reasons": "stop", "response_id": "r"}
    )

    assert quality(calls) == "recorded"


def test_zeros_of_a_failed_call_are_absent(resolved) -> None:
    calls = resolved({"scope": "genai", "input_tokens": 0, "output_tokens": 0, "status": "error"})

    assert quality(calls) == "absent"


def test_the_placeholder_of_a_cut_stream_is_kept_and_marked(resolved) -> None:
    cut = {"scope": "none", "scope_name": "openinference.instrumentation.anthropic", "input_tokens": 500}
    calls = resolved({**cut, "output_tokens": 3})

    assert leaves(calls) == {"input_uncached": 500, "output": 3}
    assert quality(calls) == "placeholder"


@pytest.mark.parametrize("finished", [{"output_tokens": 9}, {"output_tokens": 3, "finish_reasons": "stop"}])
def test_a_short_finished_answer_is_no_placeholder(resolved, finished) -> None:
    cut = {"scope": "none", "scope_name": "openinference.instrumentation.anthropic", "input_tokens": 500}

    assert quality(resolved({**cut, "response_id": "r", **finished})) == "recorded"


def test_counts_of_cohere_through_botocore_are_estimates(resolved) -> None:
    scope = {"scope": "none", "scope_name": "opentelemetry.instrumentation.botocore.bedrock-runtime"}
    calls = resolved(
        {**scope, "request_model": "cohere.command-r-v1:0", "input_tokens": 12, "output_tokens": 4}
    )

    assert quality(calls) == "estimated"


def test_litellm_streams_without_a_finish_reason_are_estimates(resolved) -> None:
    stream = {"scope": "none", "scope_name": "litellm", "name": "litellm_request", "is_stream": True}
    calls = resolved({**stream, "input_tokens": 12, "output_tokens": 4})

    assert quality(calls) == "estimated"


def test_a_stream_without_output_is_partial(resolved) -> None:
    assert quality(resolved({"scope": "sdk", "input_tokens": 500})) == "partial"


def test_a_call_without_counts_is_absent_and_still_a_call(resolved) -> None:
    calls = resolved({"scope": "openai"})

    assert quality(calls) == "absent"
    assert calls.calls.height == 1
