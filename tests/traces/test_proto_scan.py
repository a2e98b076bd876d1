"""Protobuf reads the same whatever reads it: the scan in machine code, or the exact decoder alone."""

import io
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.content import Content, Line
from pipeline.intake import file_rows, proto_decoding
from pipeline.intake import scan_values as at
from pipeline.intake.decoding import Batch, DecodeOptions, decode_records
from pipeline.intake.proto_decoding import decode_messages
from pipeline.otlp import Found
from pipeline.traces.format import Messages, Start, TraceFormat
from pipeline.traces.otlp_frames import OTLP_FRAMES
from pipeline.traces.otlp_proto import OTLP_PROTO
from tests.traces.dumps import BUILDERS, message
from tests.traces.odd_messages import (
    CALL,
    IDS,
    ODD_PARTS,
    ODD_SPANS,
    PARTS,
    RESOURCE,
    TIMES,
    field,
    pair,
    resource_spans,
    text,
    varint,
)
from tests.traces.test_cut_anywhere import _request, _span

OPTIONS = DecodeOptions(("feature", "team"), ("chat.id",))
FORMATS = {
    "proto": OTLP_PROTO,
    "frames": OTLP_FRAMES,
    "frames_zstd": OTLP_FRAMES,
    "frames_json_zstd": OTLP_FRAMES,
}


def _whole(batches: Iterable[Batch]) -> tuple[pl.DataFrame, list[Any], int]:
    told = list(batches)
    rows = pl.concat([batch.rows for batch in told])
    return rows, [reject for batch in told for reject in batch.rejects], sum(batch.read for batch in told)


def _assert_same(
    read: Callable[[], Iterator[tuple[Line, Found | None]]], kind: Messages
) -> tuple[int, list[str]]:
    """Read messages in both ways; return how many spans there are, and the codes of the rejects."""
    records = ((line, kind.spans(line) if bad is None else [bad]) for line, bad in read())
    slow = _whole(decode_records(records, OPTIONS))
    fast = _whole(decode_messages(read(), kind, OPTIONS))
    assert_frame_equal(fast[0], slow[0])
    assert fast[1:] == slow[1:]
    assert fast[2] == fast[0].height + len(fast[1])
    return fast[0].height, [reject.code for reject in fast[1]]


def _assert_file_same(form: TraceFormat, content: bytes) -> tuple[int, list[str]]:
    assert form.messages is not None

    def read() -> Iterator[tuple[Line, Found | None]]:
        opened = Content(io.BytesIO(content))
        return form.messages.read(opened, io.BufferedReader(opened), Start())

    return _assert_same(read, form.messages)


def _assert_all_same(messages: Sequence[bytes], *, are_requests: bool) -> tuple[int, list[str]]:
    """Read all messages as those of one file: thousands of damaged ones cost no more than a file."""
    kind = (OTLP_FRAMES if are_requests else OTLP_PROTO).messages
    lines = [(Line(number, 7 * number, data, len(data)), None) for number, data in enumerate(messages, 1)]
    return _assert_same(lambda: iter(lines), kind)


def _all_parts() -> list[bytes]:
    alone = [resource_spans(span) for span in ODD_SPANS.values()]
    between = [resource_spans(CALL, span, CALL) for span in ODD_SPANS.values()]
    return [*alone, *between, resource_spans(*ODD_SPANS.values()), *ODD_PARTS.values()]


@pytest.mark.parametrize("name", FORMATS)
def test_a_month_reads_the_same(name: str, month: list[dict[str, Any]]) -> None:
    spans, rejects = _assert_file_same(FORMATS[name], BUILDERS[name][1](month))
    assert spans > 400
    assert not rejects


@pytest.mark.parametrize("name", ["proto", "frames", "frames_zstd"])
def test_a_file_that_is_cut_reads_the_same(name: str) -> None:
    content = BUILDERS[name][1]([_request(_span(0), _span(1)), _request(_span(2))])
    told = [_assert_file_same(FORMATS[name], content[:cut])[0] for cut in range(0, len(content), 5)]
    assert set(told) >= {0, 2}


