"""A month of a company, written as the files that providers and collectors would write, with its truth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from pipeline.simulator import anthropic_files, openai_files
from pipeline.simulator.billing import Bill, bill
from pipeline.simulator.calls import SECOND, Call, Outcome
from pipeline.simulator.clock import Clock
from pipeline.simulator.company import Service
from pipeline.simulator.configuration import write_configuration
from pipeline.simulator.delivery import Broken, batches, write_traces
from pipeline.simulator.faults import Mishaps
from pipeline.simulator.invoices import write_invoices
from pipeline.simulator.mix import DEMO, Mix
from pipeline.simulator.otlp import Span
from pipeline.simulator.proxy_files import write_log
from pipeline.simulator.staff import staff
from pipeline.simulator.tracing import Tracer
from pipeline.simulator.traffic import Traffic, Trip
from pipeline.simulator.truth import Truth, write_truth

Progress = Callable[[str, int, int], None]
"""Told a stage, how much of it is done, and how much there is."""

_STRAGGLERS = 300
"""One in so many single calls ends just before the month does (or did) and is booked just after."""

_LAG = 90 * SECOND


@dataclass(frozen=True)
class World:
    """What was written."""

    folder: Path
    configuration: Path
    truth: Path
    """Folder of the answer key."""
    month: str
    seed: int
    calls: int
    spans: int
    causes: dict[str, int]
    """Tokens by cause; `traced` and all others add up to what was metered."""


def write(  # noqa: PLR0913 - what a world is made of
    folder: Path,
    *,
    seed: int = 7,
    month: str = "2026-10",
    calls: int = 12_000,
    progress: Progress | None = None,
    mix: Mix | None = None,
) -> World:
    """Write a month into a folder and return what it holds.

    The same seed, month and number of calls give the same bytes. Beside configuration, traces, exports and
    invoices the folder gets `truth/`, which nothing else refers to. Without a mix it is
    the month of the demo.
    """
    clock, mix = Clock.of(month), mix or DEMO
    services = staff(mix)
    folder.mkdir(parents=True, exist_ok=True)
    rng = Random(seed)  # noqa: S311 - a simulation wants to be predictable
    tell: Progress = progress or (lambda _stage, _done, _whole: None)
    happened, spans = _happen(clock, services, mix, calls, rng, tell)
    lossy = frozenset(service.name for service in services if service.is_lossy)
    sent = batches(spans, lossy, rng)
    names, broken = write_traces(
        folder / "traces", sent, lambda done, whole: tell("writing traces", done, whole)
    )
    billed = bill(happened, clock, mix.grain, rng)
    totals = _write_bills(folder, billed, clock, rng)
    write_log(folder / "proxy" / "requests.csv", happened, clock)
    truth = Truth(clock, month)
    for call in happened:
        truth.add(call)
    write_truth(folder / "truth", truth, happened)
    written = sum(len(batch.spans) for batch in sent)
    summary = _summary(truth, happened, broken) | {
        "seed": seed, "mix": mix.told(),
        "month": month, "calls": len(happened), "spans": written, "trace_files": names,
        "invoice_totals": {provider: str(total) for provider, total in totals.items()},
    }  # fmt: skip
    text = msgspec.json.format(msgspec.json.encode(summary, order="sorted"), indent=1)
    (folder / "truth" / "summary.json").write_bytes(text + b"\n")
    write_configuration(folder / "tallystick.toml")
    tell("writing exports and truth", 1, 1)
    return World(
        folder, folder / "tallystick.toml", folder / "truth", month, seed, len(happened), written,
        truth.totals(),
    )  # fmt: skip


def _happen(  # noqa: PLR0913, PLR0917
    clock: Clock, services: Sequence[Service], mix: Mix, calls: int, rng: Random, tell: Progress
) -> tuple[list[Call], list[Span]]:
    """Let the month happen, service by service."""
    traffic, tracer = Traffic(rng, clock, Mishaps(rng)), Tracer(rng, clock)
    whole = sum(service.share for service in services)
    happened: list[Call] = []
    spans: list[Span] = []
    apart = round(_STRAGGLERS / mix.period_boundary) if mix.period_boundary else 0
    due = apart // 2
    for service in services:
        budget = max(1, round(calls * service.share / whole))
        for trip in traffic.trips(service, budget):
            due -= service.shape == "single" and bool(service.dialects)
            if apart and due <= 0 and _straggle(trip, clock, rng):
                due += apart
            happened += trip.calls
            spans += tracer.spans(trip)
            if len(happened) % 100 == 0:
                tell("simulating calls", min(len(happened), calls), calls)
    tell("simulating calls", calls, calls)
    return happened, spans


def _straggle(trip: Trip, clock: Clock, rng: Random) -> bool:
    """Move a trip to the last minute before a month begins or ends, booked after it; says whether it fits."""
    call = trip.calls[-1]
    if len(trip.calls) > 1 or call.outcome is not Outcome.OK or len(call.attempts) > 1 or call.conversation:
        return False
    edge = clock.end if rng.random() < 0.6 else clock.start
    shift = edge - rng.randrange(SECOND, 60 * SECOND) - call.ended
    trip.started += shift
    call.started += shift
    call.ended += shift
    call.meter_lag = _LAG
    call.attempts[-1].started += shift
    call.attempts[-1].ended += shift
    return True


def _write_bills(folder: Path, billed: Bill, clock: Clock, rng: Random) -> dict[str, Any]:
    openai_files.write_usage(folder / "openai" / "usage", billed, clock, rng)
    openai_files.write_costs(folder / "openai" / "costs", billed, clock)
    anthropic_files.write_usage(folder / "anthropic" / "usage", billed, clock)
    anthropic_files.write_costs(folder / "anthropic" / "cost", billed, clock)
    return write_invoices(folder / "invoices", billed, clock)


def _summary(truth: Truth, happened: list[Call], broken: list[Broken]) -> dict[str, Any]:
    outcomes: dict[str, int] = {}
    for call in happened:
        outcomes[call.outcome.value] = outcomes.get(call.outcome.value, 0) + 1
    by_cause = truth.totals()
    gross = truth.gross()
    return {
        "tokens_by_cause": by_cause,
        "gross_tokens_by_cause": gross,
        "metered_tokens": sum(by_cause.values()),
        "net_drift_tokens": sum(tokens for cause, tokens in by_cause.items() if cause != "traced"),
        "gross_drift_tokens": sum(tokens for cause, tokens in gross.items() if cause != "traced"),
        "outcomes": outcomes,
        "broken_lines": [{"file": line.file, "line": line.line, "kind": line.kind} for line in broken],
    }
