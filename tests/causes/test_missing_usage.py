"""What comes from a request log is in test_facts.py."""

from collections.abc import Callable

from pipeline.cause import Evidence
from pipeline.causes.missing_usage import CAUSE


def rows(evidence: Evidence) -> list[tuple[str, str, int]]:
    claims = CAUSE.claim(evidence).select("span_id", "token_kind", "claimed_tokens")
    return sorted(row for row in claims.rows() if row[2])


def test_a_silent_call_is_claimed_in_its_expected_size(evidence: Callable[..., Evidence]) -> None:
    calls = "call_id|trace_id|span_id|fate|usage_quality|whole_output\n1|t|s|missing_usage|absent|70"
    assert rows(evidence(calls=calls)) == [("s", "output", 70)]


def test_a_call_that_a_log_tells_of_is_not_guessed_at(evidence: Callable[..., Evidence]) -> None:
    calls = """
    call_id | trace_id | span_id | fate          | usage_quality | whole_output | is_matched
    1       | t        | s       | missing_usage | absent        | 70           | true
    """
    assert rows(evidence(calls=calls)) == []


def test_the_remainder_of_a_run_total_is_claimed_once(evidence: Callable[..., Evidence]) -> None:
    calls = "call_id|trace_id|span_id|fate|usage_quality|whole_output\n1|t|s|missing_usage|absent|70"
    corrections = """
    step          | token_kind | tokens | reason              | call_id | trace_id | span_id
    missing_usage | output     | 50     | aggregate_remainder | 1       | t        | s
    """
    assert rows(evidence(calls=calls, corrections=corrections)) == [("s", "output", 50)]
