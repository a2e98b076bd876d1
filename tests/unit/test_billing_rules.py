"""The registry of what providers bill when a request fails."""

from collections import Counter
from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from pipeline.billing_priors import FAILURE_MODES, RULES, BillingRule
from pipeline.billing_rules import is_free_status, rules_frame
from pipeline.providers import PROVIDERS

TODAY = date(2026, 10, 31)
OLD = BillingRule("openai", "timeout", 0.2, 0.1, 0.3, 0.05, "P", "page of May", free_statuses=(408,))
NEW = replace(
    OLD, billed=0.7, high=0.9, source="page of August", valid_from=date(2026, 8, 1), free_statuses=()
)
DEFAULT = BillingRule("*", "timeout", 0.6, 0.0, 1.0, 0.3, "I", "inferred")


def row(frame: pl.DataFrame, provider: str, mode: str) -> dict:
    return frame.row(
        by_predicate=(pl.col("provider") == provider) & (pl.col("failure_mode") == mode), named=True
    )


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.provider} {rule.failure_mode}")
def test_a_rule_has_a_source_and_its_chance_is_within_its_bounds(rule: BillingRule) -> None:
    assert rule.source.strip()
    assert rule.failure_mode in FAILURE_MODES
    assert 0 <= rule.low <= rule.billed <= rule.high <= 1
    assert (rule.error == 0) == (rule.low == rule.high)


def test_no_two_rules_hold_for_the_same_failure_from_the_same_day() -> None:
    keys = Counter((rule.provider, rule.failure_mode, rule.valid_from) for rule in RULES)

    assert [key for key, count in keys.items() if count > 1] == []


def test_every_provider_has_a_chance_for_every_failure() -> None:
    frame = rules_frame(TODAY)
    slugs = {"*", *(provider.slug for provider in PROVIDERS)}

    assert frame.height == len(slugs) * len(FAILURE_MODES)
    assert frame.null_count().sum_horizontal().item() == 0


def test_a_provider_without_a_rule_of_its_own_has_the_default() -> None:
    frame = rules_frame(TODAY)

    assert row(frame, "voyage", "timeout") == {**row(frame, "*", "timeout"), "provider": "voyage"}
    assert row(frame, "anthropic", "timeout")["billed"] > row(frame, "*", "timeout")["billed"]


@pytest.mark.parametrize(
    ("day", "billed"), [(date(2026, 7, 31), 0.2), (date(2026, 8, 1), 0.7), (date(2026, 9, 1), 0.7)]
)
def test_the_latest_rule_that_is_valid_on_the_day_holds(day: date, billed: float) -> None:
    for rules in ([OLD, NEW, DEFAULT], [DEFAULT, NEW, OLD]):
        assert row(rules_frame(day, rules), "openai", "timeout")["billed"] == billed


def test_before_its_first_rule_a_provider_has_the_default() -> None:
    frame = rules_frame(date(2026, 7, 31), [NEW, DEFAULT])

    assert row(frame, "openai", "timeout")["billed"] == 0.6


def test_a_status_is_free_while_its_rule_is_valid() -> None:
    calls = pl.DataFrame(
        {
            "provider": ["openai", "openai", "groq"],
            "http_status": [408, 408, 408],
            "ended_at": [date(2026, 7, 31), date(2026, 8, 1), date(2026, 7, 31)],
        },
        schema_overrides={"ended_at": pl.Datetime("us", "UTC")},
    )

    assert calls.select(is_free_status(pl.col("http_status"), [OLD, NEW])).to_series().to_list() == [
        True,
        False,
        False,
    ]


def test_a_cancelled_stream_is_billed_to_its_end_where_the_provider_cannot_stop() -> None:
    frame = rules_frame(TODAY)

    assert {slug: row(frame, slug, "cancelled")["output"] for slug in ("openai", "groq", "aws.bedrock")} == {
        "openai": "streamed",
        "groq": "all",
        "aws.bedrock": "all",
    }
