"""Summaries of conversations that the provider billed and the trace did not record."""

from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest

from pipeline.cause import Evidence
from pipeline.causes import cancellations, missing_usage
from pipeline.causes.summary_compaction import CAUSE

HEAD = (
    "call_id | trace_id | span_id | conversation_id | operation | started_at | bucket_start_at | "
    "input_uncached_tokens | output_tokens | dialect"
)


def talk(name: str, inputs: list[int], day: int = 5, hour: int = 1, dialect: str = "d") -> str:
    """Turns, an hour apart, with answers of 1,900 tokens."""
    lines = [
        f"{name}{turn}|t-{name}{turn}|s-{name}{turn}|{name}|chat|2026-10-{day:02}T{hour + turn:02}:00:00|"
        f"2026-10-{day:02}T00:00:00|{tokens}|1900|{dialect}"
        for turn, tokens in enumerate(inputs)
    ]
    return "\n".join(lines)


def table(*talks: str) -> str:
    return "\n".join([HEAD, *talks])


SAW_TOOTH = [2000, 4000, 6000, 8000, 2400]
THREE = [talk(name, SAW_TOOTH) for name in ("a", "b", "c")]


def test_an_iteration_on_the_span_is_exact(evidence: Callable[..., Evidence]) -> None:
    calls = """
    call_id | span_id | dialect       | input_uncached_tokens | compaction_input_tokens | compaction_output_tokens
    1       | s       | anthropic_sdk | 220                   | 55196                   | 125
    2       | u       | anthropic_sdk | 220                   | null                    | null
    """
    claims = CAUSE.claim(evidence(calls=calls))
    assert claims.select(
        "span_id", "token_kind", "tokens_low", "claimed_tokens", "tokens_high", "basis"
    ).sort("token_kind").rows() == [
        ("s", "input_uncached", 55_196, 55_196, 55_196, "exact"),
        ("s", "output", 125, 125, 125, "exact"),
    ]
    assert claims["item"].n_unique() == 1


def test_where_the_service_reads_a_cache_the_iteration_may_have_too(
    evidence: Callable[..., Evidence],
) -> None:
    calls = """
    call_id | span_id | dialect       | input_uncached_tokens | cache_read_tokens | compaction_input_tokens
    1       | s       | anthropic_sdk | 400                   | 600               | 1000
    """
    claims = CAUSE.claim(evidence(calls=calls))
    assert claims.select("token_kind", "tokens_low", "claimed_tokens", "tokens_high", "basis").rows() == [
        ("input_uncached", 400, 1000, 1000, "bounded")
    ]


@pytest.mark.parametrize("dialect", ["pydantic_ai", "vercel_ai_otel", "litellm"])
def test_what_a_dialect_has_counted_is_not_claimed_again(evidence: Callable[..., Evidence], dialect) -> None:
    calls = f"call_id | span_id | dialect | compaction_input_tokens\n1 | s | {dialect} | 1000"
    assert CAUSE.claim(evidence(calls=calls)).is_empty()


def test_a_call_that_was_not_billed_has_no_billed_iteration(evidence: Callable[..., Evidence]) -> None:
    calls = "call_id | span_id | not_billed_reason | compaction_input_tokens\n1 | s | self_hosted | 1000"
    assert CAUSE.claim(evidence(calls=calls)).is_empty()


def test_a_fall_is_a_summary_of_all_that_was_said(evidence: Callable[..., Evidence]) -> None:
    claims = CAUSE.claim(evidence(calls=table(*THREE))).filter(pl.col("span_id") == "s-a4").sort("token_kind")

    # 8,000 were sent and 1,900 answered; the next turn sends 400 more than a first turn does.
    assert claims.select("token_kind", "full_tokens", "claimed_tokens", "tokens_low", "requests").rows() == [
        ("input_uncached", 9900, 9207, 0, 1.0),
        ("output", 400, 372, 0, 0.0),
    ]
    assert claims.select("rate", "rate_prior", "is_chance", "basis", "trace_id").unique().rows() == [
        ("summary/unseen/chat", 0.93, True, "estimated", "t-a4")
    ]
    assert claims["item"].n_unique() == 1


def test_two_falls_are_no_habit(evidence: Callable[..., Evidence]) -> None:
    assert CAUSE.claim(evidence(calls=table(*THREE[:2])))["rate_prior"].unique().to_list() == [0.5]


def test_what_keeps_half_of_the_context_may_be_no_summary(evidence: Callable[..., Evidence]) -> None:
    trimmed = [talk(name, [2000, 4000, 6000, 8000, 6500]) for name in ("a", "b", "c")]
    assert CAUSE.claim(evidence(calls=table(*trimmed)))["rate_prior"].unique().to_list() == [0.5]


