"""Sources whose newest row is older than it may be."""

from datetime import datetime
from typing import Any

from pipeline.watch import Alarm, Facts, Watch


def _find(facts: Facts) -> list[Alarm]:
    rows = facts.frames["newest"]
    landed = set(rows["source"])
    silent = [
        Alarm(
            source.name,
            f"Source '{source.name}' ({source.kind}) has no row at all.",
            f"See whether '{source.uri}' has files: `tallystick check`.",
        )
        for source in facts.settings.sources
        if source.name not in landed
    ]
    known = {source.name for source in facts.settings.sources}
    late = [_late(row, facts) for row in rows.sort("source", "kind", "provider").iter_rows(named=True)]
    return silent + [alarm for alarm in late if alarm and alarm.where in known]


def _late(row: dict[str, Any], facts: Facts) -> Alarm | None:
    newest: datetime = row["newest_at"]
    hours = (facts.now - newest).total_seconds() / 3600
    allowed = facts.settings.health.lag_hours(row["kind"], row["provider"], row["source"])
    if hours <= allowed:
        return None
    whose = f" of {row['provider']}" if row["provider"] else ""
    return Alarm(
        row["source"],
        f"Source '{row['source']}' ({row['kind']}{whose}) ends {newest:%Y-%m-%d %H:%M} UTC, "
        f"{hours:,.0f} hours ago; up to {allowed:,} are usual.",
        "See whether the export or the collector still runs; if it is meant to be slower, raise its "
        "[[health.lags]], and if it has ended, take it out of the sources.",
    )


FRESHNESS = Watch("sources_are_fresh", "raw.file", "No source is older than it may be.", ("newest",), _find)
