"""Landing beside what people would reach for, over the same dump, on the same cores, in the same run.

Every contender runs in a process of its own, one after the other. It reads a small dump first, so that what
it loads and compiles is not counted; then come the runs, of which the median counts. Peak memory is the
resident memory of that process and all its children together, looked at twenty times a second.
"""

import csv
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple

import polars as pl
from rich.table import Table

from assets.bench_data import write_dump
from pipeline.errors import ConfigError
from pipeline.landing import land
from pipeline.settings import Settings, Source
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME

_WARM_UP = 20_000
_TEXT_SHARE = 5
"""A dump with text has fewer spans: they are three times as long, and slow for everyone."""

_ATTRIBUTES = {
    "gen_ai.operation.name": "operation",
    "gen_ai.system": "provider_logged",
    "gen_ai.request.model": "request_model",
    "gen_ai.response.model": "response_model",
    "gen_ai.response.id": "response_id",
    "session.id": "conversation_id",
    "server.address": "server_address",
    "team": "team",
    "feature": "feature",
    "gen_ai.usage.input_tokens": "input_tokens",
    "gen_ai.usage.output_tokens": "output_tokens",
    "gen_ai.usage.cache_read.input_tokens": "cache_read_tokens",
}


class Contender(NamedTuple):
    """What reads a dump into a folder, and what it does."""

    code: str
    sentence: str
    read: Callable[[Path, Path], int]
    """Dump, folder for what it writes -> spans."""


class Timing(NamedTuple):
    """What one contender took over one dump."""

    code: str
    spans: int
    size_bytes: int
    seconds: float
    peak_bytes: int


class Compared(NamedTuple):
    """All contenders over one dump, ours first."""

    code: str
    goal: float
    """How many times as fast as DuckDB landing has to be."""
    timings: tuple[Timing, ...]

    @property
    def ratio(self) -> float:
        """How many times as fast as DuckDB landing is."""
        seconds = {timing.code: timing.seconds for timing in self.timings}
        return seconds["duckdb"] / seconds["landing"]


def run(spans: int, runs: int) -> list[Compared]:
    """Return what all contenders took, without and with the text of messages."""
    with tempfile.TemporaryDirectory(prefix="tallystick-") as name:
        return [
            _compare("landing", 5.0, Path(name) / "plain", spans, runs, with_text=False),
            _compare(
                "landing with text", 1.0, Path(name) / "text", spans // _TEXT_SHARE, runs, with_text=True
            ),
        ]


def _compare(  # noqa: PLR0913 - one parameter a fact
    code: str, goal: float, folder: Path, spans: int, runs: int, *, with_text: bool
) -> Compared:
    folder.mkdir()
    dump, small = folder / "dump.jsonl", folder / "small.jsonl"
    size = write_dump(dump, spans, with_text=with_text)
    write_dump(small, min(spans, _WARM_UP), with_text=with_text)
    timings = []
    for contender in CONTENDERS:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            seconds, found, peak = pool.submit(_measure, contender.code, dump, small, folder, runs).result()
        timings.append(Timing(contender.code, found, size, seconds, peak))
    dump.unlink()
    return Compared(code, goal, tuple(timings))


def _measure(code: str, dump: Path, small: Path, folder: Path, runs: int) -> tuple[float, int, int]:
    """Return the median seconds of a contender, the spans that it found, and its peak memory."""
    read = next(contender.read for contender in CONTENDERS if contender.code == code)
    taken, found = [], 0
    with _Peak() as peak:
        for number in range(-1, runs):
            with tempfile.TemporaryDirectory(dir=folder) as place:
                started = time.perf_counter()
                found = read(small if number < 0 else dump, Path(place))
                taken.append(time.perf_counter() - started)
    return statistics.median(taken[1:]), found, peak.seen


class _Peak:
    """The most memory that this process and its children hold together."""

    def __init__(self) -> None:
        try:
            import psutil  # noqa: PLC0415 - a tool of developers
        except ImportError:
            raise ConfigError("Measuring needs psutil: run it as `make bench`.") from None
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


def _landing(dump: Path, folder: Path) -> int:
    source = Source(name="dump", kind="traces", uri=str(dump))
    settings = Settings(sources=(source,), root=folder)
    with Warehouse.open(settings.warehouse_file) as warehouse:
        return land(settings, warehouse).rows["raw.span"]


def _duckdb(dump: Path, folder: Path) -> int:
    with Warehouse.open(folder / "baseline.duckdb") as warehouse, warehouse.transaction():
        return warehouse.fill(BY_NAME["raw.span"], "flatten_spans", path=str(dump))


