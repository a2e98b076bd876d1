"""The answer key: which cause every token of drift has, by bucket and team."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pipeline.simulator.billing import charges
from pipeline.simulator.calls import ABANDONED, Call
from pipeline.simulator.clock import Clock, day_of
from pipeline.simulator.company import ENTRIES
from pipeline.simulator.fates import drifts, fate, kept_record
from pipeline.simulator.leaves import KINDS, Leaves
from pipeline.simulator.models import ACCOUNTS
from pipeline.simulator.service import Service

COLUMNS = (
    "month", "provider", "account", "model", "service_tier", "token_kind", "day", "team", "cause", "tokens",
)  # fmt: skip

CALL_COLUMNS = (
    "call_number", "trace_id", "span_id", "service", "team", "initiating_team", "provider", "model",
    "service_tier", "day", "dialects", "is_stream", "outcome", "fate", "attempts", "billed_attempts",
    "span_copies", "input_true", "output_true", "tokens_true", "tokens_traced", "tokens_metered",
    "workload", "is_sampled",
)  # fmt: skip

_Cell = tuple[str, str, str, str, str, str]


class Truth:
    """Adds up signed tokens; in every bucket of a month the causes add up to metered minus traced."""

    def __init__(self, clock: Clock, month: str) -> None:
        self.clock = clock
        self.month = month
        self._cells: dict[_Cell, list[int]] = {}
        self._anatomy: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])

    def add(self, call: Call) -> None:
        """Add a call."""
        for record in call.records:
            if record.leaves and record.copies:
                self._put(call, "traced", record.ended, record.leaves.times(record.copies))
        for cause, at, leaves in drifts(call, self.clock):
            self._put(call, cause, at, leaves)
        kept = call.kept
        best = kept_record(call)
        if kept and kept.billed and best and self.clock.holds(best.ended):
            sums = self._anatomy[call.team, "cancelled" if call.outcome in ABANDONED else call.workload]
            sums[0] += 1
            sums[1] += kept.billed.total

    def _put(self, call: Call, cause: str, at: int, leaves: Leaves) -> None:
        if not self.clock.holds(at) or not any(leaves):
            return
        model, tier = call.model, call.service.metered_tier
        cell = (model.provider, model.name, tier, day_of(at), call.team, cause)
        sums = self._cells.setdefault(cell, [0] * len(KINDS))
        for number, tokens in enumerate(leaves):
            sums[number] += tokens

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """Rows of truth.csv, sorted."""
        return sorted(
            (
                self.month,
                provider,
                ACCOUNTS.get(provider, provider),
                model,
                tier,
                kind,
                day,
                team,
                cause,
                tokens,
            )
            for (provider, model, tier, day, team, cause), sums in self._cells.items()
            for kind, tokens in zip(KINDS, sums, strict=True)
            if tokens
        )

    @property
    def anatomy(self) -> list[tuple[Any, ...]]:
        """Rows of anatomy.csv: what was traced and billed, by kind of work."""
        return [(self.month, *cell, *sums) for cell, sums in sorted(self._anatomy.items())]

    def totals(self) -> dict[str, int]:
        """Return tokens by cause."""
        sums: dict[str, int] = defaultdict(int)
        for *_, cause, tokens in self.rows:
            sums[cause] += tokens
        return dict(sorted(sums.items()))

    def gross(self) -> dict[str, int]:
        """Return absolute tokens by cause, summed over the cells."""
        sums: dict[str, int] = defaultdict(int)
        for *_, cause, tokens in self.rows:
            sums[cause] += abs(tokens)
        return dict(sorted(sums.items()))


def write_truth(folder: Path, truth: Truth, services: Iterable[Service]) -> None:
    """Write truth.csv, anatomy.csv and teams.csv."""
    write_rows(folder / "truth.csv", COLUMNS, truth.rows)
    write_rows(folder / "anatomy.csv", ("month", "team", "workload", "calls", "tokens"), truth.anatomy)
    teams = [
        (service.name, service.team, "+".join(service.dialects), service.project, service.key)
        for service in services
    ]
    teams += [(name, team, "", "", "") for name, team in ENTRIES.items()]
    write_rows(folder / "teams.csv", ("service", "team", "dialects", "project_id", "api_key_id"), teams)


def call_row(call: Call, clock: Clock) -> tuple[Any, ...]:
    """Return a row of calls.csv."""
    service = call.service
    traced = sum(record.copies * record.leaves.total for record in call.records if record.leaves)
    metered = sum(leaves.total for at, leaves in charges(call) if clock.holds(at))
    return (
        call.number, call.trace_id, call.span_id, service.name, call.team,
        ENTRIES.get(service.entry or "", call.team), call.model.provider, call.model.name, service.tier,
        day_of(call.ended), "+".join(service.dialects), call.is_stream, call.outcome.value, fate(call),
        len(call.attempts), sum(attempt.billed is not None for attempt in call.attempts),
        sum(record.copies for record in call.records), call.use.input, call.use.output, call.use.total,
        traced, metered, call.workload, call.is_sampled,
    )  # fmt: skip


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV with a header."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
