"""What holds for every registered cause; a new one is under law the moment it is registered."""

from collections.abc import Callable

import polars as pl
import pytest

from pipeline.cause import CLAIM_SCHEMA, Cause, Evidence
from pipeline.causes import CAUSES
from schemas.types import BASES, STEPS

each = pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.code)


@each
def test_a_cause_is_a_step_of_the_bridge(cause: Cause) -> None:
    assert cause.code in STEPS


@each
def test_a_cause_speaks_to_people(cause: Cause) -> None:
    assert cause.title
    assert cause.sentence.endswith(".")
    assert cause.advice.endswith(".")


@each
def test_nothing_gives_no_claims(cause: Cause, evidence: Callable[..., Evidence]) -> None:
    claims = cause.claim(evidence())
    assert claims.schema == CLAIM_SCHEMA
    assert claims.is_empty()


@each
def test_ordinary_traffic_gives_no_claims(cause: Cause, evidence: Callable[..., Evidence]) -> None:
    ordinary = evidence(
        calls="""
        call_id | trace_id | span_id | input_uncached_tokens | cache_read_tokens | output_tokens
        1       | t        | s       | 900                   | 100               | 50
        """,
        metered="""
        token_kind     | tokens
        input_uncached | 900
        cache_read     | 100
        output         | 50
        """,
    )
    assert cause.claim(ordinary).is_empty()


@each
def test_claims_are_within_their_own_bounds_and_words(
    cause: Cause, evidence: Callable[..., Evidence]
) -> None:
    busy = evidence(
        calls="""
        call_id | span_id | fate          | whole_output | input_uncached_tokens | cache_write_other_tokens | cache_breakdown | compaction_output_tokens | dialect | request_model | output_tokens | usage_quality | kept_share | ended_at
        1       | s       | agrees        | 0            | 900                   | 77                       | lumped_writes   | 4    |                    |                | null | recorded | 1.0 | null
        2       | u       | agrees        | 0            | 700                   | null                     | none            | null |                    |                | null | recorded | 1.0 | null
        3       | v       | missing_usage | 50           | null                  | null                     | full            | null |                    |                | null | absent | 1.0 | null
        4       | w       | cancellations | 60           | null                  | null                     | full            | null |                    |                | null | absent | 1.0 | null
        5       | x       | agrees        | 0            | null                  | null                     | full            | null | openllmetry_google | gemini-2.5-pro | 80 | recorded | 1.0 | null
        6       | y       | tokenizer_mismatch | 0            | null                  | null                     | full            | null | litellm            | gpt-4.1        | 80 | estimated | 1.0 | null
        7       | z       | agrees        | 0            | 900                   | null                     | full            | null |                    |                | 80 | recorded | 0.1 | 2026-10-31T23:59:00
        """,
        attempts="""
        item | failure | whole_input_uncached | reason
        a    | timeout | 900                  | why
        """,
        rules="""
        provider | failure_mode | billed
        *        | timeout      | 0.5
        *        | completed    | 0.9
        """,
        corrections="""
        step            | token_kind | tokens | reason | call_id | trace_id | span_id
        duplicate_spans | output     | -50    | why    | 1       | t        | s
        not_billed      | output     | -5     | why    | 2       | t        | u
        missing_usage   | output     | 5      | why    | 3       | t        | v
        """,
        metered="""
        model | token_kind     | tokens
        m     | input_uncached | 1500
        m     | cache_read     | 500
        m     | cache_write_5m | 30
        m     | cache_write_1h | 70
        new   | output         | 9
        """,
    )
    claims = cause.claim(busy)
    assert claims.height
    assert claims.filter(~pl.col("claimed_tokens").is_between("tokens_low", "tokens_high")).is_empty()
    assert set(claims["basis"]) <= set(BASES)
    assert claims["reason"].null_count() == 0