def test_usual_spans_are_left_to_nobody(month: list[dict[str, Any]]) -> None:
    """The scan takes every message, and doubts no span but those whose text is to be counted."""

    def refuse(_: Line) -> Iterable[Found]:
        raise AssertionError

    lines = [(Line(1, 0, field(1, resource_spans(*[CALL] * 500)), 0), None), *_month_lines(month)]
    kind = OTLP_FRAMES.messages._replace(spans=refuse)
    rows, rejects, _ = _whole(decode_messages(lines, kind, OPTIONS))
    assert (rows.height > 900, rejects) == (True, [])
    told = _found([field(1, resource_spans(*[CALL] * 500))])
    assert told.spans[:500, at.IN_DOUBT].sum() == 0


def _month_lines(month: list[dict[str, Any]]) -> list[tuple[Line, None]]:
    return [(Line(number, 0, message(request), 0), None) for number, request in enumerate(month, 2)]


def _found(messages: list[bytes]) -> at.Found:
    """What the scan itself found in requests."""
    decoder = proto_decoding._MessageDecoder(OTLP_FRAMES.messages, OPTIONS)
    list(decoder.take([(Line(1, 0, data, 0), None) for data in messages]))
    return decoder.room


@pytest.mark.parametrize("are_requests", [False, True])
def test_odd_spans_and_parts_read_the_same(are_requests: bool) -> None:
    parts = _all_parts()
    pairs = [field(1, first) + field(1, second) for first, second in zip(parts, parts[::-1], strict=True)]
    messages = [*(field(1, part) for part in parts), *pairs] if are_requests else parts
    spans, rejects = _assert_all_same(messages, are_requests=are_requests)
    assert spans > len(parts)
    assert {"bad_trace_id", "bad_time", "own_parent", "wrong_shape", "not_traces", "count_absurd"} <= set(
        rejects
    )


@pytest.mark.parametrize("name", [*ODD_SPANS])
def test_an_odd_span_reads_the_same(name: str) -> None:
    """Alone, so that a failure says which."""
    _assert_all_same(
        [resource_spans(ODD_SPANS[name]), resource_spans(CALL, ODD_SPANS[name])], are_requests=False
    )


@pytest.mark.parametrize("name", [*ODD_PARTS])
def test_an_odd_part_reads_the_same(name: str) -> None:
    _assert_all_same(
        [field(1, ODD_PARTS[name]), field(1, resource_spans(CALL)) + field(1, ODD_PARTS[name])],
        are_requests=True,
    )


@pytest.mark.parametrize("are_requests", [False, True])
def test_messages_that_are_cut_at_any_byte_read_the_same(are_requests: bool) -> None:
    """Cut itself, and with a cut span in it that has the length that is left of it."""
    names = ("a list", "unknown", "status ok", "a parent", "labels", "an exception")
    cuts = [ODD_SPANS[name][:cut] for name in names for cut in range(len(ODD_SPANS[name]) + 1)]
    whole = resource_spans(*(ODD_SPANS[name] for name in names))
    parts = [
        *(resource_spans(CALL, span, CALL) for span in cuts),
        *(whole[:cut] for cut in range(len(whole) + 1)),
    ]
    messages = [field(1, part) + field(1, resource_spans(CALL)) for part in parts] if are_requests else parts
    spans, rejects = _assert_all_same(messages, are_requests=are_requests)
    assert spans > 2 * len(cuts)
    assert rejects.count("wrong_shape") > len(whole) / 2


@pytest.mark.parametrize("are_requests", [False, True])
def test_messages_with_damaged_bytes_read_the_same(are_requests: bool) -> None:
    chance = random.Random(20_261)  # noqa: S311 - the same damage every time
    parts = [part for part in _all_parts() if len(part) < 800] + [resource_spans(CALL, CALL)] * 50
    damaged = []
    for _ in range(6_000):
        part = chance.choice(parts)
        data = bytearray(field(1, part) if are_requests else part)
        for _ in range(chance.randint(1, 3)):
            place = chance.randrange(len(data) + 1)
            new = bytes([chance.choice((0, 1, 8, 10, 18, 26, 74, 127, 128, 255, chance.randrange(256)))])
            data[place : place + chance.randint(0, 1)] = new * chance.randint(0, 1)
        damaged.append(bytes(data))
    spans, rejects = _assert_all_same(damaged, are_requests=are_requests)
    assert spans > 2_000
    assert len(rejects) > 1_000


