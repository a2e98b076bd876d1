"""Speed beside a baseline of the same data, on this machine, in the same run: `tallystick bench`.

Only ratios are worth keeping: seconds belong to a machine. Every measurement runs in a process of its own, so
that its peak memory is its own; ours is run before the baseline.
"""

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import polars as pl
from rich.table import Table

from assets import close as steps
from pipeline.calls import Calls
from pipeline.meters import Meters
from pipeline.period import Month
from pipeline.reconcile import Rules, explain_drift
from pipeline.simulator import world
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME
from schemas.types import KIND_COLUMNS

_MONTH = "2026-10"
_BASE = 20_000
"""Calls of the simulated month that is tiled."""
_APART = 3
"""Seconds between two tiles."""

_Frames = TypeVar("_Frames", Calls, Meters)


class Measured(NamedTuple):
    """What was measured: seconds are medians over the runs."""

    rows: int
    """Rows of the table that both read."""
    seconds: float
    baseline_seconds: float
    peak_bytes: int
    """Peak memory of the process up to the end of ours, its input included."""

    @property
    def ratio(self) -> float:
        """Our seconds for one of the baseline's."""
        return self.seconds / self.baseline_seconds


class Benchmark(NamedTuple):
    """Something measured beside a baseline."""

    code: str
    sentence: str
    """What ours does and what the baseline does."""
    goal: float
    """The ratio of seconds, ours to the baseline's, that is not to be exceeded."""
    measure: Callable[[int, int], Measured]
    """Calls, runs -> what was measured."""


def run(calls: int, runs: int) -> Iterator[tuple[Benchmark, Measured]]:
    """Yield every benchmark with what was measured."""
    for benchmark in BENCHMARKS:
        yield benchmark, benchmark.measure(calls, runs)


def table(measured: Sequence[tuple[Benchmark, Measured]]) -> Table:
    """Return what is printed: seconds, the ratio beside its goal, and memory."""
    shown = Table(title="Ours beside a baseline", title_justify="left")
    shown.add_column("benchmark", no_wrap=True)
    for name in ("rows", "ours", "baseline", "ratio", "goal", "", "peak memory"):
        shown.add_column(name, justify="right", no_wrap=True)
    for benchmark, figures in measured:
        word = "[green]met[/]" if figures.ratio <= benchmark.goal else "[red]missed[/]"
        shown.add_row(
            benchmark.code, f"{figures.rows:,}", f"{figures.seconds:.3f} s",
            f"{figures.baseline_seconds:.3f} s", f"{figures.ratio:.1f}", f"≤ {benchmark.goal:g}", word,
            f"{figures.peak_bytes / 2**20:,.0f} MiB",
        )  # fmt: skip
    return shown


def as_json(measured: Sequence[tuple[Benchmark, Measured]]) -> list[dict[str, Any]]:
    """Return all figures, one object a benchmark."""
    return [
        {"benchmark": benchmark.code, "goal": benchmark.goal, "ratio": figures.ratio, **figures._asdict()}
        for benchmark, figures in measured
    ]


def attribution(calls: int, runs: int) -> Measured:
    """Measure `explain_drift` over a tiled month against one `group by` over its calls."""
    with tempfile.TemporaryDirectory(prefix="tallystick-") as name:
        folder = Path(name)
        rules = _apart(_write_month, folder, calls)
        return _apart(_explain, folder, rules, runs)


_Result = TypeVar("_Result")


def _apart(function: Callable[..., _Result], *values: Any) -> _Result:
    """Call a function in a fresh process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *values).result()


def _write_month(folder: Path, calls: int) -> Rules:
    """Simulate, land and resolve a month, tile it, and write its frames; return the rules of its close."""
    made = world.write(folder / "world", seed=7, month=_MONTH, calls=min(calls, _BASE))
    config = steps.load_settings(made.configuration)
    steps.land(config)
    resolved, meters, rules = steps.facts(config, Month.parse(_MONTH))
    tiles = max(1, round(calls / _BASE))
    for frames in (tile_calls(resolved, tiles), tile_meters(meters, tiles)):
        for name, frame in frames._asdict().items():
            frame.write_parquet(folder / f"{type(frames).__name__}.{name}.parquet")
    return rules


def tile_calls(calls: Calls, tiles: int) -> Calls:
    """Return so many months of calls in one: ids stay unique, and a tile is three seconds after another.

    At one time they would be a crowd of equal requests, as no month has it.
    """
    return Calls(*[_tiled(frame, tiles) for frame in calls])


def tile_meters(meters: Meters, tiles: int) -> Meters:
    """Return the meters of tiled calls: counts are multiplied, logged requests tiled."""
    counts = [pl.col(name) * tiles for name in ("request_count", *KIND_COLUMNS)]
    return meters._replace(
        metered=meters.metered.with_columns(counts), requests=_tiled(meters.requests, tiles)
    )


def _tiled(frame: pl.DataFrame, tiles: int) -> pl.DataFrame:
    """Repeat rows; a span id is unique within its trace, so that it stays."""
    ids = [name for name in frame.columns if name.endswith("_id") and not name.endswith("span_id")]
    instants = [name for name in ("started_at", "ended_at") if name in frame.columns]
    parts = [
        frame.with_columns(
            *(pl.format("{}-{}", pl.lit(tile), name).alias(name) for name in ids),
            *(pl.col(name).dt.offset_by(f"{tile * _APART}s") for name in instants),
        )
        for tile in range(tiles)
    ]
    return pl.concat(parts).sort(pl.all(), nulls_last=True)


def _explain(folder: Path, rules: Rules, runs: int) -> Measured:
    calls, meters = _read(folder, Calls), _read(folder, Meters)
    seconds = _median(lambda: explain_drift(calls, meters, _MONTH, rules), runs)
    peak = _peak_bytes()
    sums = ", ".join(f"sum({name})" for name in KIND_COLUMNS)
    keys = "provider, account, scope, model, service_tier, date_trunc('day', ended_at)"
    grouped = f"select {keys}, {sums} from core.call group by all"  # noqa: S608 - our own names
    with Warehouse.open(None) as warehouse:
        warehouse.insert(BY_NAME["core.call"], calls.calls)
        baseline = _median(lambda: warehouse.query(grouped), runs)
    return Measured(calls.calls.height, seconds, baseline, peak)


def _read(folder: Path, kind: type[_Frames]) -> _Frames:
    return kind(*[pl.read_parquet(folder / f"{kind.__name__}.{name}.parquet") for name in kind._fields])


def _median(work: Callable[[], object], runs: int) -> float:
    """Return the median seconds of some runs."""
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def _peak_bytes() -> int:
    """Return the peak memory of this process; Linux counts in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


BENCHMARKS = (
    Benchmark(
        "attribution",
        "Ours: explaining the drift of a month in memory (buckets, claims, calibration, balance, bridge). "
        "Baseline: one DuckDB `group by` of the same calls by provider, account, scope, model, tier and day, "
        "with the sums of ten token kinds, from a table in memory. The month: a simulated one, repeated.",
        10.0,
        attribution,
    ),
)
"""All that is measured, in the order of the page."""
