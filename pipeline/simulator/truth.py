"""The answer key: which cause every token of drift has, by bucket and team."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.simulator.billing import charges
from pipeline.simulator.calls import ABANDONED, UNTOLD, Call, Outcome, Record
from pipeline.simulator.clock import Clock, day_of
from pipeline.simulator.company import ACCOUNTS, ENTRIES, SERVICES
from pipeline.simulator.leaves import KINDS, NOTHING, Leaves
from pipeline.simulator.tracing import RANKS

ADDED_START = "duplicate_spans"
"""Cause of output that an instrumentation counted twice: tokens that the trace holds more than once."""

COLUMNS = (
    "month", "provider", "account", "model", "service_tier", "token_kind", "day", "team", "cause", "tokens",
)  # fmt: skip

CALL_COLUMNS = (
    "call_number", "trace_id", "span_id", "service", "team", "initiating_team", "provider", "model",
    "service_tier", "day", "dialects", "is_stream", "outcome", "fate", "attempts", "billed_attempts",
    "span_copies", "input_true", "output_true", "tokens_true", "tokens_traced", "tokens_metered",
)  # fmt: skip


class Truth:
    """Adds up signed tokens; for every bucket the causes add up to metered minus traced."""

    def __init__(self, clock: Clock, month: str) -> None:
        self.clock = clock
        self.month = month
        self.cells: dict[tuple[str, ...], int] = defaultdict(int)

    def add(self, call: Call) -> None:
        """Add a call."""
        for record in call.records:
            self._put(call, "traced", record.ended, (record.leaves or NOTHING).times(record.copies))
        kept = _kept(call)
        for record in call.records:
            copies = record.copies - (record is kept)
            self._put(call, "duplicate_spans", record.ended, (record.leaves or NOTHING).times(-copies))
        for attempt in call.attempts:
            if attempt.billed is not None and not attempt.is_kept:
                self._put(call, "retries", attempt.ended, attempt.billed)
        self._add_compaction(call)
        self._add_kept(call, kept)

    def _add_compaction(self, call: Call) -> None:
        at, leaves = charges(call)[-1] if charges(call) else (0, NOTHING)
        if call.compaction is not None and leaves is call.compaction:
            self._put(call, "summary_compaction", at, leaves)

    def _add_kept(self, call: Call, record: Record | None) -> None:
        """Explain the kept attempt: what the provider counted for it against what the span says."""
        attempt = call.kept
        billed = attempt.billed if attempt else None
        told = record.leaves if record and record.leaves else NOTHING
        if attempt is None or billed is None:
            if record:
                self._put(call, "not_billed", record.ended, told.times(-1))
            return
        booked = attempt.ended + call.meter_lag
        if record is None:
            self._put(call, _untold_cause(call), booked, billed)
        elif day_of(booked) != day_of(record.ended):
            self._put(call, "period_boundary", record.ended, told.times(-1))
            self._put(call, "period_boundary", booked, billed)
        else:
            for cause, leaves in _differences(call, record, billed, told).items():
                self._put(call, cause, booked, leaves)

    def _put(self, call: Call, cause: str, at: int, leaves: Leaves) -> None:
        if not self.clock.holds(at):
            return
        provider = call.model.provider
        account = ACCOUNTS.get(provider, provider)
        where = (self.month, provider, account, call.model.name, call.service.metered_tier)
        for kind, tokens in zip(KINDS, leaves, strict=True):
            if tokens:
                self.cells[*where, kind, day_of(at), call.team, cause] += tokens

    def totals(self) -> dict[str, int]:
        """Return tokens by cause."""
        sums: dict[str, int] = defaultdict(int)
        for cell, tokens in self.cells.items():
            sums[cell[-1]] += tokens
        return dict(sorted(sums.items()))

    def gross(self) -> dict[str, int]:
        """Return absolute tokens by cause, summed over the cells."""
        sums: dict[str, int] = defaultdict(int)
        for cell, tokens in self.cells.items():
            sums[cell[-1]] += abs(tokens)
        return dict(sorted(sums.items()))


def _kept(call: Call) -> Record | None:
    """Return the record that tells of the call: the richest that arrived with counts."""
    arrived = [
        record
        for record in call.records
        if record.copies and not record.is_aggregate and record.leaves and record.leaves.total
    ]
    return min(arrived, key=lambda record: RANKS.get(record.dialect, 5)) if arrived else None


def _untold_cause(call: Call) -> str:
    """Return why nothing was recorded: the first fate that fits."""
    if call.unseen:
        return call.unseen
    if call.outcome in ABANDONED:
        return "cancellations"
    return "retries" if call.outcome is Outcome.BROKEN else "missing_usage"


def _differences(call: Call, record: Record, billed: Leaves, told: Leaves) -> Mapping[str, Leaves]:
    """Split metered minus recorded of one kept attempt over causes."""
    rest = billed.minus(told)
    moved = Leaves(-sum(rest[1:5]), *rest[1:5], 0)
    rest = rest.minus(moved)
    parts = {"cache_convention": moved}
    if record.added_start:
        parts[ADDED_START] = Leaves(output=-record.added_start)
        rest = rest._replace(output=rest.output + record.added_start)
    if record.is_estimate and call.reasoning:
        parts["reasoning"] = Leaves(output=call.reasoning)
        rest = rest._replace(output=rest.output - call.reasoning)
    if any(rest):
        parts[_rest_cause(call)] = rest
    return parts


def _rest_cause(call: Call) -> str:
    if call.outcome in ABANDONED or call.outcome is Outcome.BROKEN:
        return _untold_cause(call)
    return "tokenizer_mismatch"


def fate(call: Call) -> str:
    """Return in one word what became of a call."""
    kept = _kept(call)
    attempt = call.kept
    if call.outcome is Outcome.GAVE_UP:
        return "retries"
    if attempt is None or attempt.billed is None:
        return "not_billed"
    if kept is None or call.outcome in ABANDONED or call.outcome in UNTOLD:
        return "tokenizer_mismatch" if kept and kept.is_estimate else _untold_cause(call)
    return "retries" if len(call.attempts) > 1 or call.outcome is Outcome.BROKEN else "agrees"


def write_truth(folder: Path, truth: Truth, calls: Sequence[Call]) -> None:
    """Write truth.csv, calls.csv and teams.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [(*cell, tokens) for cell, tokens in sorted(truth.cells.items()) if tokens]
    _write(folder / "truth.csv", COLUMNS, rows)
    _write(folder / "calls.csv", CALL_COLUMNS, (_call_row(call, truth.clock) for call in calls))
    teams = [
        (service.name, service.team, "+".join(service.dialects), service.project, service.key)
        for service in SERVICES
    ]
    teams += [(name, team, "", "", "") for name, team in ENTRIES.items()]
    _write(folder / "teams.csv", ("service", "team", "dialects", "project_id", "api_key_id"), teams)


def _call_row(call: Call, clock: Clock) -> tuple[Any, ...]:
    service = call.service
    traced = sum(record.copies * record.leaves.total for record in call.records if record.leaves)
    metered = sum(leaves.total for at, leaves in charges(call) if clock.holds(at))
    return (
        call.number, call.trace_id, call.span_id, service.name, call.team,
        ENTRIES.get(service.entry or "", call.team), call.model.provider, call.model.name, service.tier,
        day_of(call.ended), "+".join(service.dialects), call.is_stream, call.outcome.value, fate(call),
        len(call.attempts), sum(attempt.billed is not None for attempt in call.attempts),
        sum(record.copies for record in call.records), call.use.input, call.use.output, call.use.total,
        traced, metered,
    )  # fmt: skip


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
