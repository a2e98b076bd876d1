"""Expected tokens of answers that nobody recorded."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from pipeline.sizes import with_sizes
from schemas.core import Call

START = datetime(2026, 10, 5, 10, tzinfo=UTC)
SCHEMA = pl.Schema(
    {**Call.empty().schema, "fate": pl.String(), "failure": pl.String(), "attempts_made": pl.Int64()}
)
BASE = {
    "provider": "openai", "account": "a", "scope": "a", "model": "m", "service_tier": "standard",
    "service": "chat", "operation": "chat", "cache_breakdown": "full", "usage_quality": "recorded",
    "fate": "agrees", "failure": "completed", "attempts_made": 1, "started_at": START, "ended_at": START,
}  # fmt: skip
LOST = {"fate": "missing_usage", "usage_quality": "absent"}


def sized(*rows: dict[str, object], metered: dict[str, int] | None = None) -> pl.DataFrame:
    frame = pl.DataFrame([{**BASE, "call_id": str(n), **row} for n, row in enumerate(rows)], schema=SCHEMA)
    place = {name: BASE[name] for name in ("provider", "account", "scope", "model", "service_tier")}
    counted = pl.DataFrame(
        [{**place, "token_kind": kind, "tokens": n} for kind, n in (metered or {"output": 1}).items()]
    )
    return with_sizes(frame, counted).sort("call_id")


def known(tokens_in: int, tokens_out: int, **facts: object) -> dict[str, object]:
    return {"input_uncached_tokens": tokens_in, "output_tokens": tokens_out, **facts}


def test_what_a_call_recorded_is_its_size_and_certain() -> None:
    row = sized(known(1000, 50)).row(0, named=True)
    assert (row["whole_input_uncached"], row["whole_output"]) == (1000, 50)
    assert (row["whole_input_error"], row["whole_output_error"]) == (0, 0)


def test_a_call_without_usage_is_as_large_as_its_siblings() -> None:
    rows = [known(800, 40), known(1200, 60)] * 20
    row = sized(*rows, LOST).filter(pl.col("fate") == "missing_usage").row(0, named=True)
    assert row["whole_input_uncached"] == pytest.approx(1000)
    assert row["whole_output"] == pytest.approx(50 * (1.25 * 30) / 30)
    assert row["whole_input_error"] == pytest.approx(
        202.5, abs=1
    )  # sample deviation of 800 and 1200, 40 calls


def test_unknown_input_is_split_over_kinds_as_siblings_are() -> None:
    rows = [known(700, 50, cache_read_tokens=300)] * 10
    meter = {"input_uncached": 600, "cache_read": 400, "output": 99}
    row = sized(*rows, LOST, metered=meter).filter(pl.col("fate") == "missing_usage").row(0, named=True)
    assert row["whole_input_uncached"] == pytest.approx(700)
    assert row["whole_cache_read"] == pytest.approx(300)


def test_where_siblings_tell_no_kinds_the_meter_does() -> None:
    rows = [known(1000, 50, cache_breakdown="none")] * 10
    meter = {"input_uncached": 600, "cache_read": 400, "output": 99}
    row = sized(*rows, LOST, metered=meter).filter(pl.col("fate") == "missing_usage").row(0, named=True)
    assert row["whole_input_uncached"] == pytest.approx(600)
    assert row["whole_cache_read"] == pytest.approx(400)


def test_a_turn_continues_the_context_of_its_conversation() -> None:
    talk = {"conversation_id": "c"}
    turns = [
        known(1000, 100, **talk, started_at=START),
        known(1150, 100, **talk, started_at=START + timedelta(minutes=1)),
        known(1300, 100, **talk, started_at=START + timedelta(minutes=2)),
        {**LOST, **talk, "started_at": START + timedelta(minutes=3)},
    ]
    row = sized(*turns).filter(pl.col("fate") == "missing_usage").row(0, named=True)
    assert row["whole_input_uncached"] == 1300 + 100 + 50  # context, answer, and a message as usual


def test_an_answer_without_usage_is_as_long_as_its_stream_took() -> None:
    rows = [known(1000, n, ended_at=START + timedelta(seconds=1 + n / 100)) for n in range(100, 1100, 50)]
    quick = {**LOST, "ended_at": START + timedelta(seconds=3)}
    row = sized(*rows, quick).filter(pl.col("fate") == "missing_usage").row(0, named=True)
    assert row["whole_output"] == pytest.approx(200)
    assert row["whole_output_error"] == pytest.approx(0, abs=1e-6)


def test_a_closed_stream_had_made_what_its_time_allows() -> None:
    rows = [known(1000, n, ended_at=START + timedelta(seconds=1 + n / 100)) for n in range(100, 1100, 50)]
    closed = {
        "fate": "cancellations", "failure": "cancelled", "usage_quality": "absent",
        "ended_at": START + timedelta(seconds=4),
    }  # fmt: skip
    row = sized(*rows, closed).filter(pl.col("fate") == "cancellations").row(0, named=True)
    assert row["made_output"] == pytest.approx(300)
    assert row["whole_output"] > 300


def test_a_duration_beyond_what_the_answer_explains_is_told() -> None:
    rows = [known(1000, n, ended_at=START + timedelta(seconds=1 + n / 100)) for n in range(100, 1100, 50)]
    slow = known(1000, 200, ended_at=START + timedelta(seconds=3 + 30), service_tier="standard")
    excess = sized(*rows, slow)["excess_seconds"]
    assert excess.drop_nulls().to_list() == pytest.approx([30])


def test_lumped_cache_writes_are_split_as_the_meter_splits_them(
    table: Callable[..., pl.DataFrame],
) -> None:
    row = known(100, 50, cache_write_other_tokens=1000, cache_breakdown="lumped_writes")
    found = sized(row, metered={"cache_write_5m": 30, "cache_write_1h": 70}).row(0, named=True)
    assert (found["whole_cache_write_5m"], found["whole_cache_write_1h"]) == (300, 700)
    assert found["whole_cache_write_other"] == 0


TEXT = {
    "response_model": "gpt-4o-mini-2024-07-18", "counted_input_tokens": 500, "counted_messages": 2,
    "counted_output_tokens": 70, "text_class": "prose",
}  # fmt: skip


def test_text_on_a_span_without_usage_tells_its_size_better_than_siblings() -> None:
    rows = [known(800, 40), known(1200, 60)] * 20
    row = sized(*rows, {**LOST, **TEXT}).filter(pl.col("fate") == "missing_usage").row(0, named=True)
    assert row["whole_input_uncached"] == pytest.approx(500 + 2 * 4 + 3, rel=0.01)
    assert row["whole_output"] == pytest.approx(70, abs=1)
    assert row["whole_input_error"] < 0.1 * row["whole_input_uncached"]


def test_what_a_cancelled_stream_had_delivered_is_what_was_made_and_thoughts_are_not_delivered() -> None:
    rows = [known(800, 40), known(1200, 60)] * 20
    cut = {**LOST, **TEXT, "fate": "cancellations", "failure": "cancelled"}
    thinking = {**cut, "response_model": "o3-mini-2025-01-31"}
    made = sized(*rows, cut, thinking).filter(pl.col("fate") == "cancellations")["made_output"]
    assert made[0] == pytest.approx(70, abs=1)
    assert made[1] != pytest.approx(70, abs=5)


def _at(seconds: int, lasts: int, **facts: object) -> dict[str, object]:
    start = START + timedelta(seconds=seconds)
    return {"trace_id": "t", "started_at": start, "ended_at": start + timedelta(seconds=lasts), **facts}


FAILED = {"fate": "retries", "usage_quality": "absent", "failure": "timeout"}


def test_a_failed_call_is_as_large_as_the_request_that_a_wrapper_sends_after_it() -> None:
    wrapped = [_at(0, 60, **FAILED), _at(62, 60, **FAILED), _at(124, 5, **known(5000, 90))]
    rows = sized(*[known(800, 40), known(1200, 60)] * 20, *wrapped).filter(pl.col("fate") == "retries")
    assert rows["whole_input_uncached"].to_list() == [5000, 5000]
    assert rows["whole_output"].to_list() == [90, 90]


@pytest.mark.parametrize(
    "after",
    [
        _at(30, 5, **known(5000, 90)),
        _at(600, 5, **known(5000, 90)),
        {**_at(62, 5, **known(5000, 90)), "trace_id": "other"},
        {**_at(62, 5, **known(5000, 90)), "operation": "embeddings"},
    ],
    ids=["runs beside it", "long after it", "in another trace", "another operation"],
)
def test_another_request_tells_nothing_of_a_failed_call(after: dict[str, object]) -> None:
    rows = sized(*[known(800, 40), known(1200, 60)] * 200, _at(0, 60, **FAILED), after)
    size = rows.filter(pl.col("fate") == "retries")["whole_input_uncached"].item()
    assert size == pytest.approx(1000, abs=60)
