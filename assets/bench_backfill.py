"""Twelve months into one warehouse beside the same twelve each alone: a month must not pay for the others."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from assets.bench_measure import Asked, Shown, verdict
from pipeline.errors import TallystickError
from pipeline.simulator import world

GOAL = 1.10
"""How many times as long, and as much memory, a backfill may take as its months alone."""

MONTHS = tuple(f"2025-{number:02d}" for number in range(1, 13))
_CALLS_A_MONTH = 500
"""For so many calls of `--calls` one call in each month, so that all is measured in a few minutes."""
_FINDINGS = 1
"""Exit code of a close with findings above materiality: the month is closed all the same."""
_FOLDERS = ("traces", "openai/usage", "openai/costs", "anthropic/usage", "anthropic/cost")
_FILES = ("proxy/requests.csv", "invoices/*.toml")
_SENTENCE = (
    "backfill: a process for every month, one after the other, as the queue of Dagster starts them; their "
    "starts are counted on both sides, pauses of the queue on none. Alone, a month has a warehouse that "
    "holds nothing else; both sides take turns. `first`, `early` and `late` are CPU seconds of a run: "
    "of the first, which lands all twelve when they are backfilled, of the three after it and of the last "
    "three by their medians."
)


class Run(NamedTuple):
    """What the process of one month took."""

    month: str
    seconds: float
    cpu_seconds: float
    peak_bytes: int


class Way(NamedTuple):
    """How a month is closed: the command, and the exit codes of a month that is closed."""

    code: str
    command: Callable[[str], Sequence[str]]
    ends: frozenset[int]


class Backfilled(NamedTuple):
    """The same months alone and together."""

    way: str
    calls: int
    alone: tuple[Run, ...]
    together: tuple[Run, ...]

    def ratio(self, column: str) -> float:
        """Return how many times as long the months take together, in `seconds` or `cpu_seconds`."""
        return _sum(self.together, column) / _sum(self.alone, column)

    @property
    def memory_ratio(self) -> float:
        """The largest peak of a backfilled run, over that of a month alone."""
        return max(run.peak_bytes for run in self.together) / max(run.peak_bytes for run in self.alone)

    @property
    def growth(self) -> float:
        """How many times as much CPU the late months of the backfill take as the early ones."""
        return _median(self.together[-3:]) / _median(self.together[1:4] or self.together)

    def figures(self) -> dict[str, Any]:
        """Return all figures."""
        return {
            "benchmark": f"backfill, {self.way}", "goal": GOAL, "calls_a_month": self.calls,
            "ratio": self.ratio("seconds"), "cpu_ratio": self.ratio("cpu_seconds"),
            "memory_ratio": self.memory_ratio, "growth": self.growth,
            "alone": [run._asdict() for run in self.alone],
            "together": [run._asdict() for run in self.together],
        }  # fmt: skip


def _close(month: str) -> Sequence[str]:
    return ("-m", "assets.cli", "close", month)


def _job(month: str) -> Sequence[str]:
    tags = json.dumps({"dagster/partition": month})
    return (
        "-m",
        "dagster",
        "job",
        "execute",
        "-m",
        "assets.definitions",
        "-j",
        "close_month",
        "--tags",
        tags,
    )


COMMAND_LINE = Way("command line", _close, frozenset({0, _FINDINGS}))
DAGSTER = Way("Dagster", _job, frozenset({0}))


def run(asked: Asked) -> Iterator[Shown]:
    """Yield what twelve months take together and alone, by the command line and as runs of Dagster."""
    calls = max(100, asked.calls // _CALLS_A_MONTH)
    for way in (COMMAND_LINE, DAGSTER):
        with tempfile.TemporaryDirectory(prefix="tallystick-") as name:
            found = measure(Path(name), way, MONTHS, calls, asked.tell)
        yield Shown(_table(found), (_SENTENCE,), found.figures())


def measure(
    folder: Path, way: Way, months: Sequence[str], calls: int, tell: Callable[[str], None]
) -> Backfilled:
    """Make months below a folder and close each twice: alone, and in one warehouse with the others.

    Raises:
        TallystickError: a month could not be closed.
    """
    for number, month in enumerate(months, start=1):
        tell(f"backfill: making {month}")
        world.write(folder / month, seed=number, month=month, calls=calls)
    _configure(folder, folder / months[0])
    alone: list[Run] = []
    together: list[Run] = []
    for month in months:
        for runs, config in ((alone, folder / month), (together, folder)):
            tell(f"backfill, {way.code}: closing {month} {'alone' if runs is alone else 'among the others'}")
            home = folder / ".dagster" / ("alone" if runs is alone else "together")
            runs.append(_closed(way, month, config, home))
    return Backfilled(way.code, calls, tuple(alone), tuple(together))


def _configure(folder: Path, month: Path) -> None:
    """Write the configuration of one month so that it reads the files of all."""
    text = (month / "tallystick.toml").read_text("utf-8")
    for uri in _FOLDERS:
        text = text.replace(f'uri = "{uri}"', f'uri = "20*/{uri}/**/*"')
    for uri in _FILES:
        text = text.replace(f'uri = "{uri}"', f'uri = "20*/{uri}"')
    (folder / "tallystick.toml").write_text(text, "utf-8")


def _closed(way: Way, month: str, config: Path, home: Path) -> Run:
    if not home.exists():
        home.mkdir(parents=True)
        shutil.copy(Path(__file__).parents[1] / "dagster.yaml", home)
    told = {"TALLYSTICK_CONFIG": str(config / "tallystick.toml"), "DAGSTER_HOME": str(home)}
    log = home / "run.log"
    with log.open("wb") as file:
        code, taken = _waited([sys.executable, *way.command(month)], os.environ | told, home, file)
    if code not in way.ends:
        said = log.read_text("utf-8", "replace")[-2000:]
        raise TallystickError(f"{month} could not be closed ({way.code}, exit code {code}):\n{said}")
    return Run(month, *taken)


def _waited(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Any
) -> tuple[int, tuple[float, float, int]]:
    """Return the exit code of a process, and its seconds, those of all CPUs, and its peak memory."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)  # noqa: S603
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    taken = (time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)
    return process.returncode, taken


