"""When things run: landing every night; the close of last month on the third, when exports have settled."""

from datetime import timedelta

import dagster as dg

from pipeline.period import Month

LANDING = dg.define_asset_job(
    "landing",
    selection=dg.AssetSelection.groups("raw"),
    description="Land what is new; what `tallystick land` does.",
)

CLOSE_MONTH = dg.define_asset_job(
    "close_month",
    selection=dg.AssetSelection.groups("raw", "core", "recon", "report", "published"),
    description="Land what is new, reconcile a month and publish it; what `tallystick close` does.",
)

DAILY_LANDING = dg.ScheduleDefinition(
    name="daily_landing",
    job=LANDING,
    cron_schedule="0 2 * * *",
    execution_timezone="UTC",
    description="Every night at 02:00 UTC.",
)


@dg.schedule(
    name="monthly_close",
    job=CLOSE_MONTH,
    cron_schedule="0 6 3 * *",
    execution_timezone="UTC",
    description="On the third at 06:00 UTC, for the month before: exports change for up to 72 hours.",
)
def monthly_close(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Ask for the close of the month before the one in which the schedule fires."""
    first = context.scheduled_execution_time.replace(day=1)
    month = str(Month.of(first - timedelta(days=1)))
    return dg.RunRequest(run_key=month, partition_key=month)


JOBS = (LANDING, CLOSE_MONTH)
SCHEDULES = (DAILY_LANDING, monthly_close)
