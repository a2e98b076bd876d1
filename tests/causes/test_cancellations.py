from collections.abc import Callable
from dataclasses import replace

import polars as pl

from pipeline.cause import Evidence
from pipeline.causes.cancellations import CAUSE
from pipeline.causes.missing_usage import CAUSE as MISSING

RULES = """
    provider   | failure_mode    | billed | low | high | error | output
    *          | cancelled       | 0.8    | 0.1 | 0.9  | 0.3   | streamed
    anthropic  | cancelled       | 0.9    | 0.1 | 0.99 | 0.1   | streamed
    anthropic  | cancelled_unary | 0.5    | 0.1 | 0.9  | 0.1   | all
    anthropic  | timeout         | 0.9    | 0.2 | 0.99 | 0.1   | all
    mistral_ai | cancelled       | 0.9    | 0.1 | 0.99 | 0.1   | all
"""
CALLS = """
    call_id | provider   | is_stream | usage_quality | input_uncached_tokens | output_tokens | whole_input_uncached | whole_output | made_output
    {}
"""


def test_a_closed_stream_is_billed_for_what_was_made_until_then(
    evidence: Callable[..., Evidence], tokens: Callable[[pl.DataFrame], dict[str, int]]
) -> None:
    found = CAUSE.claim(_given_up(evidence, "1 | anthropic | true | absent | null | null | 1000 | 500 | 100"))
    assert tokens(found) == {"input_uncached": 900, "output": 90}


def test_a_provider_that_goes_on_bills_the_whole_answer(
    evidence: Callable[..., Evidence], tokens: Callable[[pl.DataFrame], dict[str, int]]
) -> None:
    found = CAUSE.claim(
        _given_up(evidence, "1 | mistral_ai | true | absent | null | null | 1000 | 500 | 100")
    )
    assert tokens(found) == {"input_uncached": 900, "output": 450}


def test_what_the_span_recorded_is_not_claimed_again(
    evidence: Callable[..., Evidence], tokens: Callable[[pl.DataFrame], dict[str, int]]
) -> None:
    row = "1 | anthropic | true | placeholder | 1000 | 4 | 1000 | 500 | 104"
    assert tokens(CAUSE.claim(_given_up(evidence, row))) == {"output": 90}


def test_a_call_that_did_not_stream_has_a_rule_of_its_own(
    evidence: Callable[..., Evidence], tokens: Callable[[pl.DataFrame], dict[str, int]]
) -> None:
    found = CAUSE.claim(
        _given_up(evidence, "1 | anthropic | false | absent | null | null | 1000 | 500 | 100")
    )
    assert tokens(found) == {"input_uncached": 500, "output": 250}


def test_a_stream_of_which_nothing_tells_is_shared_with_missing_usage(
    evidence: Callable[..., Evidence], tokens: Callable[[pl.DataFrame], dict[str, int]]
) -> None:
    given = evidence(
        calls="""
        call_id | fate          | is_doubtful | given_up | failure   | usage_quality | whole_input_uncached | whole_output
        1       | missing_usage | true        | 0.6      | cancelled | absent        | 1000                 | 500
        """,
        rules=RULES,
    )
    # Given up with a chance of 0.6, and then billed with one of 0.9; else completed.
    assert tokens(CAUSE.claim(given))["input_uncached"] == 540
    assert tokens(MISSING.claim(given)) == {"input_uncached": 400, "output": 200}


def test_a_call_without_a_span_whose_request_was_cancelled_is_a_cancellation(
    evidence: Callable[..., Evidence], tokens: Callable[[pl.DataFrame], dict[str, int]]
) -> None:
    given = evidence(
        silences="""
        span_id | error_type             | has_http_span | has_http_elsewhere | expected_calls | whole_input_uncached
        a       | asyncio.CancelledError | true          | true               | 1.0            | 1000
        """,
        rules=RULES,
    )
    assert tokens(CAUSE.claim(given)) == {"input_uncached": 900}
    assert MISSING.claim(given).is_empty()


def test_a_call_of_which_nothing_at_all_is_seen_is_shared_by_the_same_chance(
    evidence: Callable[..., Evidence], tokens: Callable[[pl.DataFrame], dict[str, int]]
) -> None:
    given = evidence(
        silences="""
        span_id | has_http_span | has_http_elsewhere | expected_calls | given_up | whole_input_uncached
        a       | false         | false              | 0.5            | 0.8      | 1000
        """,
        rules=RULES,
    )
    # Half of a call is expected here: 0.5 * 0.8 given up and billed by 0.9, 0.5 * 0.2 completed.
    assert tokens(CAUSE.claim(given)) == {"input_uncached": 360}
    assert tokens(MISSING.claim(given)) == {"input_uncached": 100}


def test_a_call_whose_requests_should_have_been_seen_was_lost(
    evidence: Callable[..., Evidence], tokens: Callable[[pl.DataFrame], dict[str, int]]
) -> None:
    given = evidence(
        silences="""
        span_id | has_http_span | has_http_elsewhere | expected_calls | whole_input_uncached
        a       | false         | true               | 0.5            | 1000
        """,
        rules=RULES,
    )
    assert CAUSE.claim(given).is_empty()
    assert tokens(MISSING.claim(given)) == {"input_uncached": 500}


def _given_up(evidence: Callable[..., Evidence], row: str) -> Evidence:
    found = evidence(calls=CALLS.format(row), rules=RULES)
    told = found.calls.with_columns(fate=pl.lit("cancellations"), failure=pl.lit("cancelled"))
    return replace(found, calls=told)
