"""What runs by the clock: landing every day, and the close of last month on a day of the month."""

import dagster as dg

from assets.jobs import CLOSE_MONTH, LANDING
from pipeline.schedule import month_before
from pipeline.schedule_settings import Schedule

CLOSE_TAG = "tallystick/close"
"""Tag of a run that nobody asked for: preliminary, final or comparison."""


def schedules(settings: Schedule) -> tuple[dg.ScheduleDefinition, ...]:
    """Return the schedules, on the clock of the configuration."""
    status = dg.DefaultScheduleStatus.RUNNING if settings.enabled else dg.DefaultScheduleStatus.STOPPED
    landing = dg.ScheduleDefinition(
        name="daily_landing",
        job=LANDING,
        cron_schedule=f"0 {settings.landing_hour} * * *",
        execution_timezone=settings.timezone,
        default_status=status,
        description=f"Every day at {settings.landing_hour:02}:00, {settings.timezone}.",
    )
    return landing, _monthly_close(settings, status)


def _monthly_close(settings: Schedule, status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    @dg.schedule(
        name="monthly_close",
        job=CLOSE_MONTH,
        cron_schedule=f"0 {settings.closing_hour} {settings.preliminary_day} * *",
        execution_timezone=settings.timezone,
        default_status=status,
        description=f"On day {settings.preliminary_day} at {settings.closing_hour:02}:00, "
        f"{settings.timezone}, for the month before, with or without its invoices.",
    )
    def _close(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        month = str(month_before(settings, context.scheduled_execution_time))
        return dg.RunRequest(run_key=month, partition_key=month, tags={CLOSE_TAG: "preliminary"})

    return _close
