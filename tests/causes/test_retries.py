from collections.abc import Callable

import polars as pl

from pipeline.cause import Evidence
from pipeline.causes.retries import CAUSE

RULES = """
    provider  | failure_mode | billed | low | high | error | output
    *         | timeout      | 0.5    | 0.1 | 0.9  | 0.3   | all
    anthropic | timeout      | 0.8    | 0.2 | 0.9  | 0.1   | all
    anthropic | rate_limited | 0.0    | 0.0 | 0.0  | 0.0   | none
    anthropic | server_error | 0.1    | 0.0 | 0.5  | 0.1   | none
    anthropic | broken       | 0.7    | 0.1 | 0.9  | 0.2   | streamed
"""


def test_an_attempt_is_claimed_by_the_chance_that_its_provider_bills_it(
    evidence: Callable[..., Evidence], tokens: Callable[[pl.DataFrame], dict[str, int]]
) -> None:
    found = CAUSE.claim(
        evidence(
            attempts="""
            item | failure | whole_input_uncached | whole_cache_read | whole_output
            a    | timeout | 1000                 | 500              | 200
            """,
            rules=RULES,
        )
    )
    assert tokens(found) == {"cache_read": 400, "input_uncached": 800, "output": 160}
    assert set(found["rate"]) == {"billed/anthropic/timeout"}
    assert found["item"].n_unique() == 1
    assert found["requests"].sum() == 1


def test_a_provider_without_a_rule_has_the_general_one(
    evidence: Callable[..., Evidence], tokens: Callable[[pl.DataFrame], dict[str, int]]
) -> None:
    found = CAUSE.claim(
        evidence(
            attempts="""
            provider | item | failure | whole_input_uncached
            acme_ai  | a    | timeout | 1000
            """,
            rules=RULES,
        )
    )
    assert tokens(found) == {"input_uncached": 500}


def test_what_is_never_billed_is_not_claimed(evidence: Callable[..., Evidence]) -> None:
    found = CAUSE.claim(
        evidence(
            attempts="""
            item | failure      | whole_input_uncached
            a    | rate_limited | 1000
            """,
            rules=RULES,
        )
    )
    assert found.is_empty()


def test_no_output_is_claimed_where_the_rule_says_that_none_was_made(
    evidence: Callable[..., Evidence], tokens: Callable[[pl.DataFrame], dict[str, int]]
) -> None:
    found = CAUSE.claim(
        evidence(
            attempts="""
            item | failure      | whole_input_uncached | whole_output
            a    | server_error | 1000                 | 200
            """,
            rules=RULES,
        )
    )
    assert tokens(found) == {"input_uncached": 100}


def test_an_attempt_of_a_sampled_service_stands_for_those_that_were_not_kept(
    evidence: Callable[..., Evidence], tokens: Callable[[pl.DataFrame], dict[str, int]]
) -> None:
    found = CAUSE.claim(
        evidence(
            attempts="""
            item | failure | kept_share | whole_input_uncached
            a    | timeout | 0.1        | 1000
            """,
            rules=RULES,
        )
    )
    assert tokens(found) == {"input_uncached": 8000}
    assert found["requests"].sum() == 10


def test_a_broken_stream_is_claimed_for_what_its_span_did_not_record(
    evidence: Callable[..., Evidence], tokens: Callable[[pl.DataFrame], dict[str, int]]
) -> None:
    found = CAUSE.claim(
        evidence(
            calls="""
            call_id | fate    | failure | input_uncached_tokens | output_tokens | whole_input_uncached | whole_output
            1       | retries | broken  | 1000                  | 4             | 1000                 | 104
            2       | retries | timeout | null                  | null          | 1000                 | 104
            """,
            rules=RULES,
        )
    )
    assert tokens(found) == {"output": 70}


def test_the_kinds_of_a_known_input_may_be_others_than_expected(evidence: Callable[..., Evidence]) -> None:
    found = CAUSE.claim(
        evidence(
            attempts="""
            item | failure | whole_input_uncached | whole_cache_read | whole_output | whole_input_error
            a    | timeout | 600                  | 400              | 200          | 0
            """,
            rules=RULES,
        )
    )
    high = dict(found.select("token_kind", "tokens_high").iter_rows())
    assert high["cache_read"] >= 600
    assert high["output"] == 200