def _sum(runs: Sequence[Run], column: str) -> float:
    each: list[float] = [getattr(run, column) for run in runs]
    return sum(each)


def _median(runs: Sequence[Run]) -> float:
    return statistics.median(run.cpu_seconds for run in runs)


def _table(found: Backfilled) -> Table:
    ratio, memory = found.ratio("seconds"), found.memory_ratio
    title = (
        f"backfill, {found.way}: {ratio:.2f} × the months alone (CPU {found.ratio('cpu_seconds'):.2f}), "
        f"goal ≤ {GOAL:g} {verdict(ratio <= GOAL)}; late months {found.growth:.2f} × early ones; peak memory "
        f"{memory:.2f} × alone, goal ≤ {GOAL:g} {verdict(memory <= GOAL)}"
    )
    shown = Table(title=title, title_justify="left")
    shown.add_column(f"{len(found.alone)} months of {found.calls:,} calls", no_wrap=True)
    for name in ("seconds", "of all CPUs", "first", "early", "late", "first peak", "last peak", "largest"):
        shown.add_column(name, justify="right", no_wrap=True)
    for name, runs in (("alone", found.alone), ("backfilled", found.together)):
        peaks = (runs[0].peak_bytes, runs[-1].peak_bytes, max(run.peak_bytes for run in runs))
        shown.add_row(
            name, f"{_sum(runs, 'seconds'):.1f}", f"{_sum(runs, 'cpu_seconds'):.1f}",
            f"{runs[0].cpu_seconds:.2f}", f"{_median(runs[1:4] or runs):.2f}", f"{_median(runs[-3:]):.2f}",
            *(f"{peak / 2**20:,.0f} MiB" for peak in peaks),
        )  # fmt: skip
    return shown
