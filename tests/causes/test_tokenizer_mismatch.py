from collections.abc import Callable

import pytest

from pipeline.cause import Evidence
from pipeline.causes.tokenizer_mismatch import CAUSE

ESTIMATE = """
call_id|trace_id|span_id|fate|usage_quality|dialect|request_model|operation|is_stream|input_uncached_tokens|output_tokens
"""
MARKED = "tokenizer_mismatch|estimated|litellm"


def rows(evidence: Evidence) -> list[tuple[str | None, str, int]]:
    found = CAUSE.claim(evidence).select("span_id", "token_kind", "claimed_tokens")
    return sorted(found.rows(), key=str)


def test_an_estimate_of_a_newer_claude_is_short_by_about_two_fifths(
    evidence: Callable[..., Evidence],
) -> None:
    calls = f"{ESTIMATE}1|t|s|{MARKED}|claude-opus-4-7|chat|true|1000|100"
    claims = CAUSE.claim(evidence(calls=calls))
    told = claims.select("token_kind", "full_tokens", "rate").sort("token_kind").rows()
    assert told == [
        ("input_uncached", 1000, "ratio/litellm/claude_4_7/input"),
        ("output", 100, "ratio/litellm/claude_4_7/output"),
    ]
    given = claims.sort("token_kind").row(0, named=True)
    assert 300 < given["claimed_tokens"] < 600
    assert given["tokens_low"] <= 0
    assert set(claims["basis"]) == {"estimated"}
    assert not claims["is_chance"].any()


def test_an_estimate_of_an_open_vocabulary_lacks_tools_at_most(evidence: Callable[..., Evidence]) -> None:
    calls = f"{ESTIMATE}1|t|s|{MARKED}|gpt-4.1|chat|true|1000|100"
    claims = CAUSE.claim(evidence(calls=calls))
    assert all(0 <= rate < 0.1 for rate in claims["rate_prior"])


def test_text_on_the_span_is_recounted_with_template_and_tools(evidence: Callable[..., Evidence]) -> None:
    # OpenAI's template: 3 a request, 4 a message; what 10 and 7 tokens of text need on the bill: 10 + 3 + 8
    calls = """
    call_id | span_id | fate               | usage_quality | dialect | request_model | operation | input_uncached_tokens | output_tokens | counted_input_tokens | counted_messages | counted_output_tokens | text_class
    1       | s       | tokenizer_mismatch | estimated     | litellm | gpt-4.1       | chat      | 12                    | 5             | 10                   | 2                | 7                     | prose
    """
    claims = CAUSE.claim(evidence(calls=calls)).sort("token_kind")
    assert claims.select("token_kind", "claimed_tokens", "rate").rows() == [
        ("input_uncached", 9, None),
        ("output", 3, None),
    ]
    assert all(claims["variance"] > 0)


def test_a_stream_like_all_others_is_claimed_by_chance_and_named_by_nobody(
    evidence: Callable[..., Evidence],
) -> None:
    stream = "agrees|recorded|litellm|claude-opus-4-7|chat|true"
    calls = f"{ESTIMATE}1|t|s|{stream}|1000|100\n2|t|u|{stream}|3000|200"
    claims = CAUSE.claim(evidence(calls=calls)).sort("token_kind")
    assert claims.select("span_id", "full_tokens", "evidence_count", "rate").rows() == [
        (None, 4000, 2, "estimate/ratio/litellm/claude_4_7/input/mixed/chat"),
        (None, 300, 2, "estimate/ratio/litellm/claude_4_7/output/mixed/chat"),
    ]
    assert all(0 < rate < 0.1 for rate in claims["rate_prior"])


def test_a_stream_with_cached_tokens_was_counted_by_the_provider(evidence: Callable[..., Evidence]) -> None:
    calls = """
    call_id | span_id | fate   | dialect | request_model   | is_stream | input_uncached_tokens | output_tokens | cache_read_tokens
    1       | s       | agrees | litellm | claude-opus-4-7 | true      | 1000                  | 100           | 500
    """
    assert rows(evidence(calls=calls)) == []


@pytest.mark.parametrize(
    ("model", "made", "expected"),
    [
        pytest.param("claude-opus-4-7", 100, ["input_uncached", "output"], id="only a client counts so"),
        pytest.param("claude-opus-4-7", 140, [], id="the provider counted"),
        pytest.param("gpt-4.1", 100, [], id="the provider counts the same"),
    ],
)
def test_a_finished_stream_is_an_estimate_when_its_text_counts_the_same_here(
    evidence: Callable[..., Evidence], model: str, made: int, expected: list[str]
) -> None:
    calls = f"""
    call_id | span_id | fate   | dialect | request_model | is_stream | operation | input_uncached_tokens | output_tokens | counted_input_tokens | counted_messages | counted_output_tokens | text_class
    1       | s       | agrees | litellm | {model}       | true      | chat      | 1000                  | {made}        | 990                  | 2                | 100                   | prose
    """
    assert sorted(kind for _, kind, _ in rows(evidence(calls=calls))) == expected


def test_other_dialects_and_unbilled_calls_are_left_alone(evidence: Callable[..., Evidence]) -> None:
    calls = f"{ESTIMATE}1|t|s|agrees|recorded|otel_genai_openai|gpt-4.1|chat|true|1000|100"
    assert rows(evidence(calls=calls)) == []
    unbilled = """
    call_id | span_id | fate       | usage_quality | dialect | request_model | input_uncached_tokens | not_billed_reason
    1       | s       | not_billed | estimated     | litellm | gpt-4.1       | 1000                  | cache hit
    """
    assert rows(evidence(calls=unbilled)) == []
