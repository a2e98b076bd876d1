"""Landing beside what people would reach for, over the same spans, on the same cores, in the same run."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from assets.bench_contenders import DUCKDB, OURS, PANDAS, PARSE_JSON, PARSE_PROTOBUF, POLARS
from assets.bench_counting import measure_counting
from assets.bench_data import write_dump
from assets.bench_measure import Asked, Contender, Dump, Shown, Timing, apart, measure, verdict
from assets.bench_protobuf import write_frames

_WARM_UP = 20_000
_TEXT_SHARE = 5
"""A dump with text has fewer spans: they are three times as long, and slow for everyone."""
_JSON = (OURS, DUCKDB, POLARS, PANDAS, PARSE_JSON)
"""In the order of the page; ours runs first."""
_PROTOBUF = (OURS, PARSE_PROTOBUF)
_JSON_NOTES = tuple(f"{contender.code}: {contender.sentence}" for contender in _JSON)
_PROTOBUF_NOTES = (
    "landing protobuf: the same spans, a length before each message; DuckDB reads them as JSON, timed above, "
    "and its MB are those of the JSON.",
    f"{PARSE_PROTOBUF.code}: {PARSE_PROTOBUF.sentence}",
)


class Compared(NamedTuple):
    """All contenders over the same spans, ours first."""

    code: str
    goal: float
    """How many times as fast as DuckDB landing has to be."""
    timings: tuple[Timing, ...]

    @property
    def ratio(self) -> float:
        """How many times as fast as DuckDB landing is."""
        return self.timing("duckdb").seconds / self.timing("landing").seconds

    @property
    def share_of_limit(self) -> float:
        """The speed of landing as a share of that of parsing alone."""
        return self.timing("parse only").seconds / self.timing("landing").seconds

    def timing(self, code: str) -> Timing:
        """Return what one contender took."""
        return next(timing for timing in self.timings if timing.code == code)

    def figures(self) -> dict[str, Any]:
        """Return all figures."""
        return {
            "benchmark": self.code, "goal": self.goal, "ratio": self.ratio,
            "share_of_limit": self.share_of_limit, "timings": [timing._asdict() for timing in self.timings],
        }  # fmt: skip


def run(asked: Asked) -> Iterator[Shown]:
    """Yield what all contenders took: JSON, the same spans in protobuf, JSON with the text of messages."""
    with tempfile.TemporaryDirectory(prefix="tallystick-") as name:
        dump = _dump(Path(name), asked, asked.spans, with_text=False)
        plain = Compared("landing", 5.0, _timings("landing", _JSON, dump, asked))
        yield Shown(_table(plain), _JSON_NOTES, plain.figures())
        same = _protobuf(dump, plain, asked)
        yield Shown(_table(same), _PROTOBUF_NOTES, same.figures())
    with tempfile.TemporaryDirectory(prefix="tallystick-") as name:
        yield _with_text(Path(name), asked)


def _protobuf(dump: Dump, plain: Compared, asked: Asked) -> Compared:
    """Return what the spans of a JSON dump take in protobuf, beside DuckDB over the JSON."""
    code, folder = "landing protobuf", dump.path.parent
    asked.tell(f"{code}: writing the dump")
    frames = Dump(folder / "dump.binpb", folder / "small.binpb", 0)
    write_frames(dump.small, frames.small)
    frames = frames._replace(size_bytes=write_frames(dump.path, frames.path))
    ours, limit = _timings(code, _PROTOBUF, frames, asked)
    return Compared(code, 5.0, (ours, plain.timing("duckdb"), limit))


def _with_text(folder: Path, asked: Asked) -> Shown:
    code = "landing with text"
    dump = _dump(folder, asked, asked.spans // _TEXT_SHARE, with_text=True)
    compared = Compared(code, 1.0, _timings(code, _JSON, dump, asked))
    asked.tell(f"{code}: counting")
    counting = apart(measure_counting, dump.path, asked.runs)
    figures = {**compared.figures(), "counting": {**counting._asdict(), "share": counting.share}}
    return Shown(_table(compared), (counting.text(),), figures)


def _dump(folder: Path, asked: Asked, spans: int, *, with_text: bool) -> Dump:
    asked.tell("landing: writing the dump")
    path, small = folder / "dump.jsonl", folder / "small.jsonl"
    write_dump(small, min(spans, _WARM_UP), with_text=with_text)
    return Dump(path, small, write_dump(path, spans, with_text=with_text))


def _timings(code: str, contenders: Sequence[Contender], dump: Dump, asked: Asked) -> tuple[Timing, ...]:
    timings = []
    for contender in contenders:
        asked.tell(f"{code}: {contender.code}")
        timings.append(measure(contender, dump, asked.runs))
    return tuple(timings)


def _table(compared: Compared) -> Table:
    """Return what is printed: time for one second of ours, seconds, speed, and memory."""
    ours, parse = compared.timings[0], compared.timings[-1]
    title = (
        f"{compared.code}: {compared.ratio:.1f} × DuckDB, goal ≥ {compared.goal:g} × "
        f"{verdict(compared.ratio >= compared.goal)}; {compared.share_of_limit:.0%} of the limit; "
        f"{ours.spans:,} spans, {ours.size_bytes / 1e6:,.0f} MB"
    )
    shown = Table(title=title, title_justify="left")
    shown.add_column("", no_wrap=True)
    for name in ("for ours 1", "seconds", "of all CPUs", "MB/s", "spans/s", "of the limit", "peak memory"):
        shown.add_column(name, justify="right", no_wrap=True)
    for timing in compared.timings:
        shown.add_row(
            timing.code, f"{timing.seconds / ours.seconds:.2f}", f"{timing.seconds:.2f}",
            f"{timing.cpu_seconds:.2f}", f"{timing.size_bytes / timing.seconds / 1e6:,.0f}",
            f"{ours.spans / timing.seconds:,.0f}", f"{parse.seconds / timing.seconds:.0%}",
            f"{timing.peak_bytes / 2**20:,.0f} MiB",
        )  # fmt: skip
    return shown
