"""How the benchmarks measure: each reader in a process of its own, one after the other, beside its goal.

A reader reads a small dump first, so that what it loads and compiles is not counted; then come the runs, of
which the median counts. Peak memory is the resident memory of that process and all its children together,
looked at twenty times a second.
"""

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple, TypeVar

from rich.table import Table

from pipeline.errors import ConfigError

_Result = TypeVar("_Result")


class Asked(NamedTuple):
    """The sizes of a benchmark."""

    calls: int
    spans: int
    runs: int
    tell: Callable[[str], None]
    """Takes what is being done."""


class Shown(NamedTuple):
    """What a benchmark shows."""

    table: Table
    notes: tuple[str, ...]
    """Printed below the table."""
    figures: Mapping[str, Any]
    """All of it as numbers, with the name under `benchmark`."""


class Contender(NamedTuple):
    """What reads a dump into a folder, and what it does."""

    code: str
    sentence: str
    read: Callable[[Path, Path], int]
    """Dump, folder for what it writes -> spans. A function of a module: it runs in another process."""


class Dump(NamedTuple):
    """What is read, and what is read before it to warm up."""

    path: Path
    small: Path
    size_bytes: int


class Timing(NamedTuple):
    """What one contender took over one dump: seconds are medians over the runs."""

    code: str
    spans: int
    size_bytes: int
    seconds: float
    cpu_seconds: float
    """Of the process, its threads and its children."""
    peak_bytes: int


def measure(contender: Contender, dump: Dump, runs: int) -> Timing:
    """Return what a contender takes over a dump."""
    with tempfile.TemporaryDirectory(dir=dump.path.parent, prefix="read-") as name:
        taken = apart(_measure, contender.read, dump, Path(name), runs)
    found, seconds, cpu_seconds, peak = taken
    return Timing(contender.code, found, dump.size_bytes, seconds, cpu_seconds, peak)


def _measure(
    read: Callable[[Path, Path], int], dump: Dump, folder: Path, runs: int
) -> tuple[int, float, float, int]:
    """Return the spans found, the median seconds, those of the CPU, and the peak memory."""
    taken, found = [], 0
    with _Peak() as peak:
        for number in range(-1, runs):
            with tempfile.TemporaryDirectory(dir=folder) as place:
                started, worked = time.perf_counter(), _cpu_seconds()
                found = read(dump.small if number < 0 else dump.path, Path(place))
                taken.append((time.perf_counter() - started, _cpu_seconds() - worked))
    seconds, cpu_seconds = (statistics.median(column) for column in zip(*taken[1:], strict=True))
    return found, seconds, cpu_seconds, peak.seen


def _cpu_seconds() -> float:
    """Return the CPU time of this process and of its children that have ended."""
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def apart(function: Callable[..., _Result], *values: Any) -> _Result:
    """Call a function of a module in a fresh process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *values).result()


def median_seconds(work: Callable[[], object], runs: int) -> float:
    """Return the median seconds of some runs."""
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def own_peak_bytes() -> int:
    """Return the peak memory of this process; Linux counts in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def tool(module: str, package: str) -> Any:
    """Import what only developers have.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        raise ConfigError(f"Measuring needs {package}: run it as `make bench`.") from None


def verdict(is_met: bool) -> str:
    """Return whether a goal is met, coloured."""
    return "[green]met[/]" if is_met else "[red]missed[/]"


class _Peak:
    """The most memory that this process and its children hold together."""

    def __init__(self) -> None:
        psutil = tool("psutil", "psutil")
        self._process = psutil.Process()
        self._gone = psutil.NoSuchProcess
        self._stop = Event()
        self._thread = Thread(target=self._watch, daemon=True)
        self.seen = 0

    def __enter__(self) -> "_Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            self._look()

    def _look(self) -> None:
        held = 0
        for process in (self._process, *self._process.children(recursive=True)):
            with suppress(self._gone):
                held += process.memory_info().rss
        self.seen = max(self.seen, held)
