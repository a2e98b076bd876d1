"""All formats of trace dumps, and which one a file is in: told from its content, never from its name."""

import re

from pipeline.errors import SourceError
from pipeline.formats import FORMATS
from pipeline.traces.clickhouse_csv import CLICKHOUSE_CSV
from pipeline.traces.clickhouse_json import CLICKHOUSE_JSON
from pipeline.traces.clickhouse_parquet import CLICKHOUSE_PARQUET
from pipeline.traces.format import TraceFormat
from pipeline.traces.otlp_frames import OTLP_FRAMES
from pipeline.traces.otlp_json import OTLP_JSON
from pipeline.traces.otlp_proto import OTLP_PROTO

TRACE_FORMATS: tuple[TraceFormat, ...] = (
    OTLP_JSON,
    OTLP_PROTO,
    OTLP_FRAMES,
    CLICKHOUSE_PARQUET,
    CLICKHOUSE_CSV,
    CLICKHOUSE_JSON,
)
"""No two formats recognise the same file."""

_MAY_BE_JSON = re.compile(rb"^(?:\xef\xbb\xbf)?[ \t\r]*[{\[]|\A(?:\xef\xbb\xbf)?\s*\Z", re.MULTILINE)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def trace_format(head: bytes, named: str | None) -> TraceFormat:
    """Return the format of a dump from its first 64 KiB, or the one that its source names.

    Text in which a line may be JSON is read as OTLP/JSON, so that each line says what is wrong with it.

    Raises:
        SourceError: there is no such format, or the content is in none.
    """
    known = ", ".join(f'"{form.name}"' for form in TRACE_FORMATS)
    if named is not None:
        for form in TRACE_FORMATS:
            if form.name == named:
                return form
        advice = f"Leave `format` out, or set it to one of: {known}."
        raise SourceError("unknown_format", f"There is no trace format '{named}'.", advice)
    for form in TRACE_FORMATS:
        if form.detect(head):
            return form
    _refuse_other(head, known)
    return OTLP_JSON


def _refuse_other(head: bytes, known: str) -> None:
    if head.startswith(_UTF16):
        raise SourceError("utf16", "The file is UTF-16 text.", "Save it as UTF-8, and land again.")
    if b"\0" in head:
        raise SourceError(
            "binary_file",
            "The file holds binary data that is no trace format.",
            f"Known formats: {known}. If it is none of them, move it out of the source's folder.",
        )
    for export in FORMATS:
        if export.detect(head):
            raise SourceError(
                "unknown_format",
                "The file holds no traces.",
                f'It looks like {export.name}: give it a source with kind = "{export.kind}".',
            )
    if not _MAY_BE_JSON.search(head):
        raise SourceError(
            "unknown_format",
            "The file is text in no known trace format.",
            f"Known formats: {known}. If it is none of them, move it out of the source's folder.",
        )
