"""Bad dumps of every format: each is read right, or lands in quarantine with place, reason and advice."""

import gzip
import resource
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import zstandard

from pipeline.content import MAX_LINE_BYTES
from tests.traces.dumps import (
    BUILDERS,
    Request,
    framed,
    message,
)
from tests.traces.test_cut_anywhere import _request, _span

GOOD = _request(_span(0))
LAST = _request(_span(2))


def _altered(**fields: Any) -> Request:
    return _request(_span(1) | fields)


def _with(key: str, value: dict[str, Any]) -> Request:
    span = _span(1)
    return _request(span | {"attributes": [*span["attributes"], {"key": key, "value": value}]})


BAD_SPANS = {
    "bad_trace_id": _altered(traceId=""),
    "bad_span_id": _altered(spanId=""),
    "own_parent": _altered(parentSpanId=_span(1)["spanId"]),
    "bad_time": _altered(startTimeUnixNano="5", endTimeUnixNano="5"),
    "count_negative": _with("gen_ai.usage.output_tokens", {"intValue": "-1"}),
    "count_not_integer": _with("gen_ai.usage.output_tokens", {"doubleValue": 1.5}),
    "count_absurd": _with("gen_ai.usage.output_tokens", {"intValue": "100000001"}),
}


@pytest.mark.parametrize("code", BAD_SPANS)
@pytest.mark.parametrize("name", BUILDERS)
def test_a_bad_span_loses_itself_only(name: str, code: str, landing: Callable) -> None:
    """The malformed twin of every format: the reject says the same as for OTLP/JSON."""
    requests = [GOOD, BAD_SPANS[code], LAST]
    landed = landing(BUILDERS[name][1](requests))
    plain = landing(BUILDERS["json"][1](requests), "plain")
    assert landed.spans["span_id"].to_list() == [f"{1:016x}", f"{3:016x}"]
    (reject,), (expected,) = landed.rejects, plain.rejects
    line = 4 if name == "csv" else 2  # a header, and a row over two lines
    assert (reject["code"], reject["line"], reject["advice"]) == (code, line, expected["advice"])
    is_text = code == "count_not_integer" and BUILDERS[name][0].startswith("clickhouse")  # as all values are
    assert reject["reason"] == (
        expected["reason"].replace("1.5", "text of 3 characters") if is_text else expected["reason"]
    )


@contextmanager
def _bounded(most: int) -> Iterator[None]:
    """The largest memory of the process grows by no more than so many bytes."""
    before = _peak()
    yield
    assert _peak() - before < most


def _peak() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


MIB = 1 << 20


@pytest.mark.parametrize("name", ["proto", "frames", "csv", "json_rows"])
def test_a_bomb_behind_good_records_is_cut_off(name: str, landing: Callable) -> None:
    bomb = zstandard.compress(BUILDERS[name][1]([GOOD]) + bytes(100 * MIB))
    with _bounded(450 * MIB):
        landed = landing(bomb)
    assert landed.spans.height == 1
    codes = [reject["code"] for reject in landed.rejects]
    assert codes == (["framing_lost"] if name == "proto" else ["broken_compression"])


def test_a_bomb_in_a_frame_costs_no_other_frame(landing: Callable) -> None:
    bomb = zstandard.compress(bytes(80 * MIB))
    with _bounded(100 * MIB):
        landed = landing(framed([message(GOOD), bomb, message(LAST)]))
    assert landed.spans.height == 2
    (reject,) = landed.rejects
    assert (reject["code"], reject["line"], reject["byte_offset"]) == (
        "message_too_long",
        2,
        4 + len(message(GOOD)),
    )
    assert f"grows to {80 * MIB}" in reject["reason"]


def test_a_bomb_in_a_frame_that_hides_its_size_costs_no_other(landing: Callable) -> None:
    packer = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    bomb = packer.compress(bytes(80 * MIB)) + packer.flush()
    with _bounded(100 * MIB):
        landed = landing(framed([message(GOOD), bomb, message(LAST)]))
    assert landed.spans.height == 2
    assert [reject["code"] for reject in landed.rejects] == ["broken_compression"]


def test_a_damaged_zstd_frame_costs_no_other(landing: Callable) -> None:
    packed = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(message(GOOD)))
    packed[-1] ^= 1
    landed = landing(framed([message(GOOD), bytes(packed), message(LAST)]))
    assert landed.spans.height == 2
    assert [(reject["code"], reject["line"]) for reject in landed.rejects] == [("broken_compression", 2)]


def test_a_frame_that_claims_4_gib_says_where_the_dump_ends(landing: Callable) -> None:
    good = framed([message(GOOD)])
    landed = landing(good + b"\xff\xff\xff\xff" + message(LAST))
    assert landed.spans.height == 1
    (reject,) = landed.rejects
    assert (reject["code"], reject["line"], reject["byte_offset"]) == ("truncated", 2, len(good))
    assert f"has 4294967295 bytes by its length, but only {len(message(LAST))} follow" in reject["reason"]


def test_a_dump_that_starts_with_a_frame_of_4_gib_is_told(landing: Callable) -> None:
    landed = landing(b"\xff\xff\xff\xff" + message(GOOD))
    assert [reject["code"] for reject in landed.rejects] == ["truncated"]


