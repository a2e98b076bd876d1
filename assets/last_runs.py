"""The newest runs of a Dagster instance; `tallystick status` imports this only where there is one."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from dagster._core.instance.ref import InstanceRef  # no public name tells where runs lie without making them

from assets.jobs import JOBS
from pipeline.errors import TallystickError
from pipeline.status import RunStanding
from reports import format as fmt

_LOOK_BACK = 100
"""Runs of each job among which months whose newest run failed are found."""

_WHY = 400
_PARTITION = "dagster/partition"


def last_runs(home: Path, now: datetime) -> tuple[RunStanding, ...]:
    """Return the newest run of each job, and of each month for which that failed; none where nothing has run.

    Nothing is made: neither folders nor tables.

    Raises:
        TallystickError: there is an instance and it cannot be read.
    """
    try:
        existing = _existing(home)
        if existing is None:
            return ()
        with dg.DagsterInstance.from_ref(existing) as instance:
            return tuple(run for job in JOBS for run in _newest(instance, job.name, now))
    except Exception as error:
        raise TallystickError(
            f"The runs of the instance in {home} cannot be read: {_one_line(str(error))} See whether "
            "dagster.yaml is right and its database answers."
        ) from error


def _existing(home: Path) -> InstanceRef | None:
    """Return an instance that makes no tables; null where it has no runs yet."""
    found = InstanceRef.from_dir(str(home))
    storage = found.storage_data
    config = dict(storage.config_dict) if storage else {}
    if storage and storage.class_name == "DagsterSqliteStorage":
        folder = config["base_dir"]
        folder = os.environ[folder["env"]] if isinstance(folder, dict) else folder
        return found if (Path(folder) / "history" / "runs.db").is_file() else None
    if storage and storage.class_name == "DagsterPostgresStorage":
        as_it_is = json.dumps({**config, "should_autocreate_tables": False})
        return found._replace(storage_data=storage._replace(config_yaml=as_it_is))
    return found


def _newest(instance: dg.DagsterInstance, job: str, now: datetime) -> Iterator[RunStanding]:
    months: dict[str | None, dg.RunRecord] = {}
    for record in instance.get_run_records(dg.RunsFilter(job_name=job), limit=_LOOK_BACK):
        months.setdefault(record.dagster_run.tags.get(_PARTITION), record)
    for place, (month, record) in enumerate(months.items()):
        if place == 0 or record.dagster_run.is_failure:
            yield _standing(instance, month, record, now)


def _standing(
    instance: dg.DagsterInstance, month: str | None, record: dg.RunRecord, now: datetime
) -> RunStanding:
    run = record.dagster_run
    started = datetime.fromtimestamp(record.start_time, UTC) if record.start_time else None
    ended = datetime.fromtimestamp(record.end_time, UTC) if record.end_time else now
    seconds = (ended - started).total_seconds() if started else None
    why = _why(instance, run.run_id) if run.is_failure else None
    return RunStanding(run.job_name, month, run.status.value.lower(), started, seconds, why, run.run_id)


def _why(instance: dg.DagsterInstance, run_id: str) -> str:
    """Return what the first step that failed says, else what the run ended with."""
    of_type = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    events = [entry.dagster_event for entry in instance.all_logs(run_id, of_type) if entry.dagster_event]
    for event in events:
        error = event.step_failure_data.error if event.is_step_failure else None
        while error and error.cause:
            error = error.cause
        if error:
            return f"{event.step_key}: {_one_line(_without_class(error.message))}"
    return _one_line(events[-1].message or "") if events else "it left no word"


def _without_class(message: str) -> str:
    """Return what an error says: where its class lives is nothing that its reader can use."""
    name, _, said = message.partition(": ")
    return said if said and "." in name and " " not in name else message


def _one_line(text: str) -> str:
    return fmt.label(" ".join(text.split()), _WHY)
