"""Which cause the drift of a call has: every billed attempt has one fate, the first that fits."""

from collections.abc import Iterator
from typing import NamedTuple

from pipeline.simulator.billing import booked
from pipeline.simulator.calls import ABANDONED, Call, Outcome, Record
from pipeline.simulator.clock import Clock
from pipeline.simulator.leaves import NOTHING, Leaves
from pipeline.simulator.tracing import RANKS

ADDED_START = "duplicate_spans"
"""Cause of output that an instrumentation counted twice: tokens that the trace holds more than once."""


class Drift(NamedTuple):
    """Tokens of one cause at one instant."""

    cause: str
    at: int
    leaves: Leaves


def drifts(call: Call, clock: Clock) -> Iterator[Drift]:
    """Yield all that makes what is metered of a call differ from what is traced."""
    record = kept_record(call)
    for one in call.records:
        copies = one.copies - (one is record)
        if copies and one.leaves:
            yield Drift("duplicate_spans", one.ended, one.leaves.times(-copies))
    for attempt in call.attempts:
        if attempt.billed is not None and not attempt.is_kept:
            yield Drift(call.unseen or "retries", booked(call, attempt), attempt.billed)
    yield from _kept(call, record, clock)


def kept_record(call: Call) -> Record | None:
    """Return the record that tells of the call: the richest that arrived with counts."""
    arrived = [
        record
        for record in call.records
        if record.copies and not record.is_aggregate and record.leaves and record.leaves.total
    ]
    return min(arrived, key=lambda record: RANKS.get(record.dialect, 5)) if arrived else None


def _kept(call: Call, record: Record | None, clock: Clock) -> Iterator[Drift]:
    """Explain the kept attempt: what the provider counted for it against what the span says."""
    attempt = call.kept
    told = record.leaves if record and record.leaves else NOTHING
    if attempt is None or attempt.billed is None:
        if record:
            yield Drift("not_billed", record.ended, told.times(-1))
        return
    at = booked(call, attempt)
    compacted = call.compaction or NOTHING
    if record is None:
        yield Drift(untold_cause(call), at, attempt.billed.plus(compacted))
    elif clock.holds(at) != clock.holds(record.ended):
        yield Drift("period_boundary", record.ended, told.times(-1))
        yield Drift("period_boundary", at, attempt.billed.plus(compacted))
    else:
        if not record.holds_compaction:
            yield Drift("summary_compaction", at, compacted)
            compacted = NOTHING
        yield from _differences(call, record, attempt.billed.plus(compacted).minus(told), at)


def untold_cause(call: Call) -> str:
    """Return why nothing was recorded: the first fate that fits."""
    if call.unseen:
        return call.unseen
    if call.outcome is Outcome.BROKEN:
        return "retries"
    if not call.is_sampled:
        return "sampling"
    return "cancellations" if call.outcome in ABANDONED else "missing_usage"


def _differences(call: Call, record: Record, rest: Leaves, at: int) -> Iterator[Drift]:
    """Split metered minus recorded of one kept attempt over causes."""
    moved = Leaves(-sum(rest[1:5]), *rest[1:5], 0)
    rest = rest.minus(moved)
    yield Drift("cache_convention", at, moved)
    if record.added_start:
        yield Drift(ADDED_START, at, Leaves(output=-record.added_start))
        rest = rest._replace(output=rest.output + record.added_start)
    if record.is_estimate or record.hides_reasoning:
        yield Drift("reasoning", at, Leaves(output=call.reasoning))
        rest = rest._replace(output=rest.output - call.reasoning)
    if any(rest):
        is_cut = call.outcome in ABANDONED or call.outcome is Outcome.BROKEN
        yield Drift(untold_cause(call) if is_cut else "tokenizer_mismatch", at, rest)


def fate(call: Call) -> str:
    """Return in one word what became of a call."""
    record, attempt = kept_record(call), call.kept
    if call.outcome is Outcome.GAVE_UP:
        return "retries"
    if attempt is None or attempt.billed is None:
        return "not_billed"
    if record is None or call.outcome in ABANDONED:
        return untold_cause(call)
    if record.is_estimate:
        return "tokenizer_mismatch"
    return "retries" if len(call.attempts) > 1 or call.outcome is Outcome.BROKEN else "agrees"
