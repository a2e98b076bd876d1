from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from pipeline.cause import Evidence
from pipeline.causes.period_boundary import CAUSE
from pipeline.edges import neighbours, placed_edges
from pipeline.grid import Grid
from pipeline.period import Month
from schemas.core import Call, Coverage, Metered


def told(evidence: Evidence) -> list[tuple[str, int, str]]:
    return CAUSE.claim(evidence).select("item", "full_tokens", "rate").sort("item").rows()


def test_calls_near_the_end_may_be_metered_in_the_next_month(evidence: Callable[..., Evidence]) -> None:
    found = evidence(
        calls="""
        call_id | output_tokens | started_at          | ended_at
        a       | 50            | 2026-10-31T23:58:10 | 2026-10-31T23:59:00
        b       | 60            | 2026-10-31T23:49:00 | 2026-10-31T23:50:00
        c       | 70            | 2026-10-31T23:40:00 | 2026-10-31T23:44:00
        """
    )
    assert told(found) == [("lag/a", -50, "lag/anthropic/late_2m"), ("lag/b", -60, "lag/anthropic/late_15m")]
    claims = CAUSE.claim(found).sort("item")
    assert claims.select("claimed_tokens", "tokens_low", "tokens_high", "requests").rows() == [
        (-15, -50, 0, -1.0),
        (-3, -60, 0, -1.0),
    ]
    assert claims["is_chance"].all()


def test_the_month_ends_where_the_provider_bills(evidence: Callable[..., Evidence]) -> None:
    # Google bills in US Pacific time: October ends at 07:00 UTC on 1 November.
    calls = """
    call_id | provider   | output_tokens | started_at          | ended_at
    a       | gcp.gemini | 50            | 2026-11-01T06:59:00 | 2026-11-01T06:59:30
    b       | gcp.gemini | 60            | 2026-10-31T23:59:00 | 2026-10-31T23:59:30
    """
    assert told(evidence(calls=calls)) == [("lag/a", -50, "lag/gcp.gemini/late_2m")]


def test_a_call_that_began_before_the_month_may_be_metered_there(evidence: Callable[..., Evidence]) -> None:
    calls = "call_id | output_tokens | started_at | ended_at\na|50|2026-09-30T23:59:30|2026-10-01T00:00:20"
    assert told(evidence(calls=calls)) == [("lag/a", -50, "lag/anthropic/begun")]


@pytest.mark.parametrize("column", ["is_matched", "not_billed_reason"])
def test_calls_that_are_settled_are_not_in_question(evidence: Callable[..., Evidence], column: str) -> None:
    value = "true" if column == "is_matched" else "mock"
    calls = f"call_id | output_tokens | ended_at | {column}\na | 50 | 2026-10-31T23:59:00 | {value}"
    assert told(evidence(calls=calls)) == []


def test_neighbours_are_found_on_both_sides_and_placed_in_the_nearest_bucket(
    evidence: Callable[..., Evidence], table: Callable[..., pl.DataFrame]
) -> None:
    month = Month.parse("2026-10")
    place = {"month": "2026-10", "provider": "openai", "account": "acme", "scope": "acme", "model": "m"}
    place |= {
        "service_tier": "standard",
        "team": "red",
        "service": "chat",
        "feature": "",
        "operation": "chat",
    }
    calls = table(
        """
        call_id | month   | output_tokens | started_at          | ended_at
        early   | 2026-09 | 50            | 2026-09-30T23:59:00 | 2026-09-30T23:59:30
        before  | 2026-09 | 60            | 2026-09-30T23:00:00 | 2026-09-30T23:30:00
        inside  | 2026-10 | 70            | 2026-10-05T10:00:00 | 2026-10-05T10:00:10
        runs_on | 2026-11 | 80            | 2026-10-31T23:59:50 | 2026-11-01T00:00:40
        after   | 2026-11 | 90            | 2026-11-01T00:00:01 | 2026-11-01T00:00:40
        """,
        pl.Schema(Call.empty().schema),
        **place,
    )
    near = neighbours(calls, month)
    assert near["call_id"].to_list() == ["early", "runs_on"]

    steps = {"meter": "usage", "endpoint": "completions", "grouping": "model+project_id+service_tier"}
    days = """
    bucket_start_at  | bucket_end_at
    2026-10-01T00:00 | 2026-10-02T00:00
    2026-10-31T00:00 | 2026-11-01T00:00
    """
    words = {name: value for name, value in (place | steps).items() if name in Metered.empty().schema}
    covered = {name: value for name, value in (place | steps).items() if name in Coverage.empty().schema}
    grid = Grid(
        table(days, pl.Schema(Metered.empty().schema), **words),
        table(days, pl.Schema(Coverage.empty().schema), **covered),
    )
    placed = placed_edges(near, grid, month)
    assert placed.select("call_id", "bucket_start_at", "ended_at").rows() == [
        ("early", datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 9, 30, 23, 59, 30, tzinfo=UTC)),
        ("runs_on", datetime(2026, 10, 31, tzinfo=UTC), datetime(2026, 11, 1, 0, 0, 40, tzinfo=UTC)),
    ]
    found = replace(evidence(), edges=placed)
    assert told(found) == [("lag/early", 50, "lag/openai/late_2m"), ("lag/runs_on", 80, "lag/openai/begun")]
