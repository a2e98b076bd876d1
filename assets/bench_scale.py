"""What ten times the spans take, and ten thousand small files: time per span and memory, ours alone."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from assets.bench_blocks import write_blocks
from assets.bench_contenders import DUCKDB, OURS
from assets.bench_data import write_dump, write_files
from assets.bench_measure import Asked, Dump, Shown, Timing, measure, verdict
from pipeline.errors import ConfigError

SPREAD_GOAL = 0.15
"""How much more a span may take at one size than at another."""
MEMORY_GOAL = 1.5 * 2**30
"""Bytes that all processes together may hold at the largest size."""
_WARM_UP = 20_000
_BLOCK = 100_000
_BYTES_A_SPAN = 1_030
_WAREHOUSE_SHARE = 0.1
"""Room for parts and the warehouse beside the dump, as a share of it: twice what it takes."""
_SPANS_A_FILE = 100
"""For so many spans of a dump one small file, so that a million stands for ten thousand files."""
_SENTENCE = (
    "scale: dumps of three sizes, each landed into an empty warehouse; medians, but the largest is landed "
    "once. CPU is that of all processes, and so is the peak of memory."
)
_FILES_SENTENCE = "small files: a folder of dumps of one to three spans, landed; DuckDB reads them by a glob."


class Scaled(NamedTuple):
    """What dumps of growing size took."""

    timings: tuple[Timing, ...]

    def spread(self, column: str) -> float:
        """Return by what share the dearest span is above the cheapest, in `seconds` or `cpu_seconds`."""
        each: list[float] = [getattr(timing, column) / timing.spans for timing in self.timings]
        return max(each) / min(each) - 1

    @property
    def peak_bytes(self) -> int:
        """The most memory at any size."""
        return max(timing.peak_bytes for timing in self.timings)

    def figures(self) -> dict[str, Any]:
        """Return all figures."""
        return {
            "benchmark": "scale", "goal": SPREAD_GOAL, "spread": self.spread("seconds"),
            "cpu_spread": self.spread("cpu_seconds"), "memory_goal_bytes": MEMORY_GOAL,
            "peak_bytes": self.peak_bytes, "timings": [timing._asdict() for timing in self.timings],
        }  # fmt: skip


def run_scale(asked: Asked) -> Iterator[Shown]:
    """Yield what a tenth, the whole and ten times the spans take."""
    sizes = _sizes(asked)
    with tempfile.TemporaryDirectory(prefix="tallystick-") as name:
        timings = []
        for spans in sizes:
            timings.append(_sized(Path(name), spans, 1 if spans == sizes[-1] else asked.runs, asked))
    scaled = Scaled(tuple(timings))
    yield Shown(_table(scaled), (_SENTENCE,), scaled.figures())


def _sizes(asked: Asked) -> tuple[int, int, int]:
    return asked.spans // 10, asked.spans, asked.spans * 10


def require_room(asked: Asked) -> None:
    """Refuse sizes that do not fit on the disk, before anything is measured.

    Raises:
        ConfigError: the temporary folder has no room for the largest dump and its warehouse.
    """
    spans, folder = max(_sizes(asked)), tempfile.gettempdir()
    wanted = int(spans * _BYTES_A_SPAN * (1 + _WAREHOUSE_SHARE))
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise ConfigError(
            f"The temporary folder {folder} has {free / 1e9:.1f} GB free; {spans:,} spans and their "
            f"warehouse need {wanted / 1e9:.1f} GB. Make room, name another folder in TMPDIR, or choose "
            "fewer with --spans: ten times as many are landed."
        )


def _sized(folder: Path, spans: int, runs: int, asked: Asked) -> Timing:
    path, small = folder / "dump.jsonl", folder / "small.jsonl"
    asked.tell(f"scale: writing {spans:,} spans")
    write_dump(small, min(spans, _WARM_UP))
    dump = Dump(path, small, write_blocks(path, spans, _BLOCK))
    asked.tell(f"scale: landing {spans:,} spans, {dump.size_bytes / 1e6:,.0f} MB")
    timing = measure(OURS, dump, runs)
    path.unlink()
    return timing


def _table(scaled: Scaled) -> Table:
    spread, peak = scaled.spread("seconds"), scaled.peak_bytes
    title = (
        f"scale: time per span differs by {spread:.0%} (CPU {scaled.spread('cpu_seconds'):.0%}), goal < "
        f"{SPREAD_GOAL:.0%} {verdict(spread < SPREAD_GOAL)}; peak {peak / 2**30:.2f} GiB, goal ≤ "
        f"{MEMORY_GOAL / 2**30:g} GiB {verdict(peak <= MEMORY_GOAL)}"
    )
    return _timed(title, "µs/span", [(timing, timing.spans) for timing in scaled.timings])


def run_files(asked: Asked) -> Iterator[Shown]:
    """Yield what ten thousand small files take, in one run: there are enough of them."""
    count = max(3, asked.spans // _SPANS_A_FILE)
    with tempfile.TemporaryDirectory(prefix="tallystick-") as name:
        path, small = Path(name) / "files", Path(name) / "small"
        asked.tell(f"small files: writing {count:,}")
        write_files(small, min(count, 100))
        dump = Dump(path, small, write_files(path, count))
        timings = []
        for contender in (OURS, DUCKDB):
            asked.tell(f"small files: {contender.code}")
            timings.append(measure(contender, dump, 1))
    told = [timing._asdict() | {"files_per_second": count / timing.seconds} for timing in timings]
    figures = {"benchmark": "small files", "files": count, "timings": told}
    title = f"small files: {count:,} dumps of 1 to 3 spans, {count / timings[0].seconds:,.0f} files/s"
    table = _timed(title, "µs/file", [(timing, count) for timing in timings])
    yield Shown(table, (_FILES_SENTENCE,), figures)


def _timed(title: str, each: str, rows: Sequence[tuple[Timing, int]]) -> Table:
    """Return timings, with time for each of so many spans or files."""
    shown = Table(title=title, title_justify="left")
    shown.add_column("", no_wrap=True)
    for name in ("spans", "MB", "seconds", "of all CPUs", each, f"CPU {each}", "peak memory"):
        shown.add_column(name, justify="right", no_wrap=True)
    for timing, count in rows:
        shown.add_row(
            timing.code, f"{timing.spans:,}", f"{timing.size_bytes / 1e6:,.1f}", f"{timing.seconds:.2f}",
            f"{timing.cpu_seconds:.2f}", f"{timing.seconds / count * 1e6:.2f}",
            f"{timing.cpu_seconds / count * 1e6:.2f}", f"{timing.peak_bytes / 2**20:,.0f} MiB",
        )  # fmt: skip
    return shown
