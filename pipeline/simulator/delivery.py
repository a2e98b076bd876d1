"""From services to trace files: batches, batches sent twice or lost, and a collector that writes lines."""

import gzip
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import zstandard

from pipeline.simulator.calls import SECOND
from pipeline.simulator.clock import day_of
from pipeline.simulator.otlp import Scope, Span, attributes

RESENT = 0.012
"""Share of batches that an exporter sends again after a 503: the same span ids in another line."""

LOST = 0.012
"""Share of batches that a service with too small a queue drops."""

_FLUSH = 5 * SECOND
_HALF_DAY = 12 * 3600 * SECOND
_ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.zst")
_NOT_JSON = b"panic: collector restarted while writing (made-up line)\n"


@dataclass(slots=True)
class Batch:
    """What one exporter sends at once: spans of one service."""

    arrived: int
    spans: Sequence[Span]


@dataclass(frozen=True)
class Broken:
    """A line that no reader can use."""

    file: str
    line: int
    kind: str


def batches(spans: Sequence[Span], lossy: frozenset[str], rng: Random) -> list[Batch]:
    """Return the batches that reach the collector, in order of arrival; notes copies on the records."""
    sent: list[Batch] = []
    for service, group in groupby(
        sorted(spans, key=lambda span: (span.service, span.ended)), attrgetter("service")
    ):
        for batch in _flushes(list(group)):
            sent += _send(batch, service in lossy, rng)
    return sorted(sent, key=lambda batch: (batch.arrived, batch.spans[0].service))


def _flushes(spans: Sequence[Span]) -> Iterator[list[Span]]:
    """An exporter sends what has ended in the last five seconds."""
    some: list[Span] = []
    for span in spans:
        if some and span.ended - some[0].ended > _FLUSH:
            yield some
            some = []
        some.append(span)
    if some:
        yield some


def _send(spans: list[Span], is_lossy: bool, rng: Random) -> list[Batch]:
    arrived = spans[-1].ended + rng.randint(1, 5) * SECOND
    copies = 1
    if is_lossy and rng.random() < LOST:
        copies = 0
    elif rng.random() < RESENT:
        copies = 2
    for span in spans:
        if span.record is not None:
            span.record.copies = copies
    return [Batch(arrived + again * rng.randint(30, 5400) * SECOND, spans) for again in range(copies)]


def write_traces(
    folder: Path, sent: Sequence[Batch], progress: Callable[[int, int], None] | None = None
) -> tuple[list[str], list[Broken]]:
    """Write batches to files of half a day, plain, gzip and zstd in turn; returns names and broken lines."""
    folder.mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    broken: list[Broken] = []
    done = 0
    for half_day, group in groupby(sent, lambda batch: batch.arrived // _HALF_DAY):
        part = list(group)
        lines = [_line(some) for some in _by_size(part)]
        ending = _ENDINGS[len(names) % len(_ENDINGS)]
        name = f"spans-{day_of(half_day * _HALF_DAY)}-{'am' if half_day % 2 == 0 else 'pm'}{ending}"
        names.append(name)
        broken += _break(name, len(names), lines)
        (folder / name).write_bytes(_packed(b"".join(lines), ending))
        done += len(part)
        if progress:
            progress(done, len(sent))
    return names, broken


def _by_size(sent: Sequence[Batch]) -> Iterator[list[Batch]]:
    """The collector writes one request a line: here about 120 spans."""
    some: list[Batch] = []
    count = 0
    for batch in sent:
        some.append(batch)
        count += len(batch.spans)
        if count >= 120:
            yield some
            some, count = [], 0
    if some:
        yield some


def _line(sent: Sequence[Batch]) -> bytes:
    resources = [_resource(batch) for batch in sent]
    return msgspec.json.encode({"resourceSpans": resources}) + b"\n"


def _resource(batch: Batch) -> dict[str, Any]:
    first = batch.spans[0]
    by_scope: dict[Scope, list[dict[str, Any]]] = {}
    for span in batch.spans:
        by_scope.setdefault(span.scope, []).append(span.body)
    told = {
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": "1.45.2",
        "service.name": first.service,
        "deployment.environment.name": first.environment,
    }
    return {
        "resource": {"attributes": attributes(told)},
        "scopeSpans": [_scope_spans(scope, spans) for scope, spans in by_scope.items()],
    }


def _scope_spans(scope: Scope, spans: list[dict[str, Any]]) -> dict[str, Any]:
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
