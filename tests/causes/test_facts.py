"""What a per-request meter proves, step by step."""

from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest

from pipeline.cause import Evidence
from pipeline.facts import claims_from_facts
from pipeline.leftovers import placed_leftovers
from pipeline.matching import match
from pipeline.request_logs import is_matched

Logged = Callable[..., Evidence]


@pytest.fixture
def logged(evidence: Callable[..., Evidence]) -> Logged:
    """Evidence whose requests are a log: of the account itself, or of a proxy beside its usage export."""

    def build(*, is_meter: bool = True, owners: dict[str, str] | None = None, **texts: str) -> Evidence:
        plain = evidence(owners, **texts)
        requests = plain.requests.with_columns(is_meter=pl.lit(is_meter))
        found = match(plain.calls, requests)
        told = is_matched(plain.calls, found.facts, requests)
        calls = plain.calls.with_columns(told)
        leftovers = placed_leftovers(found.leftovers, calls, plain.silences, plain.owners)
        return replace(plain, calls=calls, requests=requests, facts=found.facts, leftovers=leftovers)

    return build


def rows(evidence: Evidence, step: str) -> list[tuple[str, int]]:
    claims = claims_from_facts(evidence, step).filter(pl.col("claimed_tokens") != 0)
    assert set(claims["basis"]) <= {"exact"}
    return sorted(claims.select("token_kind", "claimed_tokens").rows())


def test_the_fate_of_a_call_takes_what_its_span_lacks(logged: Logged) -> None:
    found = logged(
        calls="""
        call_id | response_id | fate          | usage_quality | input_uncached_tokens | output_tokens
        1       | msg_1       | cancellations | placeholder   | 900                   | 1
        """,
        requests="response_id | input_uncached_tokens | output_tokens\nmsg_1 | 900 | 50",
    )
    assert rows(found, "cancellations") == [("output", 49)]
    assert rows(found, "missing_usage") == []


def test_cached_input_in_the_wrong_kind_moves_and_the_rest_is_the_estimate(logged: Logged) -> None:
    # 1000 estimated; billed are 300 plain and 900 read: 900 move, and 200 were estimated too low.
    found = logged(
        calls="""
        call_id | response_id | fate               | usage_quality | input_uncached_tokens
        1       | msg_1       | tokenizer_mismatch | estimated     | 1000
        """,
        requests="response_id | input_uncached_tokens | cache_read_tokens\nmsg_1 | 300 | 900",
    )
    assert rows(found, "cache_convention") == [("cache_read", 900), ("input_uncached", -900)]
    assert rows(found, "tokenizer_mismatch") == [("input_uncached", 200)]


def test_cached_input_that_was_never_recorded_is_missing(logged: Logged) -> None:
    found = logged(
        calls="call_id | response_id | input_uncached_tokens\n1 | msg_1 | 300",
        requests="response_id | input_uncached_tokens | cache_read_tokens\nmsg_1 | 300 | 900",
    )
    assert rows(found, "cache_convention") == []
    assert rows(found, "missing_usage") == [("cache_read", 900)]


@pytest.mark.parametrize(
    ("billed", "step", "tokens"), [(130, "reasoning", 80), (46, "duplicate_spans", -4)], ids=["more", "less"]
)
def test_output_that_seemed_to_agree(logged: Logged, billed: int, step: str, tokens: int) -> None:
    found = logged(
        calls="call_id | response_id | output_tokens\n1 | msg_1 | 50",
        requests=f"response_id | output_tokens\nmsg_1 | {billed}",
    )
    assert rows(found, step) == [("output", tokens)]


def test_a_correction_is_not_claimed_again(logged: Logged) -> None:
    found = logged(
        calls="call_id | response_id | fate | usage_quality\n1 | msg_1 | missing_usage | absent",
        requests="response_id | output_tokens\nmsg_1 | 50",
        corrections="step | token_kind | tokens | reason | call_id\nmissing_usage | output | 50 | why | 1",
    )
    assert rows(found, "missing_usage") == []


