"""The log of an egress proxy that two teams send their calls through: a line per answer that it saw whole."""

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pipeline.simulator.calls import ABANDONED, SECOND, Call
from pipeline.simulator.clock import Clock
from pipeline.simulator.company import ACCOUNTS
from pipeline.simulator.leaves import KINDS

_TEAMS = ("support", "search")
_HEADER = ("account", "provider", "model", "response_id", *(kind.replace("_uncached", "") for kind in KINDS))


def write_log(path: Path, calls: Sequence[Call], clock: Clock) -> int:
    """Write the log and return its lines: what providers answered, whether or not a span tells of it."""
    rows = sorted(
        (attempt.started, call.response_id, call)
        for call in calls
        if call.service.team in _TEAMS and call.service.dialects and call.outcome not in ABANDONED
        for attempt in call.attempts
        if attempt.is_kept and attempt.kind == "ok" and attempt.billed and clock.holds(attempt.started)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow([*_HEADER, "started_at"])
        for started, response_id, call in rows:
            at = datetime.fromtimestamp(started // SECOND, UTC)
            place = (ACCOUNTS[call.model.provider], call.model.provider, call.model.name, response_id)
            lines.writerow([*place, *call.use, f"{at:%Y-%m-%dT%H:%M:%SZ}"])
    return len(rows)
