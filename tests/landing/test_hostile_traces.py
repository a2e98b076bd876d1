"""Bad trace files: each is read right or lands in quarantine with place, reason and advice."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard

from pipeline.landing import LandingSummary
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME

SPAN, QUARANTINE = BY_NAME["raw.span"], BY_NAME["raw.quarantine"]


@pytest.fixture
def outcome(traces: Path, landed: Callable[..., LandingSummary], warehouse: Warehouse) -> Callable[..., Any]:
    """Land one file of these bytes; return its spans and its rejects."""

    def run(content: bytes, name: str = "dump.jsonl") -> tuple[pl.DataFrame, list[dict[str, Any]]]:
        (traces / name).write_bytes(content)
        (source,) = landed().sources
        spans, rejects = warehouse.read(SPAN), warehouse.read(QUARANTINE)
        assert source.rows["rows_read"] == spans.height + rejects.height
        assert all(reject["reason"] and reject["advice"] for reject in rejects.rows(named=True))
        return spans, rejects.rows(named=True)

    return run


@pytest.fixture
def make(request_line: Callable, span: Callable) -> tuple[Callable, Callable]:
    return request_line, span


@pytest.fixture
def good(request_line: Callable, span: Callable) -> bytes:
    return request_line(span({"gen_ai.usage.input_tokens": 10})).encode()


def test_truncated_line(outcome: Callable, good: bytes) -> None:
    spans, (reject,) = outcome(good + b"\n" + good[:200])
    assert spans["input_tokens"].to_list() == [10]
    assert (reject["code"], reject["line"], reject["byte_offset"]) == ("truncated", 2, len(good) + 1)
    assert "after 200 bytes" in reject["reason"]


def test_line_that_is_not_json(outcome: Callable, good: bytes) -> None:
    spans, (reject,) = outcome(good + b"\nTraceback (most recent call last):\n" + good)
    assert spans["line"].to_list() == [1, 3]
    assert (reject["code"], reject["line"]) == ("not_json", 2)


COUNTS = [
    (-1, "count_negative", "is -1, below 0"),
    (12.5, "count_not_integer", "is 12.5, not a whole number"),
    ("abc", "count_not_integer", "is text of 3 characters, not a whole number"),
    ("NaN", "count_not_integer", "text of 3 characters"),
    (True, "count_not_integer", "is true or false"),
    ([1], "count_not_integer", "is a list"),
    (100_000_001, "count_absurd", "is 100000001, above 100000000"),
    ("9" * 5000, "count_absurd", "is more than 10^18, above 100000000"),
    (1e300, "count_absurd", "is more than 10^18"),
]


@pytest.mark.parametrize(("value", "code", "reason"), COUNTS)
def test_bad_count_loses_its_span_only(
    outcome: Callable, make: Any, value: Any, code: str, reason: str
) -> None:
    request_line, span = make
    bad = span({"gen_ai.usage.output_tokens": value})
    spans, (reject,) = outcome(request_line(span(), bad, span()).encode())
    assert spans["position"].to_list() == [0, 2]
    assert (reject["code"], reject["line"], reject["position"]) == (code, 1, 1)
    assert reject["reason"].startswith("Attribute gen_ai.usage.output_tokens is ")
    assert reason in reject["reason"]


@pytest.mark.parametrize("value", ["12", 12.0, 12])
def test_counts_as_text_and_whole_floats_are_read(
    outcome: Callable, request_line: Callable, span: Callable, value: Any
) -> None:
    spans, rejects = outcome(request_line(span({"gen_ai.usage.output_tokens": value})).encode())
    assert (spans["output_tokens"].to_list(), rejects) == ([12], [])


def test_more_cached_than_input_is_the_dialects_matter(
    outcome: Callable, request_line: Callable, span: Callable
) -> None:
    usage = {"gen_ai.usage.input_tokens": 2, "gen_ai.usage.cache_read.input_tokens": 900}
    spans, rejects = outcome(request_line(span(usage)).encode())
    assert (spans["cache_read_tokens"].to_list(), rejects) == ([900], [])


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_a_bare_nan_is_no_json_but_loses_only_its_span(
    outcome: Callable, request_line: Callable, span: Callable, literal: str
) -> None:
    line = request_line(span(), span({"gen_ai.usage.input_tokens": 1.5, "gen_ai.prompt": "a:NaN,b"}))
    spans, (reject,) = outcome(line.replace("1.5", literal).encode())
    assert spans.height == 1
    assert (reject["code"], reject["position"]) == ("count_not_integer", 1)


IDS = [
    ({"traceId": None}, "bad_trace_id", "The trace id is missing."),
    ({"traceId": "0" * 32}, "bad_trace_id", "The trace id is all zeros."),
    ({"traceId": "xyz"}, "bad_trace_id", "The trace id has 3 characters where 32 hex digits belong."),
    ({"spanId": ""}, "bad_span_id", "The span id is missing."),
    ({"spanId": "g" * 16}, "bad_span_id", "The span id has characters that are not hex digits."),
    ({"parentSpanId": "12"}, "bad_parent_id", "has 2 characters where 16 hex digits belong."),
    ({"parentSpanId": "b7ad6b7169203331"}, "own_parent", "The span names itself as its parent."),
    ({"startTimeUnixNano": None}, "bad_time", "The start time is missing."),
    ({"endTimeUnixNano": "soon"}, "bad_time", "The end time is not a number of nanoseconds."),
    ({"endTimeUnixNano": 0}, "bad_time", "The end time, 0 ns, lies outside the years 2000 to 2099."),
    ({"endTimeUnixNano": "1789999999000000000"}, "ends_before_start",
     "The span ends at 1789999999000000000 ns, before it starts at 1790000000000000000 ns."),
    ({"name": 7}, "wrong_shape", "not shaped as OTLP"),
    ({"attributes": "none"}, "wrong_shape", "not shaped as OTLP"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "code", "reason"), IDS)
def test_bad_ids_times_and_shapes_lose_their_span_only(
    outcome: Callable, make: Any, fields: dict, code: str, reason: str
) -> None:
    request_line, span = make
    spans, (reject,) = outcome(request_line(span(), span() | fields).encode())
    assert spans.height == 1
    assert (reject["code"], reject["position"]) == (code, 1)
    assert reason in reject["reason"]


def test_something_that_is_no_span_loses_itself_only(
    outcome: Callable, request_line: Callable, span: Callable
) -> None:
    spans, rejects = outcome(request_line(None, span(), 3, [], "x").encode())
    assert spans["position"].to_list() == [1]
    assert [reject["position"] for reject in rejects] == [0, 2, 3, 4]


@pytest.mark.parametrize("part", [None, 3, {"scopeSpans": {}}, {"scopeSpans": [3]}, {"resource": 1}])
def test_a_bad_block_loses_itself_only(outcome: Callable, good: bytes, part: Any) -> None:
    document = json.loads(good)
    document["resourceSpans"].insert(0, part)
    spans, (reject,) = outcome(json.dumps(document).encode())
    assert spans.height == 1
    assert reject["code"] == "wrong_shape"


@pytest.mark.parametrize("text", ['{"resourceLogs":[]}', '{"a":1}', "{}"])
def test_other_signals_are_told(outcome: Callable, good: bytes, text: str) -> None:
    spans, (reject,) = outcome(good + b"\n" + text.encode())
    assert (spans.height, reject["code"]) == (1, "not_traces")


@pytest.mark.parametrize("text", ["3", "null", '"x"', "[1]"])
def test_json_that_is_no_request_is_told(outcome: Callable, good: bytes, text: str) -> None:
    spans, (reject,) = outcome(good + b"\n" + text.encode())
    assert (spans.height, reject["code"]) == (1, "wrong_shape")


def test_invalid_utf8_in_text_that_nobody_reads_is_harmless(
    outcome: Callable, request_line: Callable, span: Callable
) -> None:
    line = request_line(span({"gen_ai.prompt": "MARK", "gen_ai.usage.input_tokens": 5})).encode()
    spans, rejects = outcome(line.replace(b"MARK", b"\xff\xfe"))
    assert (spans["input_tokens"].to_list(), rejects) == ([5], [])


@pytest.mark.parametrize("place", ["name", "attribute"])
def test_invalid_utf8_loses_its_span_only(
    outcome: Callable, request_line: Callable, span: Callable, place: str
) -> None:
    bad = span(name="MARK") if place == "name" else span({"gen_ai.request.model": "MARK"})
    line = request_line(span(), bad).encode()
    spans, (reject,) = outcome(line.replace(b"MARK", b"\xff\xfe"))
    assert (spans.height, reject["code"], reject["position"]) == (1, "invalid_utf8", 1)


def test_invalid_utf8_outside_json(outcome: Callable, good: bytes) -> None:
    spans, (reject,) = outcome(good + b"\n\xff\xfe\xfa\n")
    assert (spans.height, reject["code"], reject["line"]) == (1, "invalid_utf8", 2)


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_truncated_compression(outcome: Callable, request_line: Callable, span: Callable, compress) -> None:
    made = [span({"gen_ai.response.id": f"{i * 7919:x}"}, spanId=f"{i + 1:016x}") for i in range(3000)]
    stored = compress("\n".join(request_line(item) for item in made).encode())
    spans, (reject,) = outcome(stored[: len(stored) * 2 // 3])
    assert 0 < spans.height < 3000
    assert spans["span_id"].to_list() == [f"{i + 1:016x}" for i in range(spans.height)]
    assert reject["code"] == "broken_compression"
    assert reject["byte_offset"] > 0
    assert f"after {len(stored) * 2 // 3} bytes" in reject["reason"]


def test_empty_file(outcome: Callable) -> None:
    spans, (reject,) = outcome(b"")
    assert (spans.height, reject["code"], reject["uri"]) == (0, "empty_file", "traces/dump.jsonl")


def test_file_of_blank_lines_is_empty(outcome: Callable) -> None:
    _, (reject,) = outcome(b"\xef\xbb\xbf\r\n \n")
    assert reject["code"] == "empty_file"


def test_mark_carriage_returns_and_blank_lines_are_fine(outcome: Callable, good: bytes) -> None:
    spans, rejects = outcome(b"\xef\xbb\xbf" + good + b"\r\n\r\n" + good + b"\r\n")
    assert (spans["line"].to_list(), rejects) == ([1, 3], [])


def test_line_of_40_megabytes_is_read(outcome: Callable, request_line: Callable, span: Callable) -> None:
    usage = {"gen_ai.input.messages": "x" * 40_000_000, "gen_ai.usage.input_tokens": 9_000_000}
    spans, rejects = outcome(f"{request_line(span(usage))}\n{request_line(span())}\n".encode())
    assert (spans["input_tokens"].to_list(), rejects) == ([9_000_000, None], [])


def test_line_beyond_the_bound_is_set_aside_with_its_size(outcome: Callable, good: bytes) -> None:
    spans, (reject,) = outcome(good + b"\n" + b"x" * 70_000_000 + b"\n" + good)
    assert spans["line"].to_list() == [1, 3]
    assert (reject["code"], reject["line"]) == ("line_too_long", 2)
    assert "70000001 bytes; 67108864 is the most" in reject["reason"]


@pytest.mark.parametrize("close", [b"", b"]" * 500_000 + b"}"])
def test_deep_nesting(outcome: Callable, good: bytes, close: bytes) -> None:
    spans, (reject,) = outcome(good + b'\n{"resourceSpans":[],"x":' + b"[" * 500_000 + close + b"\n" + good)
    assert spans["line"].to_list() == [1, 3]
    assert reject["code"] == "nested_too_deep"


def test_binary_file_is_one_record(outcome: Callable) -> None:
    _, (reject,) = outcome(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(5000))
    assert (reject["code"], reject["line"]) == ("binary_file", None)


def test_a_bad_file_loses_no_other(traces: Path, outcome: Callable, good: bytes) -> None:
    (traces / "a.jsonl").write_bytes(b"\x00\x01")
    (traces / "b.jsonl").write_bytes(good)
    (traces / "locked.jsonl").write_bytes(b"[x")
    spans, rejects = outcome(b"", "c.jsonl")
    assert spans.height == 1
    assert {r["uri"]: r["code"] for r in rejects} == {
        "traces/a.jsonl": "binary_file", "traces/c.jsonl": "empty_file", "traces/locked.jsonl": "not_json",
    }  # fmt: skip


SECRET = "sk-live-51H8xGfTOPSECRETvalue"  # noqa: S105


def test_secrets_of_text_messages_and_urls_are_stored_nowhere(
    outcome: Callable, request_line: Callable, span: Callable
) -> None:
    event = {"name": "exception", "attributes": [
        {"key": "exception.type", "value": {"stringValue": f"Error: {SECRET}"}},
        {"key": "exception.message", "value": {"stringValue": SECRET}},
    ]}  # fmt: skip
    attributes = {
        "gen_ai.input.messages": SECRET, "gen_ai.headers": SECRET, "user.email": SECRET, "metadata": SECRET,
        "url.full": f"https://user:{SECRET}@api.openai.com/v1/chat?key={SECRET}#{SECRET}",
        "url.path": f"/v1/{SECRET}/chat?{SECRET}", "server.address": f"{SECRET}@api.openai.com",
        "http.request.header.authorization": [SECRET], "llm.invocation_parameters": f'{{"stop": "{SECRET}"}}',
        "error.type": f"invalid key {SECRET}", "cache_hit": SECRET, "http.status_code": SECRET,
    }  # fmt: skip
    status = {"code": 2, "message": SECRET}
    lines = [
        request_line(span(attributes, events=[event], status=status)),
        request_line(span(events=[event])),
        *(request_line(span({key: SECRET})) for key in ("gen_ai.usage.input_tokens", "ai.usage.tokens")),
        *(request_line(span(**{key: SECRET})) for key in ("traceId", "spanId", "parentSpanId")),
        *(request_line(span(**{key: SECRET})) for key in ("startTimeUnixNano", "traceState", "kind")),
        request_line(span() | {"attributes": SECRET}),
        request_line(span(attributes, status=SECRET)),
        SECRET, f'{{"{SECRET}": 1}}', f'["{SECRET}"]', f'{{"resourceSpans": "{SECRET}"}}',
    ]  # fmt: skip
    spans, rejects = outcome("\n".join(lines).encode())
    assert spans["error_type"].to_list()[:2] == ["_OTHER", "_OTHER"]
    assert spans["server_address"][0] == "api.openai.com"
    stored = spans.write_json() + pl.DataFrame(rejects).write_json()
    assert SECRET not in stored
    assert "TOPSECRET" not in stored
