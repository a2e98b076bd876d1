from collections.abc import Callable

from pipeline.cause import Evidence
from pipeline.causes.missing_usage import CAUSE

REQUESTS = """
response_id | request_id | input_uncached_tokens | output_tokens
r1          | q1         | 900                   | 50
r2          | q2         | 700                   | 30
r2          | q3         | 700                   | 30
"""


def rows(evidence: Evidence) -> list[tuple[str, str, int]]:
    return sorted(CAUSE.claim(evidence).select("span_id", "token_kind", "claimed_tokens").rows())


def test_a_silent_call_takes_the_tokens_of_its_request(evidence: Callable[..., Evidence]) -> None:
    calls = "call_id | trace_id | span_id | usage_quality | response_id\n1 | t | s | absent | r1"
    assert rows(evidence(calls=calls, requests=REQUESTS)) == [
        ("s", "input_uncached", 900),
        ("s", "output", 50),
    ]


def test_a_placeholder_lacks_only_the_rest(evidence: Callable[..., Evidence]) -> None:
    calls = """
    call_id | trace_id | span_id | usage_quality | request_id | input_uncached_tokens | output_tokens
    1       | t        | s       | placeholder   | q1         | 900                   | 1
    """
    assert rows(evidence(calls=calls, requests=REQUESTS)) == [("s", "output", 49)]


def test_a_call_with_usage_claims_nothing(evidence: Callable[..., Evidence]) -> None:
    calls = "call_id | trace_id | span_id | usage_quality | response_id | output_tokens\n1|t|s|recorded|r1|20"
    assert rows(evidence(calls=calls, requests=REQUESTS)) == []


def test_an_id_of_two_requests_or_of_two_calls_proves_nothing(evidence: Callable[..., Evidence]) -> None:
    calls = """
    call_id | trace_id | span_id | usage_quality | response_id
    1       | t        | s       | absent        | r2
    2       | t        | u       | absent        | r1
    3       | t        | v       | recorded      | r1
    """
    assert rows(evidence(calls=calls, requests=REQUESTS)) == []


def test_an_unbilled_call_lacks_nothing(evidence: Callable[..., Evidence]) -> None:
    calls = "call_id|trace_id|span_id|usage_quality|response_id|not_billed_reason\n1|t|s|absent|r1|status 400"
    assert rows(evidence(calls=calls, requests=REQUESTS)) == []


def test_the_remainder_of_a_run_total_is_claimed_once(evidence: Callable[..., Evidence]) -> None:
    calls = "call_id | trace_id | span_id | usage_quality | response_id\n1 | t | s | absent | r1"
    corrections = """
    step          | token_kind | tokens | reason              | call_id | trace_id | span_id
    missing_usage | output     | 50     | aggregate_remainder | 1       | t        | s
    """
    assert rows(evidence(calls=calls, requests=REQUESTS, corrections=corrections)) == [("s", "output", 50)]