def _sizes(size: int) -> list[bytes]:
    """Lengths larger than what follows them, at every level."""
    length = varint(size)
    levels = [b"\x0a" + length, b"\x12" + length]
    inner = [b"\x4a" + length, b"\x4a\x02\x0a" + length, b"\x7a" + length, b"\x5a" + length, b"\x0a" + length]
    values = [pair("team", b"\x0a" + length), field(9, field(1, b"team") + b"\x12" + length)]
    spans = [CALL + odd for odd in (*inner, *values, b"\x39\0\0", b"\x4d\0")]
    return [
        *levels,
        RESOURCE + b"\x12" + length,
        RESOURCE + field(2, b"\x12" + length),
        *map(resource_spans, spans),
    ]


@pytest.mark.parametrize("size", [1, 127, 128, 2**14, 2**28 - 1, 2**31, 2**35, 2**63 - 1, 2**64 - 1, 2**70])
def test_lengths_that_lie_read_the_same(size: int) -> None:
    messages = _sizes(size)
    _assert_all_same(messages, are_requests=False)
    _assert_all_same(
        [field(1, resource_spans(CALL)) + field(1, data) for data in messages], are_requests=True
    )


@pytest.mark.parametrize("key", ["team", "gen_ai.usage.input_tokens", "nobody.reads.this"])
def test_deep_values_read_the_same(key: str) -> None:
    value = text("x")
    for _ in range(3_000):
        value = field(5, field(1, value))
    spans, _ = _assert_all_same(
        [resource_spans(CALL, IDS + TIMES + pair(key, value), CALL)], are_requests=False
    )
    assert spans >= 2


@settings(max_examples=150, deadline=None)
@given(parts=st.lists(PARTS, min_size=1, max_size=6))
def test_messages_of_any_fields_read_the_same(parts: list[bytes]) -> None:
    _assert_all_same(parts, are_requests=False)
    _assert_all_same(
        [field(1, part) for part in parts] + [b"".join(field(1, p) for p in parts)], are_requests=True
    )


@pytest.mark.parametrize("room", [130, 40_000])
def test_more_than_there_is_room_for_reads_the_same(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a message or two, and room for fewer spans than a message has."""
    monkeypatch.setattr(proto_decoding, "BLOCK_BYTES", room)
    monkeypatch.setattr(proto_decoding, "_ROOM_BYTES", 2 * room)
    many = [field(1, resource_spans(*[CALL] * count)) for count in (1, 300, 2, 70, 0, 64, 66, 1_000)]
    spans, rejects = _assert_all_same(many, are_requests=True)
    assert (spans, rejects) == (1_503, [])


def test_a_refused_message_between_others_keeps_its_place() -> None:
    lines = [resource_spans(CALL), b"", resource_spans(CALL, TIMES), resource_spans(CALL)]
    content = b"".join(field(1, line) for line in lines[:3]) + b"\x07rest"
    assert _assert_file_same(OTLP_PROTO, content) == (2, ["bad_trace_id", "framing_lost"])


@pytest.mark.parametrize("name", ["proto", "frames", "frames_zstd"])
def test_a_large_file_is_landed_by_the_scan(
    name: str, month: list[dict[str, Any]], landing: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = BUILDERS[name][1](month)
    plain = landing(content, "plain")
    monkeypatch.setattr(file_rows, "_WORTHWHILE", len(content))
    monkeypatch.setattr(file_rows, "decode_records", None)
    scanned = landing(content)
    assert (scanned.format, scanned.rejects) == (plain.format, plain.rejects)
    assert_frame_equal(scanned.spans, plain.spans)
