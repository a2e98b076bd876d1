"""Speed beside a baseline of the same data, on this machine, in the same run: `tallystick bench`.

Only ratios are worth keeping: seconds belong to a machine, whose shape is told with them. Every measurement
runs in a process of its own, so that its peak memory is its own.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from assets import bench_attribution, bench_backfill, bench_landing, bench_reports, bench_scale
from assets.bench_measure import Asked, Shown


class Benchmark(NamedTuple):
    """Something that is measured, of one or more tables."""

    code: str
    run: Callable[[Asked], Iterator[Shown]]


BENCHMARKS = (
    Benchmark("attribution", bench_attribution.run),
    Benchmark("reports", bench_reports.run),
    Benchmark("backfill", bench_backfill.run),
    Benchmark("landing", bench_landing.run),
    Benchmark("files", bench_scale.run_files),
    Benchmark("scale", bench_scale.run_scale),
)
"""All that is measured, in the order of the page."""
CODES = tuple(benchmark.code for benchmark in BENCHMARKS)


def run(asked: Asked, only: str | None) -> Iterator[Shown]:
    """Yield what is measured, one after the other, or one alone.

    Raises:
        ConfigError: a tool of developers is not installed, or the temporary folder has too little room.
    """
    if only in (None, "scale"):
        bench_scale.require_room(asked)  # it comes last, and nobody wants to learn it then
    for benchmark in BENCHMARKS:
        if only in (None, benchmark.code):
            yield from benchmark.run(asked)