def test_a_frame_of_200_mb_costs_no_other(landing: Callable) -> None:
    huge = struct.pack(">I", 200 * MIB) + bytes(200 * MIB)
    content = framed([message(GOOD)]) + huge + framed([message(LAST)])
    with _bounded(120 * MIB):
        landed = landing(content)
    assert landed.spans.height == 2
    (reject,) = landed.rejects
    assert (reject["code"], reject["line"]) == ("message_too_long", 2)
    assert f"{200 * MIB} bytes; {MAX_LINE_BYTES} is the most" in reject["reason"]


def test_resource_spans_of_200_mb_cost_no_other(landing: Callable) -> None:
    huge = b"\x0a\x80\x80\x80\x64" + bytes(200 * MIB)
    with _bounded(120 * MIB):
        landed = landing(message(GOOD) + huge + message(LAST))
    assert landed.spans.height == 2
    (reject,) = landed.rejects
    assert (reject["code"], reject["byte_offset"]) == ("message_too_long", len(message(GOOD)))


def _nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"stringValue": "x"}
    for _ in range(depth):
        value = {"arrayValue": {"values": [value]}}
    return value


def _deep_message(depth: int, key: str) -> bytes:
    """A span with a value nested so deeply, which the official messages refuse to build."""
    value = b"\x0a\x01x"
    for _ in range(depth):
        value = _field(5, _field(1, value))
    pair = _field(1, key.encode()) + _field(2, value)
    span = _field(1, b"\1" * 16) + _field(2, b"\2" * 8) + b"\x39" + struct.pack("<Q", 1_790_000_000 * 10**9)
    span += b"\x41" + struct.pack("<Q", 1_790_000_001 * 10**9) + _field(9, pair)
    return _field(1, _field(2, _field(2, span)))


def _field(number: int, data: bytes) -> bytes:
    size, length = len(data), b""
    while size > 0x7F:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + data


def test_deep_nesting_in_what_nobody_reads_is_harmless(landing: Callable) -> None:
    landed = landing(framed([message(GOOD), _deep_message(20_000, "gen_ai.input.messages")]))
    assert (landed.spans.height, landed.rejects) == (2, [])


def test_deep_nesting_in_what_is_read_loses_its_span_only(landing: Callable) -> None:
    landed = landing(
        framed([message(GOOD), _deep_message(20_000, "gen_ai.usage.input_tokens"), message(LAST)])
    )
    assert landed.spans.height == 2
    assert [(reject["code"], reject["line"]) for reject in landed.rejects] == [("wrong_shape", 2)]


def test_a_damaged_span_in_protobuf_costs_no_other(landing: Callable) -> None:
    whole = _request(_span(0), _span(1), _span(2))
    data = message(whole)
    place = data.index(bytes.fromhex(_span(1)["spanId"]))
    damaged = data[: place - 1] + b"\x7f" + data[place:]
    landed = landing(framed([damaged]))
    assert landed.spans["span_id"].to_list() == [f"{1:016x}", f"{3:016x}"]
    assert [(reject["code"], reject["position"]) for reject in landed.rejects] == [("wrong_shape", 1)]


def test_a_name_that_is_not_utf8_costs_no_other(landing: Callable) -> None:
    data = message(_request(_span(0), _span(1) | {"name": "MARK"}, _span(2)))
    landed = landing(data.replace(b"MARK", b"\xff\xfe\xfd\xfc"))
    assert landed.spans["span_id"].to_list() == [f"{1:016x}", f"{3:016x}"]
    assert [(reject["code"], reject["position"]) for reject in landed.rejects] == [("wrong_shape", 1)]


def test_what_is_no_otlp_behind_a_message_ends_it_visibly(landing: Callable) -> None:
    landed = landing(message(GOOD) + b"\x07garbage")
    assert landed.spans.height == 1
    (reject,) = landed.rejects
    assert (reject["code"], reject["byte_offset"]) == ("framing_lost", len(message(GOOD)))


@pytest.mark.parametrize("name", BUILDERS)
def test_a_long_prompt_is_no_obstacle(name: str, landing: Callable) -> None:
    request = _with("gen_ai.input.messages", {"stringValue": 'it\'s "long"\n' * 50_000})
    landed = landing(BUILDERS[name][1]([GOOD, request, LAST]))
    assert (landed.spans.height, landed.rejects) == (3, [])


KEYS = [
    ("base/traces/year=2019/month=01/day=02/hour=03/minute=04/traces_123456789.json", "json", bytes),
    ("year=2031/month=01/day=02/hour=03/traces_0190a1b2.binpb", "proto", bytes),
    ("year=2026/month=10/day=02/hour=03/minute=59/pre_traces_1.binpb.gz", "proto", gzip.compress),
    ("2026/10/02/traces_1.json.zst", "json", zstandard.compress),
]


@pytest.mark.parametrize(("key", "name", "compress"), KEYS)
def test_the_key_of_an_uploaded_object_tells_nothing_of_its_spans(
    key: str, name: str, compress: Callable, landing: Callable
) -> None:
    """The S3 exporter's partition is the time of the upload."""
    landed = landing(compress(BUILDERS[name][1]([GOOD])), key)
    (started,) = landed.spans["started_at"]
    assert started.timestamp() == 1_790_000_000
    assert landed.spans["service"].to_list() == ["shop"]
