"""Requests that only the meter counts, where nobody traces HTTP requests."""

from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest

from pipeline.cause import Evidence
from pipeline.causes.retries import CAUSE
from pipeline.unseen_requests import unseen_requests

HEAD = "call_id | scope | has_http_spans | kept_share | fate | whole_input_uncached | whole_output"


PLACE = ["provider", "account", "scope", "model", "service_tier", "bucket_start_at"]


def month(
    evidence: Callable[..., Evidence], counted: int, tables: dict[str, str] | None = None, **facts: object
) -> Evidence:
    """Ten calls of one day, and what the meter counts of it."""
    same = {"scope": "acme/key", "http": "false", "kept": 1.0, "fate": "agrees", **facts}
    middle = " | ".join(str(value) for value in same.values())
    rows = "\n".join(f"c{number} | {middle} | {800 + 40 * number} | 100" for number in range(1, 11))
    found = evidence(calls=f"{HEAD}\n{rows}", **(tables or {}))
    counts = found.calls.select(PLACE).unique()
    return replace(found, counts=counts.with_columns(request_count=pl.lit(counted, pl.Int64)))


def test_what_the_meter_counts_beyond_the_calls_is_of_their_usual_size(evidence, tokens) -> None:
    # The mean of 840 to 1,200 is 1,020.
    found = CAUSE.claim(month(evidence, 15))
    assert tokens(found) == {"input_uncached": 5 * 1020, "output": 500}
    assert found["requests"].sum() == 5
    assert found["rate"].unique().to_list() == ["unseen/chat"]
    assert found["basis"].unique().to_list() == ["estimated"]


@pytest.mark.parametrize(
    "facts",
    [
        {"scope": "acme"},
        {"http": "true"},
        {"kept": 0.5},
        {"counted": 12},
        {"counted": 5},
    ],
    ids=["whole account", "HTTP spans", "sampled", "hardly more", "fewer"],
)
def test_nothing_is_claimed_where_the_rest_may_be_something_else(evidence, facts) -> None:
    assert unseen_requests(month(evidence, **{"counted": 15, **facts})).is_empty()


def test_attempts_that_are_known_of_are_taken_off(evidence) -> None:
    attempts = "call_id | span_id | item | scope | failure | is_stream\n" + "\n".join(
        f"c{number} | s{number} | a{number} | acme/key | validation | false" for number in range(1, 6)
    )
    rules = "provider | failure_mode | billed | low | high | error\n* | validation | 1 | 1 | 1 | 0"
    known = {"attempts": attempts, "rules": rules}
    assert unseen_requests(month(evidence, 15, known)).is_empty()
    left = unseen_requests(month(evidence, 20, known))
    assert left["requests"].to_list() == [5.0]


def test_calls_in_doubt_stand_for_most_of_a_request(evidence) -> None:
    # Ten calls without usage stand for nine, give or take one: four more are no news, fourteen are.
    assert unseen_requests(month(evidence, 10, fate="missing_usage")).is_empty()
    assert unseen_requests(month(evidence, 20, fate="missing_usage"))["requests"].to_list() == [11.0]


def test_a_meter_that_counts_no_requests_shows_none(evidence) -> None:
    found = month(evidence, 15)
    silent = found.counts.with_columns(request_count=pl.lit(None, pl.Int64))
    assert unseen_requests(replace(found, counts=silent)).is_empty()
    assert unseen_requests(replace(found, counts=pl.DataFrame())).is_empty()


def test_conversations_that_shrink_may_have_been_summarised(evidence) -> None:
    """Ten conversations that grow to 9,000 tokens and fall to 1,200: what is not told may be summaries."""
    inputs = [1000, 3000, 5000, 7000, 9000, 1200, 3200]
    head = (
        "call_id | trace_id | conversation_id | scope | has_http_spans | operation | input_uncached_tokens "
        "| output_tokens | whole_input_uncached | started_at"
    )
    rows = [
        f"c{talk}-{turn} | t{talk}-{turn} | v{talk} | acme/key | false | chat | {size} | 100 | {size} "
        f"| 2026-10-05T{talk:02}:{turn:02}"
        for talk in range(10)
        for turn, size in enumerate(inputs)
    ]
    found = evidence(calls="\n".join([head, *rows]))
    counts = found.calls.select(PLACE).unique().with_columns(request_count=pl.lit(90, pl.Int64))
    assert unseen_requests(replace(found, counts=counts)).is_empty()
    apart = found.calls.with_columns(conversation_id=pl.col("call_id"))
    assert unseen_requests(replace(found, calls=apart, counts=counts))["requests"].to_list() == [20.0]


def test_calls_that_a_log_of_a_proxy_matched_are_no_unseen_requests(evidence) -> None:
    rows = month(evidence, 15)
    some = pl.col("call_id").is_in(["c1", "c2", "c3", "c4", "c5"])
    matched = rows.calls.with_columns(is_matched=some)
    told = replace(rows, calls=matched, counts=rows.counts.with_columns(request_count=pl.lit(10, pl.Int64)))
    assert unseen_requests(told).is_empty()


def test_calls_given_up_by_one_code_may_all_have_been_billed(evidence) -> None:
    # At nine tenths, 400 calls come to 360 requests, with an error of 6 if each were for itself: 400 would be too many
    # by 7 errors. But all of them were given up by one code: 40 more are one error of the chance that they share.
    base = month(evidence, 15, fate="cancellations")
    calls = pl.concat(
        [base.calls.with_columns(call_id=pl.format("{}-{}", "call_id", pl.lit(n))) for n in range(40)]
    )
    counts = base.counts.with_columns(request_count=pl.lit(400, pl.Int64))
    assert unseen_requests(replace(base, calls=calls, counts=counts)).is_empty()
    more = counts.with_columns(request_count=pl.lit(500, pl.Int64))
    assert unseen_requests(replace(base, calls=calls, counts=more))["requests"].sum() == pytest.approx(140)
