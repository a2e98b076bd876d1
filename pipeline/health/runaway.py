"""Traces that run away: a fan-out, a loop of re-prompts, a storm of retries."""

from typing import Any

from pipeline.watch import Alarm, Facts, Watch

_ADVICE = {
    "calls": "Stop the agent if it still runs, and give it a limit of steps or of tokens.",
    "repeats": "See what it asks again: an answer that never validates needs a limit of re-prompts.",
    "failures": "See which error comes back: retries need a longer back-off and a limit.",
}


def _find(facts: Facts) -> list[Alarm]:
    rows = facts.frames["long_traces"].sort("tokens", "trace_id", descending=[True, False])
    found = [_runaway(row, facts) for row in rows.iter_rows(named=True)]
    return [alarm for alarm in found if alarm]


def _runaway(row: dict[str, Any], facts: Facts) -> Alarm | None:
    bounds = facts.settings.health
    limits = {
        "calls": (bounds.trace_calls, "calls"),
        "repeats": (bounds.trace_repeats, "calls with one prompt size under one parent"),
        "failures": (bounds.trace_failures, "failed or repeated requests"),
    }
    beyond = {name: text for name, (limit, text) in limits.items() if row[name] > limit}
    if not beyond:
        return None
    minutes = (row["ended_at"] - row["started_at"]).total_seconds() / 60
    counts = ", ".join(f"{row[name]:,} {text}" for name, text in beyond.items())
    return Alarm(
        row["trace_id"],
        f"Trace {row['trace_id']} of {row['service'] or 'an unknown service'} has {counts} within "
        f"{minutes:,.0f} minutes from {row['started_at']:%Y-%m-%d %H:%M} UTC; "
        f"{row['tokens']:,} tokens logged.",
        " ".join(_ADVICE[name] for name in beyond),
    )


RUNAWAY = Watch(
    "no_trace_runs_away",
    "raw.span",
    "No trace has more calls, re-prompts or retries than it may have.",
    ("long_traces",),
    _find,
)
