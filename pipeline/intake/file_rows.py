"""The rows of one file, in pieces that fit a raw table, and the rejects beside them."""

import decimal
import io
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import polars as pl

from pipeline.content import HEAD_BYTES, Content, Slice, open_content, read_head
from pipeline.errors import SourceError
from pipeline.formats import by_name, detect
from pipeline.intake.blocks import Block, read_blocks
from pipeline.intake.decoding import Batch, DecodeOptions, decode_records
from pipeline.intake.manifest import TABLE_OF_KIND
from pipeline.parsing.tables import head_of, is_parquet
from pipeline.provider import ExportFormat, Reject
from pipeline.source_settings import Source
from pipeline.storage import open_stored
from pipeline.stored import StoredFile
from pipeline.traces import trace_format
from pipeline.traces.format import Messages, Start
from pipeline.traces.otlp_json import OTLP_JSON

MAX_EXPORT_BYTES = 256 * 1024 * 1024
"""An export is read whole; larger ones must be pulled in parts."""

_WORTHWHILE = 8 << 20
"""From this size on a plain file is worth the half second that it takes to load the machine code."""

_SPAN_ROW = list(TABLE_OF_KIND["traces"].schema)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BLANK = b"\xef\xbb\xbf \t\r\n"
_AGAIN = "Copy the file again from where it was written, and land again."
READABLE = "Make it readable, or take it out of the source, and land again."
_PARSER_ERRORS = (
    LookupError,
    TypeError,
    ValueError,
    decimal.DecimalException,
    OverflowError,
    RecursionError,
    pl.exceptions.PolarsError,
)


def decode_blocks(blocks: Iterable[Block], options: DecodeOptions) -> Iterator[Batch]:
    """Return the spans of blocks; the machine code is loaded only when there is something to read with it."""
    from pipeline.intake import json_decoding  # noqa: PLC0415 - half a second

    return json_decoding.decode_blocks(blocks, options)


def decode_messages(
    messages: Messages, content: Content, stream: io.BufferedReader, start: Start, options: DecodeOptions
) -> Iterator[Batch]:
    """Return the spans of messages in protobuf, as `decode_blocks` does for JSON."""
    from pipeline.intake import proto_decoding  # noqa: PLC0415 - half a second

    return proto_decoding.decode_messages(messages.read(content, stream, start), messages, options)


class Piece(NamedTuple):
    """Rows of a raw table with all their columns, rejects, and how many records they are together."""

    format: str
    rows: pl.DataFrame
    rejects: list[Reject]
    read: int
    lines: int = 0
    """Lines of a dump that were read for it, where they are counted."""


class Extent(NamedTuple):
    """Some bytes of a plain dump that start and end with a record."""

    first: int
    size: int
    records_before: int | None
    """Of messages, which are counted; null of lines."""


def read_file(
    source: Source, file: StoredFile, options: DecodeOptions, extent: Extent | None = None
) -> Iterator[Piece]:
    """Return the rows and rejects of a file, or of a part of it, piece by piece.

    Rows have all columns of their table; `file_id` is empty, and lines are counted from the start, messages
    from the first of the file.

    Raises:
        SourceError: the file as a whole cannot be read; keep no piece of it.
    """
    try:
        if extent is not None:
            yield from _part(source, file, options, extent)
            return
        with open_content(file) as (content, stream):
            yield from _pieces(source, file, options, content, stream)
    except OSError as error:
        raise SourceError(
            "unreadable_file", f"The file cannot be read: {error.strerror}.", READABLE
        ) from None


def _part(source: Source, file: StoredFile, options: DecodeOptions, extent: Extent) -> Iterator[Piece]:
    """Return the spans of a part of a plain dump."""
    dump = trace_format(read_head(file), source.format)
    with open_stored(file, extent.first) as stored:
        if dump.messages and extent.records_before is not None:
            content = Content(Slice(stored, extent.size))
            start = Start(extent.records_before, extent.first)
            batches = decode_messages(dump.messages, content, _buffered(content), start, options)
        else:
            batches = decode_blocks(read_blocks(stored, None, extent.first, extent.size), options)
        for batch in batches:
            yield _span_piece(source, dump.name, batch)


def _buffered(content: Content) -> io.BufferedReader:
    return io.BufferedReader(content, 1 << 20)


def _pieces(
    source: Source, file: StoredFile, options: DecodeOptions, content: Content, stream: io.BufferedReader
) -> Iterator[Piece]:
    head = stream.peek(HEAD_BYTES)
    if source.kind == "traces":
        yield from _traces(source, file, options, content, stream)
    else:
        _refuse_binary(head)
        yield from _export(source, file, content, stream)
    if content.broken:
        place = (None, None, content.bytes_out)
        reason = f"The file breaks off: {content.broken}; {content.bytes_out} bytes came out before."
        broken = Reject(*place, "broken_compression", reason, _AGAIN)
        table = TABLE_OF_KIND[source.kind]
        yield Piece("unknown", table.schema.to_frame(), [broken], 1)