def test_a_call_that_the_accounts_own_log_lacks_was_not_billed(logged: Logged) -> None:
    calls = """
    call_id | response_id | output_tokens | started_at
    1       | msg_1       | 50            | 2026-10-05T10:00
    2       | msg_2       | 70            | 2026-10-05T11:00
    """
    requests = "response_id | output_tokens\nmsg_1 | 50"
    assert rows(logged(calls=calls, requests=requests), "not_billed") == [("output", -70)]
    assert rows(logged(calls=calls, requests=requests, is_meter=False), "not_billed") == []


def test_a_call_that_began_in_another_month_is_listed_there(logged: Logged) -> None:
    found = logged(
        calls="""
        call_id | response_id | output_tokens | started_at
        1       | msg_1       | 50            | 2026-10-05T10:00
        2       | msg_2       | 70            | 2026-09-30T23:59
        """,
        requests="response_id | output_tokens\nmsg_1 | 50",
    )
    assert rows(found, "not_billed") == []
    assert rows(found, "period_boundary") == [("output", -70)]


def test_a_request_of_the_day_before_moves_the_call_there(logged: Logged) -> None:
    found = logged(
        calls="call_id | response_id | output_tokens\n1 | msg_1 | 50",
        requests="response_id | output_tokens | bucket_start_at\nmsg_1 | 50 | 2026-10-04T00:00",
    )
    claims = claims_from_facts(found, "period_boundary")
    told = claims.select(pl.col("bucket_start_at").dt.day(), "claimed_tokens", "requests")
    assert sorted(told.rows()) == [(4, 50, 1.0), (5, -50, -1.0)]


def test_a_request_without_a_call_belongs_to_its_only_service(logged: Logged) -> None:
    calls = "call_id | response_id | output_tokens | service | team\n1 | msg_1 | 50 | chat | red"
    requests = "response_id | output_tokens\nmsg_1 | 50\nmsg_2 | 70"
    claims = claims_from_facts(logged(calls=calls, requests=requests), "missing_usage")
    assert claims.select("team", "claimed_tokens", "requests").rows() == [("red", 70, 1.0)]
    assert claims_from_facts(
        logged(calls=calls, requests=requests, is_meter=False), "missing_usage"
    ).is_empty()


def test_of_several_services_the_owner_of_the_scope_gets_it(logged: Logged) -> None:
    found = logged(
        calls="call_id | response_id | team\n1 | msg_1 | red\n2 | msg_3 | blue",
        requests="response_id | output_tokens\nmsg_1 | 0\nmsg_3 | 0\nmsg_2 | 70",
        owners={"acme": "green"},
    )
    claims = claims_from_facts(found, "missing_usage")
    assert claims.select("team", "claimed_tokens").rows() == [("green", 70)]


def test_of_a_sampled_service_it_was_sampled_away(logged: Logged) -> None:
    found = logged(
        calls="call_id | response_id | output_tokens | kept_share\n1 | msg_1 | 50 | 0.1",
        requests="response_id | output_tokens\nmsg_1 | 50\nmsg_2 | 70",
    )
    assert rows(found, "sampling") == [("output", 70)]
    assert rows(found, "missing_usage") == []


def test_of_a_model_that_is_never_traced_another_cause_speaks(logged: Logged) -> None:
    found = logged(
        calls="call_id | response_id | output_tokens\n1 | msg_1 | 50",
        requests="response_id | model | output_tokens\nmsg_1 | m | 50\nmsg_2 | n | 70",
    )
    assert rows(found, "missing_usage") == []


def test_a_request_during_a_span_that_was_cancelled_was_cancelled(logged: Logged) -> None:
    found = logged(
        calls="call_id | response_id | output_tokens\n1 | msg_1 | 50",
        requests="""
        response_id | output_tokens | started_at
        msg_1       | 50            | null
        msg_2       | 70            | 2026-10-05T10:00:01
        """,
        silences="""
        trace_id | span_id | service | error_type     | started_at       | ended_at
        t        | s       | agent   | CancelledError | 2026-10-05T10:00 | 2026-10-05T10:01
        """,
    )
    claims = claims_from_facts(found, "cancellations")
    assert claims.select("service", "span_id", "claimed_tokens").rows() == [("agent", "s", 70)]