def test_summaries_that_were_traced_as_answers_are_hardly_missing(evidence: Callable[..., Evidence]) -> None:
    sizes = [200, 300, 400, 500, 600, 700, 800, 900]
    talks = [talk(f"k{size}", [2000, 4000, 6000, 8000, 2000 + size]) for size in sizes]
    rows = evidence(calls=table(*talks))
    answers = rows.calls.with_columns(
        output_tokens=pl.when(pl.col("call_id").str.ends_with("3"))
        .then(pl.col("conversation_id").str.strip_prefix("k").cast(pl.Int64, strict=False))
        .otherwise("output_tokens")
    )
    traced = replace(rows, calls=answers)

    assert CAUSE.claim(rows)["rate_prior"].unique().to_list() == [0.93]
    assert CAUSE.claim(traced)["rate_prior"].unique().to_list() == [0.1]


def test_a_summary_belongs_to_the_step_in_which_the_next_call_started(
    evidence: Callable[..., Evidence],
) -> None:
    late = talk("a", [2000, 4000, 6000, 8000], hour=20)
    after = "a4|t|s-a4|a|chat|2026-10-05T23:59:59|2026-10-06T00:00:00|2400|1900|d"
    metered = "token_kind | tokens | bucket_start_at\noutput | 1 | 2026-10-01T00:00:00"
    claims = CAUSE.claim(evidence(calls=table(late, after), metered=metered))

    assert claims["bucket_start_at"].dt.day().unique().to_list() == [5]


def test_a_labelled_summary_without_usage_has_the_size_of_its_conversation(
    evidence: Callable[..., Evidence],
) -> None:
    head = HEAD.replace("dialect", "fate | usage_quality")
    calls = table(talk("a", SAW_TOOTH, dialect="agrees|recorded")).replace(HEAD, head)
    calls += "\nx|t|s-x|a|compact|2026-10-05T04:30:00|2026-10-05T00:00:00|null|null|summary_compaction|absent"
    claims = CAUSE.claim(evidence(calls=calls)).sort("token_kind")

    assert claims.select("span_id", "token_kind", "claimed_tokens", "rate").rows() == [
        ("s-x", "input_uncached", 9900, None),
        ("s-x", "output", 400, None),
    ]


def test_a_labelled_summary_with_usage_agrees(evidence: Callable[..., Evidence]) -> None:
    summary = "x|t|s-x|a|compact|2026-10-05T04:30:00|2026-10-05T00:00:00|9950|400|d"
    assert CAUSE.claim(evidence(calls=table(talk("a", SAW_TOOTH), summary))).is_empty()


def test_a_request_to_compact_is_claimed_instead_of_the_fall(evidence: Callable[..., Evidence]) -> None:
    silences = """
    trace_id | span_id | operation | started_at          | ended_at            | expected_calls | has_http_span
    t-a4     | http    | compact   | 2026-10-05T04:30:00 | 2026-10-05T04:30:05 | 1.0            | true
    """
    claims = CAUSE.claim(evidence(calls=table(talk("a", SAW_TOOTH)), silences=silences)).sort("token_kind")

    assert claims.select("span_id", "token_kind", "claimed_tokens", "requests").rows() == [
        ("http", "input_uncached", 9900, 1.0),
        ("http", "output", 400, 0.0),
    ]


def test_a_request_to_compact_what_was_never_traced_is_like_other_calls(
    evidence: Callable[..., Evidence],
) -> None:
    silences = """
    trace_id | span_id | operation | started_at          | expected_calls | whole_input_uncached | whole_output
    t-z      | http    | compact   | 2026-10-05T04:30:00 | 0.5            | 3000                 | 200
    """
    claims = CAUSE.claim(evidence(silences=silences)).sort("token_kind")
    assert claims.select("token_kind", "claimed_tokens", "requests").rows() == [
        ("input_uncached", 1500, 0.5),
        ("output", 100, 0.0),
    ]


def test_no_other_cause_claims_a_request_to_compact(evidence: Callable[..., Evidence]) -> None:
    silences = """
    trace_id | span_id | operation | started_at          | expected_calls | whole_input_uncached | has_http_span
    t-z      | http    | compact   | 2026-10-05T04:30:00 | 1.0            | 3000                 | true
    t-z      | other   | chat      | 2026-10-05T04:30:00 | 1.0            | 3000                 | true
    """
    rules = "provider | failure_mode | billed\n* | cancelled | 0.9"
    given = evidence(silences=silences, rules=rules)
    for cause in (cancellations.CAUSE, missing_usage.CAUSE):
        assert cause.claim(given)["span_id"].unique().to_list() == ["other"]


def test_an_ordinary_conversation_claims_nothing(evidence: Callable[..., Evidence]) -> None:
    assert CAUSE.claim(evidence(calls=table(talk("a", [2000, 4000, 6000, 8000, 10_000])))).is_empty()
