"""The answer key agrees with the files, read by somebody who does not know the simulator."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.simulator import world as simulator

Balance = Callable[[simulator.World], tuple[Counter[tuple[str, ...]], Counter[tuple[str, ...]]]]

DRIFTS = {
    "duplicate_spans", "not_billed", "cache_convention", "retries", "cancellations", "missing_usage",
    "tokenizer_mismatch", "summary_compaction", "reasoning", "uninstrumented", "period_boundary",
}  # fmt: skip
NEGATIVE = ("duplicate_spans", "not_billed")


def test_truth_knows_what_the_spans_say(
    truth: list[dict[str, str]], traced: Counter[tuple[str, ...]]
) -> None:
    told: Counter[tuple[str, ...]] = Counter()
    for row in truth:
        if row["cause"] == "traced":
            where = (row["provider"], row["model"], row["service_tier"], row["token_kind"])
            told[*where, row["day"], row["team"]] += int(row["tokens"])
    assert told == traced


def test_traced_and_causes_add_up_to_metered_in_every_bucket(
    world: simulator.World, balance: Balance
) -> None:
    explained, metered = balance(world)
    assert explained == metered


@pytest.mark.parametrize("seed", range(8))
def test_every_seed_adds_up(tmp_path: Path, seed: int, balance: Balance) -> None:
    explained, metered = balance(simulator.write(tmp_path, seed=seed, calls=500))
    assert explained == metered


def test_every_cause_occurs_and_several_share_a_bucket(truth: list[dict[str, str]]) -> None:
    causes: dict[tuple[str, ...], set[str]] = {}
    for row in truth:
        bucket = tuple(row[key] for key in ("provider", "model", "service_tier", "token_kind", "day"))
        causes.setdefault(bucket, set()).add(row["cause"])
    assert set().union(*causes.values()) == DRIFTS | {"traced"}
    assert max(len(found - {"traced"}) for found in causes.values()) >= 4


def test_duplicates_and_unbilled_calls_only_make_the_trace_read_high(truth: list[dict[str, str]]) -> None:
    for cause in NEGATIVE:
        assert all(int(row["tokens"]) < 0 for row in truth if row["cause"] == cause)


def test_cache_conventions_move_tokens_and_add_none(truth: list[dict[str, str]]) -> None:
    sums: Counter[tuple[str, ...]] = Counter()
    for row in truth:
        if row["cause"] == "cache_convention":
            sums[row["provider"], row["model"], row["day"], row["team"]] += int(row["tokens"])
    assert sums
    assert set(sums.values()) == {0}


def test_summary_agrees_with_the_key(truth: list[dict[str, str]], summary: dict[str, Any]) -> None:
    by_cause: Counter[str] = Counter()
    for row in truth:
        by_cause[row["cause"]] += int(row["tokens"])
    assert {cause: tokens for cause, tokens in by_cause.items() if tokens} == {
        cause: tokens for cause, tokens in summary["tokens_by_cause"].items() if tokens
    }


def test_calls_account_for_all_tokens(
    calls: list[dict[str, str]], traced: Counter[tuple[str, ...]], metered: Counter[tuple[str, ...]]
) -> None:
    assert sum(int(call["tokens_metered"]) for call in calls) == sum(metered.values())
    assert sum(int(call["tokens_traced"]) for call in calls) >= sum(traced.values())
