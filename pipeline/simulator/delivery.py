"""From services to trace files: batches, batches sent twice or lost, and a collector that writes lines."""

import gzip
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from random import Random
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple

import msgspec
import zstandard

from pipeline.simulator.calls import SECOND
from pipeline.simulator.clock import day_of
from pipeline.simulator.otlp import Scope, Span, attributes
from pipeline.simulator.service import Service

_FLUSH = 5 * SECOND
_HALF_DAY = 12 * 3600 * SECOND
_ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.zst")
_NOT_JSON = b"panic: collector restarted while writing (made-up line)\n"


class Batch(NamedTuple):
    """What one exporter sent at once: spans of one service, as JSON in the spool."""

    arrived: int
    service: str
    number: int
    offset: int
    length: int
    spans: int


@dataclass(frozen=True)
class Broken:
    """A line that no reader can use."""

    file: str
    line: int
    kind: str


@dataclass
class Post:
    """Carries batches to the collector; what waits there lies in a temporary file, not in memory."""

    rng: Random
    spool: IO[bytes] = field(default_factory=TemporaryFile)
    batches: list[Batch] = field(default_factory=list)
    end: int = 0

    @property
    def spans(self) -> int:
        """Spans that arrived."""
        return sum(batch.spans for batch in self.batches)

    def send(self, spans: Iterable[Span], service: Service) -> None:
        """Send the spans that a service and its entry ended; notes on the records how often they arrive."""
        ordered = sorted(spans, key=lambda span: (span.service, span.ended))
        for name, group in groupby(ordered, attrgetter("service")):
            lost = service.lost if name == service.name else 0.0
            for batch in _flushes(group):
                self._send(batch, lost, service.resent)

    def _send(self, spans: list[Span], lost: float, resent: float) -> None:
        rng = self.rng
        arrived = spans[-1].ended + rng.randint(1, 5) * SECOND
        chance, wait = rng.random(), rng.randint(30, 5400) * SECOND
        copies = 0 if chance < lost else 2 if chance > 1 - resent else 1
        for span in spans:
            if span.record is not None:
                span.record.copies = copies
        if not copies:
            return
        text = msgspec.json.encode(_resource(spans))
        self.spool.write(text)
        for again in range(copies):
            self.batches.append(
                Batch(
                    arrived + again * wait,
                    spans[0].service,
                    len(self.batches),
                    self.end,
                    len(text),
                    len(spans),
                )
            )
        self.end += len(text)

    def read(self, batch: Batch) -> bytes:
        """Return the JSON of a batch: an object of `resourceSpans`."""
        self.spool.seek(batch.offset)
        return self.spool.read(batch.length)


def _flushes(spans: Iterable[Span]) -> Iterator[list[Span]]:
    """An exporter sends what has ended in the last five seconds."""
    some: list[Span] = []
    for span in spans:
        if some and span.ended - some[0].ended > _FLUSH:
            yield some
            some = []
        some.append(span)
    if some:
        yield some


def write_traces(
    folder: Path, post: Post, progress: Callable[[int, int], None] | None = None
) -> tuple[list[str], list[Broken]]:
    """Write batches to files of half a day, plain, gzip and zstd in turn; returns names and broken lines."""
    folder.mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    broken: list[Broken] = []
    done = 0
    post.batches.sort()
    for half_day, group in groupby(post.batches, lambda batch: batch.arrived // _HALF_DAY):
        part = list(group)
        lines = [_line(post, some) for some in _by_size(part)]
        ending = _ENDINGS[len(names) % len(_ENDINGS)]
        name = f"spans-{day_of(half_day * _HALF_DAY)}-{'am' if half_day % 2 == 0 else 'pm'}{ending}"
        names.append(name)
        broken += _break(name, len(names), lines)
        (folder / name).write_bytes(_packed(b"".join(lines), ending))
        done += len(part)
        if progress:
            progress(done, len(post.batches))
    post.spool.close()
    return names, broken


def _by_size(sent: Sequence[Batch]) -> Iterator[list[Batch]]:
    """The collector writes one request a line: here about 120 spans."""
    some: list[Batch] = []
    count = 0
    for batch in sent:
        some.append(batch)
        count += batch.spans
        if count >= 120:
            yield some
            some, count = [], 0
    if some:
        yield some


def _line(post: Post, sent: Sequence[Batch]) -> bytes:
    return b'{"resourceSpans":[' + b",".join(post.read(batch) for batch in sent) + b"]}\n"


def _resource(spans: Sequence[Span]) -> dict[str, Any]:
    first = spans[0]
    by_scope: dict[Scope, list[msgspec.Raw]] = {}
    for span in spans:
        by_scope.setdefault(span.scope, []).append(msgspec.Raw(span.body))
    told = {
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": "1.45.2",
        "service.name": first.service,
        "deployment.environment.name": first.environment,
    }
    return {
        "resource": {"attributes": attributes(told)},
        "scopeSpans": [_scope_spans(scope, bodies) for scope, bodies in by_scope.items()],
    }


def _scope_spans(scope: Scope, spans: list[msgspec.Raw]) -> dict[str, Any]:
    named = {"name": scope.name, "version": scope.version} if scope.version else {"name": scope.name}
    told: dict[str, Any] = {"scope": named, "spans": spans}
    if scope.schema_url:
        told["schemaUrl"] = scope.schema_url
    return told


def _break(name: str, number: int, lines: list[bytes]) -> list[Broken]:
    """Damage a few files: a foreign line, and a re-sent line that was cut when the collector stopped.

    The cut line repeats one that was written in full, so nothing is lost with it.
    """
    if number % 20 == 4:
        at = len(lines) // 2
        lines.insert(at, _NOT_JSON)
        return [Broken(name, at + 1, "not_json")]
    if number % 20 == 11:
        lines.append(lines[-1][: len(lines[-1]) * 2 // 3])
        return [Broken(name, len(lines), "truncated")]
    return []


def _packed(data: bytes, ending: str) -> bytes:
    if ending.endswith(".gz"):
        return gzip.compress(data, compresslevel=5, mtime=0)
    if ending.endswith(".zst"):
        return zstandard.ZstdCompressor(level=5).compress(data)
    return data