def _polars(dump: Path, folder: Path) -> int:
    text, whole = pl.String, pl.Int64
    value = pl.Struct({"stringValue": text, "intValue": text})
    attributes = pl.List(pl.Struct({"key": text, "value": value}))
    fields = ("traceId", "spanId", "parentSpanId", "name", "startTimeUnixNano", "endTimeUnixNano")
    span = pl.Struct({**dict.fromkeys(fields, text), "kind": whole, "attributes": attributes})
    scoped = pl.Struct({"scope": pl.Struct({"name": text, "version": text}), "spans": pl.List(span)})
    part = pl.Struct({"resource": pl.Struct({"attributes": attributes}), "scopeSpans": pl.List(scoped)})
    spans = (
        pl.scan_ndjson(dump, schema={"resourceSpans": pl.List(part)})
        .explode("resourceSpans").unnest("resourceSpans")
        .explode("scopeSpans").unnest("scopeSpans")
        .select("scope", pl.col("spans")).explode("spans").unnest("spans").with_row_index("span")
    )  # fmt: skip
    frame = spans.collect()
    tags = (
        frame.lazy().select("span", "attributes").explode("attributes").unnest("attributes")
        .filter(pl.col("key").is_in(list(_ATTRIBUTES)))
        .with_columns(pl.coalesce(pl.col("value").struct.unnest()).alias("told"))
        .group_by("span")
        .agg(
            pl.col("told").filter(pl.col("key") == key).first().alias(name)
            for key, name in _ATTRIBUTES.items()
        )
    )  # fmt: skip
    rows = frame.lazy().drop("attributes").join(tags, on="span", how="left").collect()
    rows.drop("scope").write_parquet(folder / "spans.parquet")
    return rows.height


def _script(dump: Path, folder: Path) -> int:
    fields = ("traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano")
    count = 0
    with dump.open("rb") as lines, (folder / "spans.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*fields, *_ATTRIBUTES.values()])
        for line in lines:
            parts = json.loads(line)["resourceSpans"]
            for span in chain.from_iterable(scope["spans"] for part in parts for scope in part["scopeSpans"]):
                row = {name: span.get(name) for name in fields}
                for pair in span.get("attributes", ()):
                    if name := _ATTRIBUTES.get(pair["key"]):
                        row[name] = next(iter(pair["value"].values()), None)
                writer.writerow(row)
                count += 1
    return count


def _parse(dump: Path, folder: Path) -> int:
    try:
        import simdjson  # noqa: PLC0415 - a tool of developers
    except ImportError:
        raise ConfigError("Measuring needs pysimdjson: run it as `make bench`.") from None
    parser: Any = simdjson.Parser()
    with dump.open("rb") as lines:
        for line in lines:
            parser.parse(line)
    return 0


CONTENDERS = (
    Contender("landing", "ours: hashed, decoded, checked, and in the warehouse", _landing),
    Contender("duckdb", "DuckDB: read_json with explicit types, flattened into the same table", _duckdb),
    Contender("polars", "Polars: scan_ndjson with explicit types, exploded, joined, to Parquet", _polars),
    Contender("script", "json.loads, dictionaries and a CSV writer, one thread", _script),
    Contender("parse only", "pysimdjson, every line parsed and dropped, one thread: the limit", _parse),
)
"""In the order of the page; ours runs first."""


def table(compared: Compared) -> Table:
    """Return what is printed: time for one second of ours, seconds, speed and memory."""
    word = "[green]met[/]" if compared.ratio >= compared.goal else "[red]missed[/]"
    ours = compared.timings[0]
    title = f"{compared.code}: {compared.ratio:.1f} × DuckDB, goal ≥ {compared.goal:g} × {word}; "
    shown = Table(title=f"{title}{ours.spans:,} spans, {ours.size_bytes / 1e6:,.0f} MB", title_justify="left")
    shown.add_column("", no_wrap=True)
    for name in ("for ours 1", "seconds", "MB/s", "spans/s", "peak memory"):
        shown.add_column(name, justify="right", no_wrap=True)
    for timing in compared.timings:
        shown.add_row(
            timing.code, f"{timing.seconds / ours.seconds:.2f}", f"{timing.seconds:.2f}",
            f"{timing.size_bytes / timing.seconds / 1e6:,.0f}", f"{ours.spans / timing.seconds:,.0f}",
            f"{timing.peak_bytes / 2**20:,.0f} MiB",
        )  # fmt: skip
    return shown


def as_json(measured: list[Compared]) -> list[dict[str, Any]]:
    """Return all figures, one object a dump."""
    return [
        {"benchmark": compared.code, "goal": compared.goal, "ratio": compared.ratio,
         "timings": [timing._asdict() for timing in compared.timings]}
        for compared in measured
    ]  # fmt: skip
