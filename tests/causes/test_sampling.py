from collections.abc import Callable

import polars as pl
import pytest

from pipeline.cause import Evidence
from pipeline.causes.sampling import CAUSE
from pipeline.sampling import kept_share
from pipeline.settings import Sampling

HALF = "call_id | kept_share | output_tokens\n1 | 0.5 | 100\n2 | 0.5 | 300"


@pytest.mark.parametrize(
    ("mark", "share"),
    [("c", 0.25), ("0", 1.0), ("8", 0.5), ("fd70a4", 0.01), ("C0", 0.25), ("xyz", 1.0), (None, 1.0)],
)
def test_a_threshold_is_the_share_that_is_rejected(mark: str | None, share: float) -> None:
    calls = pl.DataFrame({"service": ["chat"], "sampling_threshold": pl.Series([mark], dtype=pl.String)})
    assert kept_share(calls, ()).to_list() == pytest.approx([share], rel=1e-5)


def test_without_a_mark_the_first_rule_counts_and_a_mark_beats_it() -> None:
    calls = pl.DataFrame(
        {"service": ["chat-eu", "batch", "chat-eu"], "sampling_threshold": [None, None, "c"]},
        schema={"service": pl.String, "sampling_threshold": pl.String},
    )
    rules = [Sampling(service="chat-*", probability="0.1"), Sampling(service="*", probability="0.5")]
    assert kept_share(calls, rules).to_list() == pytest.approx([0.1, 0.5, 0.25])


def test_the_calls_of_a_month_stand_for_those_that_are_gone(evidence: Callable[..., Evidence]) -> None:
    # Of 400 tokens kept with probability one half, as many are gone: in the two steps of the meter's course.
    metered = """
    bucket_start_at  | token_kind | tokens
    2026-10-05T00:00 | output     | 600
    2026-10-06T00:00 | output     | 200
    """
    claims = CAUSE.claim(evidence(calls=HALF, metered=metered))
    assert claims["claimed_tokens"].sum() == 400
    assert claims["requests"].sum() == pytest.approx(2.0)
    # 2 steps / 0.3² = 22.2 calls of prior; 1.6 effective calls, all on the first day: 1.6 and 22.2 · 3/4.
    first = claims.filter(pl.col("bucket_start_at").dt.day() == 5)["claimed_tokens"][0]
    assert first == round(400 * (1.6 + 22.222 * 0.75) / (1.6 + 22.222))
    assert (claims["tokens_low"] == 0).all()
    assert (claims["tokens_high"] >= 3 * claims["claimed_tokens"]).all()


def test_cached_tokens_that_no_span_tells_of_are_sampled_away_as_cached_tokens(
    evidence: Callable[..., Evidence],
) -> None:
    calls = """
    call_id | kept_share | cache_breakdown | input_uncached_tokens | whole_input_uncached | whole_cache_read
    1       | 0.5        | none            | 400                   | 100.0                | 300.0
    """
    claims = CAUSE.claim(evidence(calls=calls))
    assert dict(claims.select("token_kind", "claimed_tokens").iter_rows()) == {
        "input_uncached": 100,
        "cache_read": 300,
    }


def test_few_calls_leave_much_open_and_many_little(evidence: Callable[..., Evidence]) -> None:
    header = "call_id | kept_share | output_tokens\n"
    few = CAUSE.claim(evidence(calls=header + "1 | 0.01 | 100"))
    many = CAUSE.claim(evidence(calls=header + "\n".join(f"{i} | 0.01 | 100" for i in range(400))))
    assert few["rate_error"].to_list() == pytest.approx([1.0])
    assert many["rate_error"].to_list() == pytest.approx([(1 / (400 * 0.99)) ** 0.5])
    assert many["claimed_tokens"].to_list() == [99 * 400 * 100]


def test_all_kinds_of_a_step_are_one_item_and_its_requests_count_once(
    evidence: Callable[..., Evidence],
) -> None:
    calls = "call_id | kept_share | input_uncached_tokens | output_tokens\n1 | 0.5 | 900 | 50"
    claims = CAUSE.claim(evidence(calls=calls))
    assert claims["item"].n_unique() == 1
    assert claims["rate"].unique().to_list() == ["sampling/chat"]
    assert sorted(claims["requests"]) == [0.0, 1.0]


def test_a_call_without_usage_counts_by_its_expected_size(evidence: Callable[..., Evidence]) -> None:
    calls = "call_id | kept_share | usage_quality | whole_output\n1 | 0.5 | absent | 70.4"
    assert CAUSE.claim(evidence(calls=calls))["claimed_tokens"].to_list() == [70]


def test_what_nobody_bills_stands_for_nothing(evidence: Callable[..., Evidence]) -> None:
    calls = "call_id | kept_share | output_tokens | not_billed_reason\n1 | 0.5 | 100 | mock"
    assert CAUSE.claim(evidence(calls=calls)).is_empty()
