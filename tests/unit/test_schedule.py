"""When a month is closed by itself: days and hours are those of a clock on a wall, on days of any length."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline import schedule
from pipeline.schedule_settings import Schedule
from pipeline.stored import StoredFile

LANDED = datetime(2026, 11, 5, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "Europe"])
def test_a_time_zone_that_is_none_is_named(zone) -> None:
    with pytest.raises(ValidationError, match="Europe/Berlin"):
        Schedule(timezone=zone)


@pytest.mark.parametrize(
    ("zone", "landed", "closes"),
    [
        ("UTC", "2026-11-05T14:30+00:00", "2026-11-08T06:00+00:00"),
        ("Europe/Berlin", "2026-11-05T14:30+00:00", "2026-11-08T05:00+00:00"),
        # 23:30 UTC is the next day in Berlin
        ("Europe/Berlin", "2026-11-05T23:30+00:00", "2026-11-09T05:00+00:00"),
        # the clock is put forward on the 29th of March 2026 and back on the 25th of October
        ("Europe/Berlin", "2026-03-27T10:00+00:00", "2026-03-30T04:00+00:00"),
        ("Europe/Berlin", "2026-10-23T10:00+00:00", "2026-10-26T05:00+00:00"),
        ("America/New_York", "2026-03-06T15:00+00:00", "2026-03-09T10:00+00:00"),
        ("Asia/Kolkata", "2026-11-05T20:00+00:00", "2026-11-09T00:30+00:00"),
    ],
)
def test_the_close_comes_at_the_hour_of_the_clock(zone, landed, closes) -> None:
    found = schedule.closes_at(Schedule(timezone=zone), datetime.fromisoformat(landed))

    assert found == datetime.fromisoformat(closes)


@pytest.mark.parametrize(
    ("landed", "closes"),
    [
        ("2026-03-28T10:00+00:00", "2026-03-29T01:00+00:00"),
        ("2026-10-24T10:00+00:00", "2026-10-25T00:00+00:00"),
    ],
)
def test_an_hour_that_is_skipped_or_comes_twice_has_one_instant(landed, closes) -> None:
    berlin = Schedule(timezone="Europe/Berlin", closing_hour=2, closing_days=1)

    assert schedule.closes_at(berlin, datetime.fromisoformat(landed)) == datetime.fromisoformat(closes)


@given(
    st.integers(1_577_836_800, 2_051_222_400).map(lambda second: datetime.fromtimestamp(second, UTC)),
    st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"]),
    st.integers(0, 23),
    st.integers(1, 60),
)
def test_the_close_is_as_many_days_later_as_the_clock_shows(landed, zone, hour, days) -> None:
    found = schedule.closes_at(Schedule(timezone=zone, closing_hour=hour, closing_days=days), landed)

    here = ZoneInfo(zone)
    assert found > landed
    assert abs((found - landed) - timedelta(days=days)) < timedelta(days=1, hours=2)
    assert (found.astimezone(here).date() - landed.astimezone(here).date()).days == days


def test_without_days_to_wait_the_close_follows_at_once() -> None:
    assert schedule.closes_at(Schedule(closing_days=0), LANDED) == LANDED


def test_a_month_waits_for_the_last_of_its_invoices() -> None:
    settings = Schedule(closing_days=3)
    first = schedule.note({}, {"2026-10": ["A1 f1"]}, LANDED)
    same = schedule.note(first, {"2026-10": ["A1 f1"]}, LANDED + timedelta(days=1))
    more = schedule.note(same, {"2026-10": ["A1 f1", "B7 f2"]}, LANDED + timedelta(days=2))

    assert first == same
    assert schedule.due(settings, same, LANDED + timedelta(days=2)) == {}
    assert set(schedule.due(settings, same, LANDED + timedelta(days=3))) == {"2026-10"}
    assert schedule.due(settings, more, LANDED + timedelta(days=3)) == {}
    late = schedule.due(settings, more, LANDED + timedelta(days=5))
    assert set(late) == {"2026-10"}
    assert late["2026-10"] != first["2026-10"].invoices


def test_the_order_of_invoices_says_nothing() -> None:
    one, other = (schedule.note({}, {"2026-10": words}, LANDED) for words in (["a", "b"], ["b", "a"]))

    assert one == other


def test_a_cursor_holds_what_was_seen() -> None:
    seen = schedule.note({}, {"2026-10": ["A1 f1"], "2026-09": ["A0 f0"]}, LANDED)

    assert schedule.read(schedule.written(seen)) == seen
    assert schedule.read(None) == {}


def test_invoices_are_told_by_month() -> None:
    rows = pl.DataFrame(
        {
            "month": ["2026-09", "2026-10", "2026-10"],
            "invoice_id": ["A", "B", "C"],
            "file_id": ["1", "2", "3"],
        }
    )

    assert schedule.invoices_of(rows) == {"2026-09": ("A 1",), "2026-10": ("B 2", "C 3")}


def test_a_file_that_is_written_again_changes_what_a_place_offers() -> None:
    def offered(size: int, hour: int) -> str:
        at = datetime(2026, 11, 5, hour, tzinfo=UTC)
        return schedule.state_of([StoredFile(None, "invoice.json", size, at)])

    assert offered(10, 1) == offered(10, 1)
    assert len({offered(10, 1), offered(11, 1), offered(10, 2), schedule.state_of([])}) == 4


@pytest.mark.parametrize(
    ("zone", "fires", "month"),
    [
        ("UTC", "2026-11-03T06:00+00:00", "2026-10"),
        ("UTC", "2027-01-03T06:00+00:00", "2026-12"),
        # the first of November in Auckland, when it is still October in Greenwich
        ("Pacific/Auckland", "2026-10-31T17:00+00:00", "2026-10"),
    ],
)
def test_the_month_before_is_that_of_the_clock(zone, fires, month) -> None:
    assert str(schedule.month_before(Schedule(timezone=zone), datetime.fromisoformat(fires))) == month
