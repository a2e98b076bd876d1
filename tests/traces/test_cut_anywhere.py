"""A dump of any format that is cut at any byte, or damaged, loses nothing but what was destroyed."""

import gzip
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import zstandard

from pipeline.content import open_content
from pipeline.errors import SourceError
from pipeline.intake.decoding import DecodeOptions, decode_records
from pipeline.intake.readers import SpanError
from pipeline.traces import trace_format
from tests.traces.dumps import BUILDERS, Request, clickhouse_parquet, message

CUTTABLE = [name for name in BUILDERS if name != "parquet"]
"""Parquet has its index at its end."""


class Outcome(NamedTuple):
    spans: list[str]
    rejects: list[str]


def _read(path: Path, content: bytes) -> Outcome:
    """The spans and the rejects of a file, as its format finds them."""
    path.write_bytes(content)
    spans, rejects = [], []
    with open_content(path) as (stored, stream):
        try:
            form = trace_format(stream.peek(65536)[:65536], None)
            for _, found in form.records(stored, stream):
                for span, _, _ in found:
                    is_bad = isinstance(span, SpanError)
                    (rejects if is_bad else spans).append(span.code if is_bad else span.span_id)
        except SourceError as error:
            return Outcome([], [error.code])
    return Outcome(spans, [*rejects, *(["broken_compression"] if stored.broken else [])])


def _decode(path: Path, content: bytes) -> None:
    """Read a file down to its rows."""
    path.write_bytes(content)
    with open_content(path) as (stored, stream), suppress(SourceError):
        form = trace_format(stream.peek(65536)[:65536], None)
        for batch in decode_records(form.records(stored, stream), DecodeOptions()):
            assert batch.read == batch.rows.height + len(batch.rejects)


def _span(number: int) -> dict[str, Any]:
    start = 1_790_000_000 * 10**9 + number
    return {
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": f"{number + 1:016x}",
        "parentSpanId": "",
        "name": "chat 'gpt' \"4\"\nö",
        "kind": 3,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 10**9),
        "attributes": [
            {"key": "gen_ai.usage.input_tokens", "value": {"intValue": str(number)}},
            {"key": "gen_ai.prompt", "value": {"stringValue": "äöü 'x' \\ {\"a\":1}\n" * (number % 2)}},
        ],
        "events": [
            {
                "timeUnixNano": str(start),
                "name": "exception",
                "attributes": [{"key": "exception.type", "value": {"stringValue": "E"}}],
            }
        ],
        "status": {"code": 2, "message": "x"},
    }


def _request(*spans: dict[str, Any]) -> Request:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    return {
        "resourceSpans": [
            {"resource": resource, "scopeSpans": [{"scope": {"name": "s"}, "spans": list(spans)}]}
        ]
    }


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    return [_request(_span(0), _span(1)), _request(_span(2)), _request(_span(3))]


def _ends(name: str, requests: list[Request]) -> list[int]:
    """For each span, how many bytes of the dump hold it whole; the end of its line is not needed."""
    kind, build = BUILDERS[name]
    if kind in ("otlp_json", "otlp_frames", "otlp_proto"):
        sizes = [len(build(requests[: count + 1])) for count in range(len(requests))]
        spans = [len(request["resourceSpans"][0]["scopeSpans"][0]["spans"]) for request in requests]
        ends = [size for size, count in zip(sizes, spans, strict=True) for _ in range(count)]
    else:
        flat = [
            _request(span)
            for request in requests
            for span in request["resourceSpans"][0]["scopeSpans"][0]["spans"]
        ]
        ends = [len(build(flat[: count + 1])) for count in range(len(flat))]
    is_lines = kind in ("otlp_json", "clickhouse_json", "clickhouse_csv")
    return [end - is_lines for end in ends]


@pytest.mark.parametrize("name", CUTTABLE)
def test_every_whole_record_before_a_cut_is_kept(name: str, requests: list[Request], tmp_path: Path) -> None:
    dump = BUILDERS[name][1](requests)
    ends = _ends(name, requests)
    near = {end + i for end in ends for i in range(-4, 5)} | set(range(20))
    for cut in sorted(near | set(range(0, len(dump), 1 + len(dump) // 600))):
        if cut > len(dump):
            break
        told = _read(tmp_path / "dump", dump[:cut])
        whole = sum(end <= cut for end in ends)
        assert told.spans == [f"{i + 1:016x}" for i in range(whole)], cut
        assert len(told.rejects) <= 1, cut
        at_an_end = cut in ends or cut - 1 in ends or cut == 0
        if not at_an_end and whole:
            assert told.rejects == ["truncated"], cut


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
@pytest.mark.parametrize("name", CUTTABLE)
def test_every_whole_record_before_a_cut_of_the_compressed_file_is_kept(
    name: str, compress: Callable, requests: list[Request], tmp_path: Path
) -> None:
    stored = compress(BUILDERS[name][1](requests))
    ends = _ends(name, requests)
    for cut in range(10, len(stored), 11):
        path = tmp_path / "dump"
        path.write_bytes(stored[:cut])
        with open_content(path) as (content, stream):
            out = len(stream.read())
            assert content.broken
        told = _read(path, stored[:cut])
        if out >= ends[0]:
            assert len(told.spans) == sum(end <= out for end in ends), cut
        assert told.rejects[-1:] in (
            ["broken_compression"],
            ["unknown_format"],
            ["binary_file"],
            ["bad_header"],
        ), cut


def test_a_cut_table_in_parquet_is_refused_whole(requests: list[Request], tmp_path: Path) -> None:
    dump = clickhouse_parquet(requests)
    for cut in range(4, len(dump), 37):
        assert _read(tmp_path / "dump", dump[:cut]) == Outcome([], ["truncated"])


@pytest.mark.parametrize("name", BUILDERS)
def test_a_flipped_byte_never_crashes(name: str, requests: list[Request], tmp_path: Path) -> None:
    dump, draw = BUILDERS[name][1](requests), random.Random(7)  # noqa: S311
    for _ in range(150):
        damaged = bytearray(dump)
        damaged[draw.randrange(len(dump))] = draw.randrange(256)
        _decode(tmp_path / "dump", bytes(damaged))


@pytest.mark.parametrize("name", ["frames", "frames_zstd", "frames_json_zstd", "csv", "json_rows", "json"])
def test_damage_inside_a_record_costs_no_other(name: str, requests: list[Request], tmp_path: Path) -> None:
    """A flipped byte within the second record; its length, where it has one, stays."""
    dump, draw = BUILDERS[name][1](requests), random.Random(8)  # noqa: S311
    ends = _ends(name, requests)
    first, last = ends[1] + 6, ends[2] - 2
    for _ in range(100):
        damaged = bytearray(dump)
        damaged[draw.randrange(first, last)] = draw.choice(b"\x00\xff{]x'\\")
        told = _read(tmp_path / "dump", bytes(damaged))
        others = [span for span in told.spans if span != f"{3:016x}"]
        assert set(others) >= {f"{number:016x}" for number in (1, 2, 4)}


def test_any_bytes_behind_a_good_message_are_read_or_refused(requests: list[Request], tmp_path: Path) -> None:
    draw, good = random.Random(9), message(requests[0])  # noqa: S311
    for size in range(60):
        told = _read(tmp_path / "dump", good + draw.randbytes(size))
        assert told.spans[:2] == [f"{1:016x}", f"{2:016x}"]
