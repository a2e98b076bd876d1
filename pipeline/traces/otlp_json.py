"""OTLP as JSON: a request a line, as the collector's file exporter writes it, or documents."""

import io
import re
from collections.abc import Iterator

from pipeline.content import Content, read_lines
from pipeline.otlp import frame, spans_of
from pipeline.traces.format import Record, TraceFormat

_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*[{\[]")
_SIGNAL = re.compile(rb'"resource(?:Spans|Logs|Metrics)"\s*:')


def is_otlp_json(head: bytes) -> bool:
    """Whether this is a request of any signal: a dump may hold several; those of others are refused."""
    return _START.match(head) is not None and _SIGNAL.search(head) is not None


def _records(content: Content, stream: io.BufferedReader) -> Iterator[Record]:
    for line in frame(read_lines(content, stream)):
        yield line, spans_of(line)


OTLP_JSON = TraceFormat("otlp_json", is_otlp_json, _records)
