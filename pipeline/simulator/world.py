"""A month of a company, written as the files that providers and collectors would write, with its truth."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from pipeline.simulator import anthropic_files, openai_files
from pipeline.simulator.billing import Bill, add, add_searches
from pipeline.simulator.calls import Call
from pipeline.simulator.chances import chances
from pipeline.simulator.clock import Clock
from pipeline.simulator.configuration import write_configuration
from pipeline.simulator.delivery import Post, write_traces
from pipeline.simulator.history import History
from pipeline.simulator.invoices import write_invoices
from pipeline.simulator.mix import DEMO, Mix
from pipeline.simulator.proxy_files import Logs
from pipeline.simulator.staff import staff
from pipeline.simulator.truth import CALL_COLUMNS, Truth, call_row, write_rows, write_truth

Progress = Callable[[str, int, int], None]
"""Told a stage, how much of it is done, and how much there is."""


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

    The same seed, month, number of calls and mix give the same bytes. Beside configuration, traces, exports
    and invoices the folder gets `truth/`, which nothing else refers to. Without a mix it is the month of
    the demo.
    """
    clock, mix = Clock.of(month), mix or DEMO
    services = staff(mix)
    history = History(seed, clock, mix, services, Post(Random(f"{seed} post")))  # noqa: S311
    books = _Books(clock, month, mix)
    tell: Progress = progress or (lambda _stage, _done, _whole: None)
    truth = folder / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    write_rows(truth / "calls.csv", CALL_COLUMNS, books.rows(history.calls(calls, tell)))
    tell("simulating calls", calls, calls)
    names, broken = write_traces(
        folder / "traces", history.post, lambda done, whole: tell("writing traces", done, whole)
    )
    totals = _write_bills(folder, books, clock, Random(f"{seed} bills"))  # noqa: S311
    write_truth(truth, books.truth, services)
    write_configuration(folder / "tallystick.toml", services)
    summary = _summary(books) | {
        "seed": seed, "mix": mix.told(), "billed": chances(mix), "month": month, "calls": books.calls,
        "spans": history.post.spans, "trace_files": names,
        "broken_lines": [{"file": line.file, "line": line.line, "kind": line.kind} for line in broken],
        "invoice_totals": {provider: str(total) for provider, total in totals.items()},
    }  # fmt: skip
    text = msgspec.json.format(msgspec.json.encode(summary, order="sorted"), indent=1)
    (truth / "summary.json").write_bytes(text + b"\n")
    tell("writing exports and truth", 1, 1)
    return World(
        folder, folder / "tallystick.toml", truth, month, seed, books.calls, history.post.spans,
        summary["tokens_by_cause"],
    )  # fmt: skip


class _Books:
    """What is kept of each call once it is over."""

    def __init__(self, clock: Clock, month: str, mix: Mix) -> None:
        self.bill = Bill(mix.grain)
        self.truth = Truth(clock, month)
        self.logs = Logs(clock)
        self.outcomes: Counter[str] = Counter()
        self.calls = 0
        self._clock = clock

    def rows(self, calls: Iterator[Call]) -> Iterator[tuple[Any, ...]]:
        """Enter calls and yield their rows of calls.csv."""
        for call in calls:
            add(self.bill, call, self._clock)
            self.truth.add(call)
            self.logs.add(call)
            self.outcomes[call.outcome.value] += 1
            self.calls += 1
            yield call_row(call, self._clock)


def _write_bills(folder: Path, books: _Books, clock: Clock, rng: Random) -> dict[str, Any]:
    billed = books.bill
    add_searches(billed, clock, rng)
    openai_files.write_usage(folder / "openai" / "usage", billed, clock, rng)
    openai_files.write_costs(folder / "openai" / "costs", billed, clock)
    if not books.logs.meter:
        anthropic_files.write_usage(folder / "anthropic" / "usage", billed, clock)
    anthropic_files.write_costs(folder / "anthropic" / "cost", billed, clock)
    books.logs.write(folder / "proxy" / "requests.csv", folder / "anthropic" / "requests.csv")
    return write_invoices(folder / "invoices", billed, clock)


def _summary(books: _Books) -> dict[str, Any]:
    by_cause, gross = books.truth.totals(), books.truth.gross()
    return {
        "tokens_by_cause": by_cause,
        "gross_tokens_by_cause": gross,
        "metered_tokens": sum(by_cause.values()),
        "net_drift_tokens": sum(tokens for cause, tokens in by_cause.items() if cause != "traced"),
        "gross_drift_tokens": sum(tokens for cause, tokens in gross.items() if cause != "traced"),
        "outcomes": dict(books.outcomes),
    }
