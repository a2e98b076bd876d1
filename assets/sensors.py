"""What runs when something comes: an invoice, the day on which its month is closed, a late file.

A sensor never opens the warehouse, which a run may hold: what has landed it reads from what the last landing
told beside its assets.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from assets.factory import key_of
from assets.jobs import CLOSE_AND_MAIL, CLOSE_MONTH, LANDING
from assets.partitions import MONTHS
from assets.raw import INVOICES, LATE_FILES
from assets.resources import Configuration
from assets.schedules import CLOSE_TAG
from pipeline import schedule
from pipeline.errors import StorageError
from pipeline.schedule_settings import Schedule
from pipeline.settings import Settings
from pipeline.storage import list_files

_SECONDS = 60


def _now() -> datetime:
    return datetime.now(UTC)


def sensors(settings: Schedule, clock: Callable[[], datetime] = _now) -> tuple[dg.SensorDefinition, ...]:
    """Return the sensors; `clock` tells the time."""
    status = dg.DefaultSensorStatus.RUNNING if settings.enabled else dg.DefaultSensorStatus.STOPPED
    return _invoice_arrival(status), _invoice_close(status, clock), _late_files(status)


def _offered(settings: Settings) -> str:
    """Return what changes when a file of an invoice source comes, goes or is written again."""
    found = [
        file
        for source in settings.sources
        if source.kind == "invoice"
        for file in list_files(settings.root, source.uri, settings.s3.endpoint_url).files
    ]
    return schedule.state_of(found) if found else ""


def _invoice_arrival(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.sensor(
        name="invoice_arrival",
        job=LANDING,
        minimum_interval_seconds=_SECONDS,
        default_status=status,
        description="Lands at once when a file of an invoice source comes or is written again.",
    )
    def _look(
        context: dg.SensorEvaluationContext, configuration: Configuration
    ) -> dg.SensorResult | dg.SkipReason:
        try:
            state = _offered(configuration.settings())
        except StorageError as error:
            return dg.SkipReason(f"The invoice sources cannot be listed now: {error} It is tried again.")
        if state == (context.cursor or ""):
            return dg.SkipReason("No invoice has come since the last landing.")
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=state)], cursor=state)

    return _look


def _told(instance: dg.DagsterInstance, table: str, label: str) -> dict[str, Any] | None:
    """Return what the last landing told of a table; null where nothing has landed."""
    event = instance.get_latest_materialization_event(key_of(table))
    value = event.asset_materialization.metadata.get(label) if event and event.asset_materialization else None
    return dict(value.value) if isinstance(value, dg.JsonMetadataValue) else None  # type: ignore[arg-type]


def _requests(months: dict[str, str], kind: str, job: str) -> Iterator[dg.RunRequest]:
    """Return a run for every month that is a partition; the same state of a month is asked for once."""
    for month, mark in months.items():
        if MONTHS.has_partition_key(month):
            yield dg.RunRequest(
                job_name=job,
                run_key=f"{kind} {month} {mark}",
                partition_key=month,
                tags={CLOSE_TAG: kind},
            )


def _invoice_close(status: dg.DefaultSensorStatus, clock: Callable[[], datetime]) -> dg.SensorDefinition:
    @dg.sensor(
        name="invoice_close",
        jobs=[CLOSE_MONTH, CLOSE_AND_MAIL],
        minimum_interval_seconds=_SECONDS,
        default_status=status,
        description="Closes a month once more, a set number of days after the last of its invoices landed.",
    )
    def _look(
        context: dg.SensorEvaluationContext, configuration: Configuration
    ) -> dg.SensorResult | dg.SkipReason:
        landed = _told(context.instance, "raw.invoice", INVOICES)
        if landed is None:
            return dg.SkipReason("Nothing has landed yet.")
        now, settings = clock(), configuration.settings().schedule
        job = (CLOSE_AND_MAIL if settings.mail else CLOSE_MONTH).name
        seen = schedule.note(schedule.read(context.cursor), landed, now)
        asked = list(_requests(schedule.due(settings, seen, now), "final", job))
        return dg.SensorResult(run_requests=asked, cursor=schedule.written(seen))

    return _look


def _late_files(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.sensor(
        name="late_files",
        job=CLOSE_MONTH,
        minimum_interval_seconds=_SECONDS,
        default_status=status,
        description="Compares a locked month when files come late for it; it stays locked and as it is.",
    )
    def _look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        late = _told(context.instance, "raw.file", LATE_FILES)
        if not late:
            return dg.SkipReason("No file has come late for a locked month.")
        months = {month: schedule.fingerprint(files) for month, files in late.items()}
        return dg.SensorResult(run_requests=list(_requests(months, "comparison", CLOSE_MONTH.name)))

    return _look
