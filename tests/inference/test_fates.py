"""What became of a call, from what its span says."""

from collections.abc import Callable

import polars as pl
import pytest

from pipeline.fates import with_fates
from schemas.core import Call

SCHEMA = pl.Schema(Call.empty().schema)
BASE = {
    "service": "chat", "dialect": "d", "operation": "chat", "is_stream": True, "status": "unset",
    "attempt_count": 1, "has_http_spans": False, "usage_quality": "absent", "model": "m",
}  # fmt: skip


def judged(**facts: object) -> dict[str, object]:
    """A call beside a completed stream of the same dialect, which shows that it writes finish reasons."""
    start = "2026-10-05T10:00:00"
    sibling = {**BASE, "call_id": "0", "usage_quality": "recorded", "finish_reasons": "stop"}
    row = {**BASE, "call_id": "1", **facts}
    seconds = row.pop("seconds", 10)
    frame = pl.DataFrame([sibling, row], schema=SCHEMA).with_columns(
        started_at=pl.lit(start).str.to_datetime(time_unit="us", time_zone="UTC"),
    )
    frame = frame.with_columns(ended_at=pl.col("started_at") + pl.duration(seconds=seconds))
    return with_fates(frame).filter(pl.col("call_id") == "1").row(0, named=True)


@pytest.mark.parametrize(
    ("facts", "fate", "failure"),
    [
        ({"usage_quality": "recorded", "finish_reasons": "stop"}, "agrees", "completed"),
        ({"finish_reasons": "stop"}, "missing_usage", "completed"),
        ({"usage_quality": "false_zero", "status": "ok"}, "missing_usage", "completed"),
        ({"usage_quality": "estimated", "finish_reasons": "stop"}, "tokenizer_mismatch", "completed"),
        ({"status": "ok"}, "cancellations", "cancelled"),
        ({"usage_quality": "placeholder"}, "cancellations", "cancelled"),
        ({"status": "error", "error_type": "_OTHER"}, "cancellations", "cancelled"),
        ({"status": "error", "error_type": "asyncio.exceptions.CancelledError"}, "cancellations", "cancelled"),
        ({"status": "error", "error_type": "openai.APITimeoutError"}, "cancellations", "timeout"),
        ({"status": "error", "error_type": "openai.APITimeoutError", "attempt_count": 3}, "retries", "timeout"),
        ({"status": "error", "error_type": "openai.APIError"}, "retries", "broken"),
        (
            {"status": "error", "error_type": "connection_error", "usage_quality": "partial", "response_id": "msg_1"},
            "retries", "broken",
        ),
        (
            {"status": "error", "error_type": "openai.APIConnectionError", "request_model": "gpt-4o-mini",
             "response_model": "gpt-4o-mini-2024-07-18"},
            "retries", "broken",
        ),
        (
            {"status": "error", "error_type": "openai.APIConnectionError", "request_model": "gpt-4o-mini"},
            "retries", "connect",
        ),
        ({"status": "error", "error_type": "RateLimitError", "is_stream": False}, "retries", "rate_limited"),
        ({"status": "error", "http_status": 503, "is_stream": False}, "retries", "server_error"),
        ({"status": "error", "error_type": "BadRequestError"}, "retries", "rejected"),
        ({"not_billed_reason": "self_hosted"}, "not_billed", "cancelled"),
        ({"usage_quality": "recorded", "operation": "embeddings", "is_stream": None}, "agrees", "completed"),
    ],
)  # fmt: skip
def test_every_call_has_one_fate(facts: dict[str, object], fate: str, failure: str) -> None:
    found = judged(**facts)
    assert (found["fate"], found["failure"]) == (fate, failure)
    assert not found["is_doubtful"]


def test_where_a_dialect_writes_no_finish_reasons_nothing_tells_a_closed_stream_from_a_silent_one() -> None:
    row = {**BASE, "call_id": "1"}
    sibling = {**BASE, "call_id": "0", "usage_quality": "recorded"}
    found = with_fates(pl.DataFrame([sibling, row], schema=SCHEMA)).filter(pl.col("call_id") == "1")
    assert found.select("fate", "is_doubtful").row(0) == ("missing_usage", True)


def test_a_timeout_three_times_as_long_as_the_shortest_had_three_attempts(
    table: Callable[..., pl.DataFrame],
) -> None:
    calls = table(
        """
        call_id | started_at          | ended_at            | has_http_spans
        1       | 2026-10-05T10:00:00 | 2026-10-05T10:00:30 | false
        2       | 2026-10-05T10:00:00 | 2026-10-05T10:01:33 | false
        3       | 2026-10-05T10:00:00 | 2026-10-05T10:01:33 | true
        """,
        SCHEMA,
        **{**BASE, "status": "error", "error_type": "APITimeoutError"},
    )
    found = with_fates(calls)
    assert found["attempts_made"].to_list() == [1, 3, 1]
    assert found["fate"].to_list() == ["cancellations", "retries", "cancellations"]
