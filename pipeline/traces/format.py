"""What a format of trace dumps is: a name, how its first bytes tell it, and how its spans are read."""

import io
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from pipeline.content import Content, Line
from pipeline.intake.readers import SpanError
from pipeline.otlp import Found, Resource, Scope

Record = tuple[Line, Iterable[Found]]
"""Where a record lies, and its spans in order: `number` counts lines, messages or rows from 1."""


class Start(NamedTuple):
    """Where in a dump reading starts: so many records and so many bytes lie before."""

    records: int = 0
    byte_offset: int = 0


MOST_RECORDS = 1_000_000
"""Messages whose lengths are looked at to cut a file: what lies behind is one piece."""


class Messages(NamedTuple):
    """How a dump of protobuf messages is taken apart, whoever reads the spans."""

    read: Callable[[Content, io.BufferedReader, Start], Iterator[tuple[Line, Found | None]]]
    """Returns the messages from a start on, each with its bytes; or, in its place, why there is none."""
    starts: Callable[[io.BufferedReader, int], Iterator[Start]]
    """Returns where messages start in a file, so many bytes apart or more, among its first MOST_RECORDS."""
    spans: Callable[[Line], Iterable[Found]]
    """Returns the spans of a message in order; what cannot be read is a SpanError in its place."""
    are_requests: bool
    """Whether a message is a request, or one ResourceSpans of it."""

    def records(self, content: Content, stream: io.BufferedReader) -> Iterator[Record]:
        """Return the records of a file."""
        for message, refusal in self.read(content, stream, Start()):
            yield message, self.spans(message) if refusal is None else [refusal]


class TraceFormat(NamedTuple):
    """One way to write spans down."""

    name: str
    detect: Callable[[bytes], bool]
    """Whether the first 64 KiB of a file, decompressed, are in this format."""
    records: Callable[[Content, io.BufferedReader], Iterator[Record]]
    """Returns the records of a file; what cannot be read is a SpanError in its place.

    Raises:
        SourceError: the file as a whole cannot be read.
    """
    messages: Messages | None = None
    """On formats of protobuf messages."""


def refused(code: str, reason: str) -> Found:
    """Return the place of a span, or of all spans of a record, that cannot be read."""
    return Found(SpanError(code, reason), Scope(), Resource())
