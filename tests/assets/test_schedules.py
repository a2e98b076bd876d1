"""What runs by the clock: once a day also when a day has 23 or 25 hours, in the zone of the configuration."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from assets.definitions import build_defs
from assets.schedules import schedules
from pipeline.errors import ConfigError
from pipeline.schedule_settings import Schedule

BERLIN = ZoneInfo("Europe/Berlin")


def _ticks(schedule: dg.ScheduleDefinition, start: datetime, days: int) -> list[datetime]:
    """As the daemon computes them; there is no public name for it."""
    zone = schedule.execution_timezone
    times = schedule_execution_time_iterator(start.timestamp(), schedule.cron_schedule, zone, ascending=True)
    return list(takewhile(lambda at: at < start + timedelta(days=days), times))


@pytest.mark.parametrize("hour", [1, 2, 3])
@pytest.mark.parametrize(
    "start", [datetime(2026, 3, 26, 12, tzinfo=UTC), datetime(2026, 10, 22, 12, tzinfo=UTC)]
)
def test_what_lands_daily_lands_once_on_every_day_of_the_clock(start, hour) -> None:
    landing, _ = schedules(Schedule(timezone="Europe/Berlin", landing_hour=hour))

    times = _ticks(landing, start, 6)

    days = [at.astimezone(BERLIN).date() for at in times]
    assert len(days) == 6
    assert all((later - earlier).days == 1 for earlier, later in pairwise(days))
    late = [at.astimezone(BERLIN) for at in times if at.astimezone(BERLIN).hour != hour]
    assert [(at.day, at.month, at.hour) for at in late] in ([], [(29, 3, 3)])  # 02:00 is skipped on that day


@pytest.mark.parametrize(
    ("fires_at", "month"),
    [(datetime(2026, 11, 3, 6, tzinfo=UTC), "2026-10"), (datetime(2027, 1, 3, 6, tzinfo=UTC), "2026-12")],
)
def test_the_monthly_schedule_closes_the_month_before(fires_at, month) -> None:
    _, monthly = schedules(Schedule())
    with dg.build_schedule_context(scheduled_execution_time=fires_at) as context:
        request = monthly(context)

    assert request.partition_key == month
    assert request.tags["tallystick/close"] == "preliminary"


def test_schedules_follow_the_configuration(config_path) -> None:
    config_path.write_text(
        '[schedule]\nenabled = true\ntimezone = "Asia/Tokyo"\nlanding_hour = 5\npreliminary_day = 4\n'
        "closing_hour = 9\n",
        "utf-8",
    )
    found = {each.name: each for each in build_defs(config_path).schedules or ()}

    assert found["daily_landing"].cron_schedule == "0 5 * * *"
    assert found["monthly_close"].cron_schedule == "0 9 4 * *"
    assert {each.execution_timezone for each in found.values()} == {"Asia/Tokyo"}
    assert {each.default_status for each in found.values()} == {dg.DefaultScheduleStatus.RUNNING}


def test_nothing_runs_by_itself_unless_it_is_turned_on(config_path) -> None:
    defs = build_defs(config_path)

    assert {each.default_status.name for each in (*defs.schedules, *defs.sensors)} == {"STOPPED"}


def test_a_configuration_that_cannot_be_used_is_told_when_the_graph_is_loaded(config_path) -> None:
    config_path.write_text("[schedule]\nlanding_huor = 5\n", "utf-8")

    with pytest.raises(ConfigError, match="landing_hour"):
        build_defs(config_path)
