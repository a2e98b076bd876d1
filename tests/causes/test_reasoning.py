from collections.abc import Callable

import pytest

from pipeline.cause import Evidence
from pipeline.causes.reasoning import CAUSE

HEADER = "call_id|span_id|fate|usage_quality|dialect|model|request_model|is_stream|operation|output_tokens|reasoning_tokens\n"


def test_openllmetry_leaves_the_thoughts_of_gemini_out(evidence: Callable[..., Evidence]) -> None:
    calls = HEADER + "1|s|agrees|recorded|openllmetry_google|g|gemini-2.5-pro|null|chat|200|null"
    claim = CAUSE.claim(evidence(calls=calls)).row(0, named=True)
    assert (claim["token_kind"], claim["full_tokens"]) == ("output", 200)
    assert claim["rate"] == "reasoning/openllmetry_google/g"
    assert (claim["rate_prior"], claim["claimed_tokens"]) == (2.5, 500)
    assert claim["tokens_low"] == 0


def test_siblings_that_record_thoughts_tell_how_many_there_are(evidence: Callable[..., Evidence]) -> None:
    # 90 calls of 600 thoughts to 100 visible tokens: a ratio of 6 against the registry's 2.5, at 90 to 10
    siblings = "\n".join(
        f"b{i}|b{i}|agrees|recorded|otel_google|g|gemini-2.5-pro|null|chat|700|600" for i in range(90)
    )
    calls = f"{HEADER}1|s|agrees|recorded|openllmetry_google|g|gemini-2.5-pro|null|chat|200|null\n{siblings}"
    claims = CAUSE.claim(evidence(calls=calls))
    assert claims["span_id"].to_list() == ["s"]
    assert claims["rate_prior"][0] == pytest.approx(0.9 * 6 + 0.1 * 2.5)
    assert claims["rate_error"][0] < 1.5


def test_a_model_that_does_not_think_lacks_nothing(evidence: Callable[..., Evidence]) -> None:
    calls = f"""{HEADER}1|s|agrees|recorded|openllmetry_google|g|gemini-1.5-pro|null|chat|200|null
    2|u|tokenizer_mismatch|estimated|litellm|g4|gpt-4.1|true|chat|200|null"""
    assert CAUSE.claim(evidence(calls=calls)).is_empty()


def test_an_estimate_of_a_thinking_model_counts_the_visible_answer(evidence: Callable[..., Evidence]) -> None:
    calls = HEADER + "1|s|tokenizer_mismatch|estimated|litellm|m|gpt-5-mini|true|chat|80|null"
    claim = CAUSE.claim(evidence(calls=calls)).row(0, named=True)
    assert (claim["rate"], claim["claimed_tokens"]) == ("reasoning/litellm/m", 200)


def test_a_stream_without_the_thoughts_that_its_siblings_have_is_suspected(
    evidence: Callable[..., Evidence],
) -> None:
    stream = "agrees|recorded|litellm|m|gpt-5-mini|true|chat"
    calls = f"{HEADER}1|s|{stream}|80|null\n2|u|{stream}|480|400\n3|v|{stream}|480|400"
    claims = CAUSE.claim(evidence(calls=calls))
    assert claims["span_id"].to_list() == ["s"]
    assert claims["rate"].to_list() == ["estimate/reasoning/litellm/m/suspected/chat"]


def test_recorded_thoughts_are_never_claimed_again(evidence: Callable[..., Evidence]) -> None:
    calls = HEADER + "1|s|agrees|recorded|openllmetry_google|g|gemini-2.5-pro|null|chat|900|700"
    assert CAUSE.claim(evidence(calls=calls)).is_empty()
