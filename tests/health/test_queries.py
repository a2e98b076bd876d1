"""What the watches read from the warehouse, on rows that were planted."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from pipeline.warehouse import Warehouse

NOW = datetime(2026, 11, 11, 2, tzinfo=UTC)
YESTERDAY = NOW - timedelta(hours=12)
LIMITS = {"day": NOW - timedelta(days=2), "now": NOW, "calls": 5, "repeats": 3, "failures": 2}


@pytest.fixture
def spans(plant: Callable[..., None]) -> Callable[..., None]:
    """Spans of one trace, each a call unless it says otherwise."""
    count = iter(range(10_000))

    def build(rows: list[dict[str, Any]], trace: str = "a", file_id: str = "f") -> None:
        numbered = [
            {"line": (at := next(count)) + 1, "span_id": f"{at:016x}", "input_tokens": at + 1, **row}
            for row in rows
        ]
        plant(
            "raw.span", numbered, trace_id=trace * 32, file_id=file_id, source="otel", kind="client",
            service="agent", started_at=YESTERDAY, ended_at=YESTERDAY, labels="{}", resource_labels="{}",
        )  # fmt: skip

    return build


def _traces(warehouse: Warehouse) -> pl.DataFrame:
    return warehouse.run("health/long_traces", **LIMITS)


def test_a_fan_out_is_the_calls_of_a_trace(warehouse, spans) -> None:
    spans([{}] * 6)
    spans([{}] * 5, trace="b")

    (row,) = _traces(warehouse).to_dicts()

    assert (row["trace_id"], row["calls"], row["repeats"], row["failures"]) == ("a" * 32, 6, 1, 0)


def test_a_span_exported_twice_is_one_call(warehouse, spans) -> None:
    spans([{"span_id": f"{n % 3:016x}", "input_tokens": n % 3 + 1} for n in range(9)])

    assert _traces(warehouse).is_empty()


def test_a_loop_is_one_prompt_size_under_one_parent(warehouse, spans) -> None:
    spans([{"input_tokens": 700, "parent_span_id": "1" * 16}] * 4)
    spans([{"input_tokens": 700, "parent_span_id": f"{n:016x}"} for n in range(4)], trace="b")

    (row,) = _traces(warehouse).to_dicts()

    assert (row["trace_id"], row["repeats"], row["tokens"]) == ("a" * 32, 4, 2800)


@pytest.mark.parametrize(
    "rows",
    [
        [{"status": "error"}] * 3,
        [{"resend_count": 3}],
        [{"attempt_count": 4}],
        [{"input_tokens": None, "http_status": 429}] * 3,
    ],
    ids=["errors", "resends", "attempts", "http"],
)
def test_a_storm_of_retries_is_seen_from_every_place(warehouse, spans, rows) -> None:
    spans(rows)

    assert _traces(warehouse)["failures"].to_list() == [3]


def test_failures_seen_twice_count_once(warehouse, spans) -> None:
    spans([{"status": "error", "resend_count": 1}, {"input_tokens": None, "http_status": 500}])

    assert _traces(warehouse).is_empty()


def test_older_days_are_not_looked_at(warehouse, spans) -> None:
    spans([{"ended_at": NOW - timedelta(days=3)}] * 9)

    assert _traces(warehouse).is_empty()


def test_the_newest_row_is_not_that_of_a_clock_in_the_future(warehouse, spans) -> None:
    spans([{}, {"ended_at": NOW + timedelta(days=900)}])

    assert warehouse.run("health/newest", now=NOW).rows() == [("otel", "traces", None, YESTERDAY)]


def test_records_are_counted_on_the_newest_day_of_their_file(warehouse, spans, plant) -> None:
    spans([{}, {"ended_at": YESTERDAY - timedelta(days=1)}], file_id="new")
    spans([{"ended_at": YESTERDAY - timedelta(days=1)}], file_id="old")
    files = [
        {"file_id": "new", "uri": "1", "rows_read": 3, "rows_kept": 2, "rows_quarantined": 1},
        {"file_id": "old", "uri": "2", "rows_read": 1, "rows_kept": 1, "rows_quarantined": 0},
        {"file_id": "bad", "uri": "3", "rows_read": 9, "rows_kept": 0, "rows_quarantined": 9},
        {
            "file_id": "new",
            "uri": "4",
            "rows_read": 3,
            "rows_kept": 0,
            "rows_quarantined": 0,
            "duplicate_of": "1",
        },
    ]
    plant("raw.file", files, source="otel", kind="traces")

    rows = warehouse.run("health/records_by_day", since=NOW - timedelta(days=35), now=NOW)

    day = YESTERDAY.date()
    assert set(rows.select("day", "rows_read", "rows_quarantined").rows()) == {
        (None, 9, 9),
        (day, 3, 1),
        (day - timedelta(days=1), 1, 0),
    }


def test_rows_are_counted_by_day(warehouse, spans) -> None:
    spans([{}, {}, {"ended_at": YESTERDAY - timedelta(days=1)}])

    rows = warehouse.run("health/rows_by_day", since=NOW - timedelta(days=35), now=NOW)

    day = YESTERDAY.date()
    assert rows.rows() == [("otel", day - timedelta(days=1), 1), ("otel", day, 2)]
