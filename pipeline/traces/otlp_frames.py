"""OTLP messages with a length before each: the collector's file exporter, `format: proto` or compression.

Four bytes, big-endian, then the message: protobuf or JSON, as it is or in a zstd frame of its own.
Source: opentelemetry-collector-contrib, exporter/fileexporter/file_writer.go.
"""

import io
from collections.abc import Iterable, Iterator

import zstandard

from pipeline.content import FREE_BYTES, MAX_LINE_BYTES, MAX_RATIO, Content, Line
from pipeline.otlp import Found, spans_of
from pipeline.traces.format import MOST_RECORDS, Messages, Start, TraceFormat, refused
from pipeline.traces.messages import message_spans
from pipeline.traces.otlp_proto import starts_message, too_long

_ZSTD = b"\x28\xb5\x2f\xfd"
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


def _starts(stream: io.BufferedReader, apart: int) -> Iterator[Start]:
    number, offset, last = 0, 0, 0
    while number < MOST_RECORDS and len(prefix := stream.read(4)) == 4:
        size = int.from_bytes(prefix, "big")
        if offset - last >= apart and size:
            yield Start(number, offset)
            last = offset
        empty = 0 if size else _skip_empty(stream)
        number, offset = number + 1 + empty, offset + 4 + size + 4 * empty
        stream.seek(offset)


def _read(content: Content, stream: io.BufferedReader, start: Start) -> Iterator[tuple[Line, Found | None]]:
    number, offset, unpacker = *start, _Unpacker()
    while prefix := stream.read(4):
        size = int.from_bytes(prefix, "big")
        data = stream.read(size) if size <= MAX_LINE_BYTES else b""
        got = len(data) if size <= MAX_LINE_BYTES else _skip(stream, size)
        number += 1
        place = Line(number, offset, b"", size)
        if len(prefix) < 4 or got < size:
            if not content.broken:
                yield place, refused("truncated", _cut(prefix, size, offset, got))
            return
        if size > MAX_LINE_BYTES:
            yield place, refused("message_too_long", too_long(size))
        elif size:
            yield unpacker.unpacked(place._replace(data=data))
        empty = 0 if size else _skip_empty(stream)
        number, offset = number + empty, offset + 4 + size + 4 * empty


def _skip_empty(stream: io.BufferedReader) -> int:
    """Pass over messages without content and return their number: a file may end in pages of zeros."""
    ahead = stream.peek()
    empty = (len(ahead) - len(ahead.lstrip(b"\0"))) // 4
    stream.read(4 * empty)
    return empty


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


class _Unpacker:
    """Takes messages out of their zstd frames; all together may grow as a file that is compressed whole."""

    def __init__(self) -> None:
        self._free = FREE_BYTES

    def unpacked(self, message: Line) -> tuple[Line, Found | None]:
        """Return a message as it was before it was packed, or why it cannot be had."""
        if not message.data.startswith(_ZSTD):
            return message, None
        data = self._unpacked(message.data)
        if isinstance(data, Found):
            return message._replace(data=b""), data
        return message._replace(data=data, size_bytes=len(data)), None

    def _unpacked(self, data: bytes) -> bytes | Found:
        usual = MAX_RATIO * len(data)
        most = min(MAX_LINE_BYTES, usual + self._free)
        if (claimed := _claimed(data)) > most:
            reason = f"The message, {len(data)} bytes, grows to {claimed}; {most} is the most that is read"
            return refused("message_too_long", reason)
        size, unpacker = most, zstandard.ZstdDecompressor(max_window_size=_WINDOW)
        try:
            unpacked = unpacker.decompress(data, max_output_size=most)
            size = len(unpacked)
        except zstandard.ZstdError:
            reason = f"The zstd data of the message, {len(data)} bytes, is damaged or grows beyond {most}"
            return refused("broken_compression", reason)
        finally:
            self._free -= max(0, min(self._free, size - usual))
        return unpacked


def _claimed(data: bytes) -> int:
    """Return the size that a zstd frame says it has; -1 where it does not."""
    try:
        return int(zstandard.frame_content_size(data))
    except zstandard.ZstdError:
        return -1


def _spans(message: Line) -> Iterable[Found]:
    """Return the spans of a message, protobuf or JSON."""
    if message.data[:1] in (b"{", b"["):
        return spans_of(message)
    return message_spans(message.data)


_MESSAGES = Messages(_read, _starts, _spans, are_requests=True)
OTLP_FRAMES = TraceFormat("otlp_frames", is_framed, _MESSAGES.records, _MESSAGES)
