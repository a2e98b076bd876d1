"""OTLP as one bare protobuf message, as the collector's S3 exporter writes an object (`otlp_proto`).

A message of any size is a row of ResourceSpans, each after its tag and length, so they are read one by one;
each stands for itself. Several messages behind each other are one message with the parts of all.
Format: protobuf.dev, "Encoding"; opentelemetry-proto, trace/v1/trace.proto, TracesData.
"""

import io
import re
from collections.abc import Iterable, Iterator

from pipeline.content import MAX_LINE_BYTES, Content, Line
from pipeline.otlp import Found
from pipeline.traces.format import MOST_RECORDS, Messages, Start, TraceFormat, refused
from pipeline.traces.messages import resource_spans

_PART = 0x0A
"""Tag of field 1, bytes: a ResourceSpans."""
_RESOURCE = 0x0A
_FIRST_TAGS = (_RESOURCE, 0x12, 0x1A)
"""What a ResourceSpans starts with: resource, scope_spans or schema_url."""
_IN_RESOURCE = (0x0A, 0x10, 0x1A)
"""What a resource starts with: attributes, dropped_attributes_count or entity_refs."""
_CONTROL = re.compile(rb"[^\t\n\r\x20-\xff]")
_FIXED = {1: 8, 5: 4}
_SKIP = 1 << 20
_TELLING = 4096
_LONGEST = 11
"""Bytes of a tag and the longest length."""


class _TruncatedError(Exception):
    """The bytes end within a field."""


def starts_message(head: bytes) -> bool:
    """Whether the bytes start as a request does: a ResourceSpans that holds a part, which fits into it.

    A line feed is the tag of a part, and letters are lengths: text with blank lines must not pass.
    """
    try:
        size, start = _varint_at(head, 1)
        inner, end = _varint_at(head, start + 1)
        is_part = head[0] == _PART and head[start] in _FIRST_TAGS and end - start + inner <= size
        if head[start] == _RESOURCE and inner:
            is_part = is_part and head[end] in _IN_RESOURCE
    except IndexError:
        return False
    return is_part and _CONTROL.search(head, 0, _TELLING) is not None


def _varint_at(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            break
    return value, at


def _starts(stream: io.BufferedReader, apart: int) -> Iterator[Start]:
    number, offset, last = 0, 0, 0
    while number < MOST_RECORDS:
        stream.seek(offset)
        head = stream.read(_LONGEST)
        if len(head) < _LONGEST or head[0] != _PART:
            return
        if offset - last >= apart:
            yield Start(number, offset)
            last = offset
        size, behind = _varint_at(head, 1)
        number, offset = number + 1, offset + behind + size


def _read(content: Content, stream: io.BufferedReader, start: Start) -> Iterator[tuple[Line, Found | None]]:
    number, reader = start.records, _Reader(stream, start.byte_offset)
    while (tag := stream.read(1)) != b"":
        number += 1
        offset, reader.offset = reader.offset, reader.offset + 1
        place = Line(number, offset, b"", 0)
        try:
            size = reader.size_of(tag[0])
            if size is None:
                reason = f"Field {tag[0] >> 3} of kind {tag[0] & 7} at byte {offset} is not protobuf of OTLP"
                yield place, refused("framing_lost", f"{reason}; what follows cannot be read")
                return
            if tag[0] != _PART:
                reader.skip(size)
            elif size > MAX_LINE_BYTES:
                reader.skip(size)
                yield place, refused("message_too_long", too_long(size))
            else:
                yield place._replace(data=reader.take(size), size_bytes=size), None
        except _TruncatedError:
            if not content.broken:
                reason = f"The message that starts at byte {offset} stops in the middle, at {reader.offset}"
                yield place, refused("truncated", reason)
            return


def _spans(message: Line) -> Iterable[Found]:
    return resource_spans(message.data)


def too_long(size: int) -> str:
    """Return the reason why a message is not read."""
    return f"The message has {size} bytes; {MAX_LINE_BYTES} is the most that is read"


class _Reader:
    """Fields of a message in a stream, with the offset of the next byte."""

    def __init__(self, stream: io.BufferedReader, offset: int) -> None:
        self._stream = stream
        self.offset = offset

    def take(self, size: int) -> bytes:
        data = self._stream.read(size)
        self.offset += len(data)
        if len(data) < size:
            raise _TruncatedError
        return data

    def skip(self, size: int) -> None:
        while size:
            size -= len(self.take(min(size, _SKIP)))

    def size_of(self, tag: int) -> int | None:
        """Return the bytes of the field behind its tag, read over a length; null if it is none of OTLP's."""
        kind = tag & 7
        if kind in _FIXED:
            return _FIXED[kind]
        if kind not in (0, 2) or tag < 8 or tag >= 0x80:
            return None
        value = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value if kind == 2 else 0
        return None


_MESSAGES = Messages(_read, _starts, _spans, are_requests=False)
OTLP_PROTO = TraceFormat("otlp_proto", starts_message, _MESSAGES.records, _MESSAGES)