def _refuse_binary(head: bytes) -> None:
    if head.startswith(_UTF16):
        raise SourceError("utf16", "The file is UTF-16 text.", "Save it as UTF-8, and land again.")
    if b"\0" in head[:HEAD_BYTES] and not is_parquet(head):
        raise SourceError(
            "binary_file",
            "The file holds binary data, not text.",
            "Export it as text, or move the file out of the source's folder.",
        )


def _traces(
    source: Source, file: StoredFile, options: DecodeOptions, content: Content, stream: io.BufferedReader
) -> Iterator[Piece]:
    dump, read = trace_format(stream.peek(HEAD_BYTES)[:HEAD_BYTES], source.format), 0
    worthwhile = _WORTHWHILE if content.coding == "plain" else _WORTHWHILE // 16
    is_worthwhile = file.size_bytes >= worthwhile
    if dump is OTLP_JSON and is_worthwhile:
        batches = decode_blocks(read_blocks(stream, content), options)
    elif dump.messages and is_worthwhile:
        batches = decode_messages(dump.messages, content, stream, Start(), options)
    else:
        batches = decode_records(dump.records(content, stream), options)
    for batch in batches:
        yield _span_piece(source, dump.name, batch)
        read += batch.read
    if not (read or content.broken or read_head(file).strip(_BLANK)):
        raise SourceError("empty_file", "The file is empty.", _AGAIN)


def _span_piece(source: Source, form: str, batch: Batch) -> Piece:
    given = {"file_id": "", "source": source.name, "account": source.account}
    columns = dict(zip(batch.rows.columns, batch.rows.get_columns(), strict=True))
    columns |= {
        name: pl.Series(name, [value], pl.String).new_from_index(0, batch.rows.height)
        for name, value in given.items()
    }
    rows = pl.DataFrame([columns[name] for name in _SPAN_ROW])
    return Piece(form, rows, batch.rejects, batch.read, batch.lines)


def _export(source: Source, file: StoredFile, content: Content, stream: io.BufferedReader) -> Iterator[Piece]:
    data = stream.read(MAX_EXPORT_BYTES + 1)
    if len(data) > MAX_EXPORT_BYTES:
        raise SourceError(
            "file_too_large",
            f"The file has more than {MAX_EXPORT_BYTES} bytes; an export is read whole.",
            "Pull the export in shorter periods.",
        )
    if not data.strip(_BLANK):
        if not content.broken:
            raise SourceError("empty_file", "The file is empty.", _AGAIN)
        return
    export = _format_of(source, file, head_of(data))
    try:
        parsed = export.parse(data)
    except _PARSER_ERRORS as error:
        raise SourceError(
            "unreadable_export",
            f"The file looks like {export.name}, but reading it failed with {type(error).__name__}.",
            "Pull the export again; if that does not help, report the format.",
        ) from error
    yield Piece(export.name, _with_origin(source, parsed.rows), parsed.rejects, parsed.read)


def _format_of(source: Source, file: StoredFile, head: bytes) -> ExportFormat:
    if source.format is None:
        return detect(head, source.kind, file.name)
    export = by_name(source.format)
    if export.kind != source.kind:
        raise SourceError(
            "unknown_format",
            f"Format '{export.name}' is of kind '{export.kind}', the source is of kind '{source.kind}'.",
            f"Set kind = \"{export.kind}\" for source '{source.name}'.",
        )
    return export


def _with_origin(source: Source, rows: pl.DataFrame) -> pl.DataFrame:
    """Add where rows come from, and provider and account where the file does not say."""
    table = TABLE_OF_KIND[source.kind]
    rows = rows.with_columns(pl.coalesce("provider", pl.lit(source.provider, pl.String)).alias("provider"))
    if nameless := rows["provider"].null_count():
        raise SourceError(
            "unknown_provider",
            f"The file does not say whose export it is: {nameless} rows have no provider.",
            f"Set `provider` for source '{source.name}'.",
        )
    given = ["account"] if "account" in rows.columns else []
    account = [pl.lit(source.account)] if source.account else [*map(pl.col, given), pl.col("provider")]
    origin = {
        "file_id": pl.lit("").alias("file_id"),
        "source": pl.lit(source.name).alias("source"),
        "account": pl.coalesce(account).alias("account"),
    }
    return rows.select([origin.get(name, pl.col(name)) for name in table.schema])
