from collections.abc import Callable

import polars as pl

from pipeline.cause import Evidence
from pipeline.causes.cache_convention import CAUSE

Moves = list[tuple[str, int, int, int, str]]


def moves(evidence: Evidence) -> Moves:
    columns = ("token_kind", "claimed_tokens", "tokens_low", "tokens_high", "basis")
    return sorted(CAUSE.claim(evidence).select(columns).rows())


LUMPED = """
call_id | trace_id | span_id | cache_write_other_tokens | cache_breakdown
1       | t        | s       | 1000                     | lumped_writes
"""


def test_lumped_writes_go_where_the_meter_counts_them(evidence: Callable[..., Evidence]) -> None:
    found = moves(evidence(calls=LUMPED, metered="token_kind | tokens\ncache_write_1h | 1000"))
    assert found == [
        ("cache_write_1h", 1000, 1000, 1000, "exact"),
        ("cache_write_other", -1000, -1000, -1000, "exact"),
    ]


def test_lumped_writes_of_two_lifetimes_go_to_the_shorter_and_by_the_mix_on_to_the_longer(
    evidence: Callable[..., Evidence],
) -> None:
    """That they leave the lump is certain; how many are long-lived is 780 of 1,000 on the meter, or any part."""
    metered = "token_kind | tokens\ncache_write_1h | 780\ncache_write_5m | 220"
    assert moves(evidence(calls=LUMPED, metered=metered)) == [
        ("cache_write_1h", 780, 0, 1000, "estimated"),
        ("cache_write_5m", -780, -1000, 0, "estimated"),
        ("cache_write_5m", 1000, 1000, 1000, "estimated"),
        ("cache_write_other", -1000, -1000, -1000, "estimated"),
    ]


def test_two_complementary_shares_add_up_for_odd_numbers(evidence: Callable[..., Evidence]) -> None:
    calls = LUMPED.replace("1000", "7  ")
    found = moves(
        evidence(calls=calls, metered="token_kind | tokens\ncache_write_1h | 1\ncache_write_5m | 1")
    )
    assert sum(tokens for _, tokens, *_ in found) == 0
    assert sum(tokens for kind, tokens, *_ in found if kind == "cache_write_other") == -7


def test_input_without_breakdown_follows_the_mix(evidence: Callable[..., Evidence]) -> None:
    calls = "call_id|trace_id|span_id|input_uncached_tokens|cache_breakdown\n1|t|s|1000|none"
    metered = "token_kind | tokens\ninput_uncached | 600\ncache_read | 400"
    assert moves(evidence(calls=calls, metered=metered)) == [
        ("cache_read", 400, 0, 1000, "estimated"),
        ("input_uncached", -400, -1000, 0, "estimated"),
    ]


def test_a_provider_with_one_kind_of_writes_has_nothing_to_split(evidence: Callable[..., Evidence]) -> None:
    calls = LUMPED.replace("call_id ", "provider | call_id").replace("1       |", "openai | 1 |", 1)
    metered = "provider | token_kind | tokens\nopenai | cache_write_other | 1000"
    assert moves(evidence(calls=calls, metered=metered)) == []


def test_calls_that_tell_their_kinds_are_taken_off_the_mix_first(evidence: Callable[..., Evidence]) -> None:
    calls = """
    call_id | trace_id | span_id | cache_write_other_tokens | cache_write_1h_tokens | cache_breakdown
    1       | t        | s       | 1000                     | null                  | lumped_writes
    2       | t        | u       | null                     | 5000                  | full
    """
    metered = "token_kind | tokens\ncache_write_1h | 5000\ncache_write_5m | 1000"
    # Nothing long-lived is left for the first call; 2 % is the least that a mix is believed to say.
    assert moves(evidence(calls=calls, metered=metered)) == [
        ("cache_write_1h", 20, 0, 1000, "estimated"),
        ("cache_write_5m", -20, -1000, 0, "estimated"),
        ("cache_write_5m", 1000, 1000, 1000, "estimated"),
        ("cache_write_other", -1000, -1000, -1000, "estimated"),
    ]


def test_calls_that_tell_their_reads_are_taken_off_the_mix_of_input(
    evidence: Callable[..., Evidence],
) -> None:
    calls = """
    call_id | trace_id | span_id | input_uncached_tokens | cache_read_tokens | cache_breakdown
    1       | t        | s       | 1000                  | null              | none
    2       | t        | u       | 4000                  | 600               | read_only
    """
    metered = "token_kind | tokens\ninput_uncached | 4250\ncache_read | 1350"
    assert moves(evidence(calls=calls, metered=metered)) == [
        ("cache_read", 750, 0, 1000, "estimated"),
        ("input_uncached", -750, -1000, 0, "estimated"),
    ]


SEVERAL = """
call_id | trace_id | span_id | service | input_uncached_tokens | cache_breakdown
1       | t        | small   | chat    | 100                   | none
2       | t        | large   | chat    | 500                   | none
3       | t        | other   | batch   | 40                    | none
"""


def test_the_calls_of_one_owner_and_time_step_are_one_claim_that_shows_the_largest(
    evidence: Callable[..., Evidence],
) -> None:
    metered = "token_kind | tokens\ninput_uncached | 480\ncache_read | 160"
    found = CAUSE.claim(evidence(calls=SEVERAL, metered=metered)).filter(pl.col("token_kind") == "cache_read")
    columns = ("service", "claimed_tokens", "full_tokens", "evidence_count", "span_id")
    assert sorted(found.select(columns).rows()) == [
        ("batch", 10, 40, 1, "other"),
        ("chat", 150, 600, 2, "large"),
    ]


def test_every_service_has_a_rate_of_its_own_with_the_mix_as_its_prior(
    evidence: Callable[..., Evidence],
) -> None:
    calls = SEVERAL.replace("cache_breakdown", "cache_breakdown | cache_write_other_tokens", 1)
    calls = calls.replace("| none", "| none | null") + "4 | t | w | chat | null | lumped_writes | 30\n"
    metered = (
        "token_kind | tokens\ninput_uncached | 480\ncache_read | 160\ncache_write_5m | 4\ncache_write_1h | 1"
    )
    found = CAUSE.claim(evidence(calls=calls, metered=metered)).drop_nulls("rate")
    assert sorted(found.select("rate", "rate_prior").unique().rows()) == [
        ("cached/anthropic/acme/m/batch", 0.25),
        ("cached/anthropic/acme/m/chat", 0.25),
        ("lifetime/anthropic/acme/m/chat", 0.2),
    ]
    assert not found["is_chance"].any()
