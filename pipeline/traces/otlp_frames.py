"""OTLP messages with a length before each: the collector's file exporter, `format: proto` or compression.

Four bytes, big-endian, then the message: protobuf or JSON, as it is or in a zstd frame of its own.
Source: opentelemetry-collector-contrib, exporter/fileexporter/file_writer.go.
"""

import io
from collections.abc import Iterable, Iterator

import zstandard

from pipeline.otlp import Found, spans_of
from pipeline.storage import MAX_LINE_BYTES, MAX_RATIO, Content, Line
from pipeline.traces.format import Record, TraceFormat, refused
from pipeline.traces.messages import message_spans
from pipeline.traces.otlp_proto import starts_message, too_long

_ZSTD = b"\x28\xb5\x2f\xfd"
_FREE_BYTES = 64 * 1024
"""So much may come out of any message, however small it is."""
_WINDOW = 1 << 27
_SKIP = 1 << 20
_PLAIN = frozenset(b"\t\n\r") | frozenset(range(0x20, 0x7F))


def is_framed(head: bytes) -> bool:
    """Whether this starts with a length and then a message; a length that may as well be text is none."""
    at = 0
    while head[at : at + 4] == bytes(4):  # messages without spans
        at += 4
    size, start = head[at : at + 4], head[at + 4 :]
    if int.from_bytes(size, "big") > MAX_LINE_BYTES and all(byte in _PLAIN for byte in size):
        return False
    return len(size) == 4 and (start.startswith((_ZSTD, b'{"')) or starts_message(start))


def _records(content: Content, stream: io.BufferedReader) -> Iterator[Record]:
    number, offset = 0, 0
    while prefix := stream.read(4):
        size = int.from_bytes(prefix, "big")
        data = stream.read(size) if size <= MAX_LINE_BYTES else b""
        got = len(data) if size <= MAX_LINE_BYTES else _skip(stream, size)
        number += 1
        place = Line(number, offset, b"", size)
        if len(prefix) < 4 or got < size:
            if not content.broken:
                yield place, [refused("truncated", _cut(prefix, size, offset, got))]
            return
        if size > MAX_LINE_BYTES:
            yield place, [refused("message_too_long", too_long(size))]
        elif size:
            yield place, _spans(place._replace(data=data))
        offset += 4 + size


def _skip(stream: io.BufferedReader, size: int) -> int:
    """Return how many of the bytes there were."""
    left = size
    while left and (data := stream.read(min(left, _SKIP))):
        left -= len(data)
    return size - left


def _cut(prefix: bytes, size: int, offset: int, got: int) -> str:
    if len(prefix) < 4:
        return f"The length at byte {offset} stops in the middle"
    return f"The message at byte {offset} has {size} bytes by its length, but only {got} follow"


def _spans(message: Line) -> Iterable[Found]:
    data = message.data
    if data.startswith(_ZSTD):
        unpacked = _unpacked(data)
        if isinstance(unpacked, Found):
            return [unpacked]
        data = unpacked
    if data[:1] in (b"{", b"["):
        return spans_of(message._replace(data=data, size_bytes=len(data)))
    return message_spans(data)


def _unpacked(data: bytes) -> bytes | Found:
    """Return what a zstd frame holds, within bounds."""
    most = min(MAX_LINE_BYTES, _FREE_BYTES + MAX_RATIO * len(data))
    try:
        claimed = zstandard.frame_content_size(data)
        if claimed > most:
            return refused(
                "message_too_long",
                f"The message, {len(data)} bytes, grows to {claimed}; {most} is the most that is read",
            )
        return zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompress(data, max_output_size=most)
    except zstandard.ZstdError:
        return refused(
            "broken_compression",
            f"The zstd data of the message, {len(data)} bytes, is damaged or grows to more than {most} bytes",
        )


OTLP_FRAMES = TraceFormat("otlp_frames", is_framed, _records)
