"""Explaining the drift of a month beside one DuckDB `group by` over the same calls."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import polars as pl
from rich.table import Table

from assets import close as steps
from assets.bench_measure import Asked, Shown, apart, median_seconds, own_peak_bytes, verdict
from pipeline.calls import Calls
from pipeline.meters import Meters
from pipeline.period import Month
from pipeline.reconcile import Rules, explain_drift
from pipeline.simulator import world
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME
from schemas.types import KIND_COLUMNS

GOAL = 10.0
"""The ratio of seconds, ours to the baseline's, that is not to be exceeded."""

_SENTENCE = (
    "attribution: ours is explaining the drift of a month in memory (buckets, claims, calibration, balance, "
    "bridge); the baseline is one DuckDB `group by` of the same calls by provider, account, scope, model, "
    "tier and day, with the sums of ten token kinds, from a table in memory. The month is a simulated one, "
    "repeated."
)
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


def run(asked: Asked) -> Iterator[Shown]:
    """Yield what explaining took, beside its baseline."""
    asked.tell("attribution")
    figures = attribution(asked.calls, asked.runs)
    told = {"benchmark": "attribution", "goal": GOAL, "ratio": figures.ratio, **figures._asdict()}
    yield Shown(_table(figures), (_SENTENCE,), told)


def _table(figures: Measured) -> Table:
    shown = Table(title="Ours beside a baseline", title_justify="left")
    shown.add_column("benchmark", no_wrap=True)
    for name in ("rows", "ours", "baseline", "ratio", "goal", "", "peak memory"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_row(
        "attribution", f"{figures.rows:,}", f"{figures.seconds:.3f} s", f"{figures.baseline_seconds:.3f} s",
        f"{figures.ratio:.1f}", f"≤ {GOAL:g}", verdict(figures.ratio <= GOAL),
        f"{figures.peak_bytes / 2**20:,.0f} MiB",
    )  # fmt: skip
    return shown


def attribution(calls: int, runs: int) -> Measured:
    """Measure `explain_drift` over a tiled month against one `group by` over its calls."""
    with tempfile.TemporaryDirectory(prefix="tallystick-") as name:
        folder = Path(name)
        rules = apart(_write_month, folder, calls)
        return apart(_explain, folder, rules, runs)


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
    seconds = median_seconds(lambda: explain_drift(calls, meters, _MONTH, rules), runs)
    peak = own_peak_bytes()
    sums = ", ".join(f"sum({name})" for name in KIND_COLUMNS)
    keys = "provider, account, scope, model, service_tier, date_trunc('day', ended_at)"
    grouped = f"select {keys}, {sums} from core.call group by all"  # noqa: S608 - our own names
    with Warehouse.open(None) as warehouse:
        warehouse.insert(BY_NAME["core.call"], calls.calls)
        baseline = median_seconds(lambda: warehouse.query(grouped), runs)
    return Measured(calls.calls.height, seconds, baseline, peak)


def _read(folder: Path, kind: type[_Frames]) -> _Frames:
    return kind(*[pl.read_parquet(folder / f"{kind.__name__}.{name}.parquet") for name in kind._fields])
