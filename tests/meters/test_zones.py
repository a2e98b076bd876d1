"""Months as the provider of a row dates them."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from pipeline.metering.zones import day_start, is_in
from pipeline.period import Month

OCTOBER = Month(2026, 10)


@pytest.mark.parametrize(
    ("provider", "instant", "expected"),
    [
        ("openai", datetime(2026, 9, 30, 23, 59, 59, 999_999, UTC), False),
        ("openai", datetime(2026, 10, 1, tzinfo=UTC), True),
        ("openai", datetime(2026, 10, 31, 23, 59, 59, 999_999, UTC), True),
        ("openai", datetime(2026, 11, 1, tzinfo=UTC), False),
        # Google bills in Pacific time: seven hours behind UTC in October.
        ("gcp.gemini", datetime(2026, 10, 1, 6, 59, 59, 999_999, UTC), False),
        ("gcp.gemini", datetime(2026, 10, 1, 7, tzinfo=UTC), True),
        ("gcp.gemini", datetime(2026, 11, 1, 6, 59, 59, 999_999, UTC), True),
        ("gcp.gemini", datetime(2026, 11, 1, 7, tzinfo=UTC), False),
        ("self_hosted", datetime(2026, 11, 1, tzinfo=UTC), False),
    ],
)
def test_a_month_ends_where_the_next_one_begins(provider: str, instant: datetime, *, expected: bool) -> None:
    frame = pl.DataFrame(
        {"provider": [provider], "at": [instant]}, schema_overrides={"at": pl.Datetime("us", "UTC")}
    )
    assert frame.select(is_in(OCTOBER, pl.col("at")))["at"].to_list() == [expected]
    assert frame.select(is_in(OCTOBER.next, pl.col("at")))["at"].to_list() == [
        not expected and instant >= datetime(2026, 11, 1, tzinfo=UTC)
    ]


def test_a_day_on_which_clocks_go_back_has_25_hours() -> None:
    days = pl.DataFrame({"provider": ["gcp.gemini"] * 2, "day": [date(2026, 11, 1), date(2026, 11, 2)]})
    starts = days.select(day_start(pl.col("day")))["day"].to_list()
    assert starts == [datetime(2026, 11, 1, 7, tzinfo=UTC), datetime(2026, 11, 2, 8, tzinfo=UTC)]
