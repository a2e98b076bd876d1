from datetime import UTC, datetime, timedelta

import pytest

from pipeline.errors import ConfigError
from pipeline.period import Month


def test_a_month_is_half_open_and_follows_the_year() -> None:
    december = Month.parse("2026-12")
    assert december.start() == datetime(2026, 12, 1, tzinfo=UTC)
    assert december.end() == datetime(2027, 1, 1, tzinfo=UTC)
    assert str(december.next) == "2027-01"


def test_a_month_in_a_zone_with_summer_time_is_an_hour_longer() -> None:
    november = Month.parse("2026-11")
    zone = "America/Los_Angeles"
    assert november.start(zone) == datetime(2026, 11, 1, 7, tzinfo=UTC)
    assert november.end(zone) - november.start(zone) == timedelta(days=30, hours=1)


@pytest.mark.parametrize("text", ["2026-13", "2026", "10-2026", "", "2026-10-01"])
def test_what_is_no_month_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ConfigError, match="YYYY-MM"):
        Month.parse(text)
