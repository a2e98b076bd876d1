"""Looks at what landed or was closed, and says what is not as it should be; nothing is written."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from assets.laws import CheckResult
from pipeline.health import DAILY, MONTHLY
from pipeline.period import Month
from pipeline.settings import Settings
from pipeline.warehouse import Warehouse
from pipeline.watch import Alarm, Facts, Watch

_LOOK_BACK = timedelta(days=35)
"""What is usual on a weekday is known from four weeks."""

_DAY = timedelta(days=2)
"""What is landed at night is of the day before, and of the zones behind."""

_TOLD = 5
_PLACES = 50


def watch_landing(config: Settings, now: datetime | None = None) -> tuple[CheckResult, ...]:
    """Return what each daily watch says of what has landed."""
    now = now or datetime.now(UTC)
    bounds = config.health
    parameters = {
        "now": now,
        "since": now - _LOOK_BACK,
        "day": now - _DAY,
        "calls": bounds.trace_calls,
        "repeats": bounds.trace_repeats,
        "failures": bounds.trace_failures,
    }
    with Warehouse.look(config.warehouse_file) as warehouse:
        return _watched(DAILY, config, now, warehouse, parameters)


def watch_month(config: Settings, month: Month, now: datetime | None = None) -> tuple[CheckResult, ...]:
    """Return what each monthly watch says of a month as it is committed."""
    with Warehouse.look(config.warehouse_file) as warehouse:
        return _watched(MONTHLY, config, now or datetime.now(UTC), warehouse, {"month": str(month)})


def _watched(
    watches: Iterable[Watch],
    config: Settings,
    now: datetime,
    warehouse: Warehouse,
    parameters: dict[str, Any],
) -> tuple[CheckResult, ...]:
    watches = tuple(watches)
    names = {name for watch in watches for name in watch.reads}
    frames = {name: warehouse.run(f"health/{name}", **parameters) for name in sorted(names)}
    facts = Facts(config, now, frames, parameters.get("month", ""))
    return tuple(result(watch, watch.find(facts)) for watch in watches)


def result(watch: Watch, alarms: list[Alarm]) -> CheckResult:
    """Return what a watch says: the first alarms, how many more there are, and then what to do, each once."""
    if not alarms:
        return CheckResult(watch.code, watch.table, True, watch.sentence, {"alarms": 0})
    first = alarms[:_TOLD]
    more = [f"And {len(alarms) - _TOLD:,} more."] if len(alarms) > _TOLD else []
    lines = [*(alarm.message for alarm in first), *more, *dict.fromkeys(alarm.advice for alarm in first)]
    places = list(dict.fromkeys(alarm.where for alarm in alarms))[:_PLACES]
    metadata = {"alarms": len(alarms), "where": ", ".join(places)}
    return CheckResult(watch.code, watch.table, False, "\n".join(lines), metadata)
