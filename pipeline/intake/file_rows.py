"""The rows of one file, in pieces that fit a raw table, and the rejects beside them."""

import decimal
import io
from collections.abc import Iterator
from typing import NamedTuple

import polars as pl

from pipeline.content import Content, open_content, read_head
from pipeline.errors import SourceError
from pipeline.formats import by_name, detect
from pipeline.intake.decoding import DecodeOptions, decode_records
from pipeline.intake.manifest import TABLE_OF_KIND, Offered
from pipeline.parsing.tables import head_of, is_parquet
from pipeline.provider import ExportFormat, Reject
from pipeline.traces import trace_format

MAX_EXPORT_BYTES = 256 * 1024 * 1024
"""An export is read whole; larger ones must be pulled in parts."""

_HEAD_BYTES = 64 * 1024
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BLANK = b"\xef\xbb\xbf \t\r\n"
_AGAIN = "Copy the file again from where it was written, and land again."
_READABLE = "Make it readable, or take it out of the source, and land again."
_PARSER_ERRORS = (
    LookupError,
    TypeError,
    ValueError,
    decimal.DecimalException,
    OverflowError,
    RecursionError,
    pl.exceptions.PolarsError,
)


class Piece(NamedTuple):
    """Rows of a raw table with all their columns, rejects, and how many records they are together."""

    format: str
    rows: pl.DataFrame
    rejects: list[Reject]
    read: int


def read_file(offered: Offered, options: DecodeOptions) -> Iterator[Piece]:
    """Return the rows and rejects of a file, piece by piece.

    Raises:
        SourceError: the file as a whole cannot be read, or changed since it was hashed; keep no piece of it.
    """
    if offered.error:
        raise SourceError("unreadable_file", f"The file cannot be opened: {offered.error}.", _READABLE)
    try:
        with open_content(offered.file) as (content, stream):
            yield from _pieces(offered, options, content, stream)
            if not content.sha256().startswith(offered.file_id):
                raise SourceError("changed_while_read", "The file changed while it was read.", "Land again.")
    except OSError as error:
        raise SourceError(
            "unreadable_file", f"The file cannot be read: {error.strerror}.", _READABLE
        ) from None


def _pieces(
    offered: Offered, options: DecodeOptions, content: Content, stream: io.BufferedReader
) -> Iterator[Piece]:
    head = stream.peek(_HEAD_BYTES)
    if offered.source.kind == "traces":
        yield from _traces(offered, options, content, stream)
    else:
        _refuse_binary(head)
        yield from _export(offered, content, stream)
    if content.broken:
        place = (None, None, content.bytes_out)
        reason = f"The file breaks off: {content.broken}; {content.bytes_out} bytes came out before."
        broken = Reject(*place, "broken_compression", reason, _AGAIN)
        table = TABLE_OF_KIND[offered.source.kind]
        yield Piece("unknown", table.schema.to_frame(), [broken], 1)


def _refuse_binary(head: bytes) -> None:
    if head.startswith(_UTF16):
        raise SourceError("utf16", "The file is UTF-16 text.", "Save it as UTF-8, and land again.")
    if b"\0" in head[:_HEAD_BYTES] and not is_parquet(head):
        raise SourceError(
            "binary_file",
            "The file holds binary data, not text.",
            "Export it as text, or move the file out of the source's folder.",
        )


def _traces(
    offered: Offered, options: DecodeOptions, content: Content, stream: io.BufferedReader
) -> Iterator[Piece]:
    source = offered.source
    dump = trace_format(stream.peek(_HEAD_BYTES)[:_HEAD_BYTES], source.format)
    columns, read = list(TABLE_OF_KIND["traces"].schema), 0
    for batch in decode_records(dump.records(content, stream), options):
        rows = batch.rows.with_columns(
            pl.lit(offered.file_id).alias("file_id"),
            pl.lit(source.name).alias("source"),
            pl.lit(source.account, pl.String).alias("account"),
        )
        yield Piece(dump.name, rows.select(columns), batch.rejects, batch.read)
        read += batch.read
    if not (read or content.broken or read_head(offered.file).strip(_BLANK)):
        raise SourceError("empty_file", "The file is empty.", _AGAIN)


def _export(offered: Offered, content: Content, stream: io.BufferedReader) -> Iterator[Piece]:
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
    export = _format_of(offered, head_of(data))
    try:
        parsed = export.parse(data)
    except _PARSER_ERRORS as error:
        raise SourceError(
            "unreadable_export",
            f"The file looks like {export.name}, but reading it failed with {type(error).__name__}.",
            "Pull the export again; if that does not help, report the format.",
        ) from error
    yield Piece(export.name, _with_origin(offered, parsed.rows), parsed.rejects, parsed.read)


def _format_of(offered: Offered, head: bytes) -> ExportFormat:
    source = offered.source
    if source.format is None:
        return detect(head, source.kind, offered.file.name)
    export = by_name(source.format)
    if export.kind != source.kind:
        raise SourceError(
            "unknown_format",
            f"Format '{export.name}' is of kind '{export.kind}', the source is of kind '{source.kind}'.",
            f"Set kind = \"{export.kind}\" for source '{source.name}'.",
        )
    return export


def _with_origin(offered: Offered, rows: pl.DataFrame) -> pl.DataFrame:
    """Add where rows come from, and provider and account where the file does not say."""
    source, table = offered.source, TABLE_OF_KIND[offered.source.kind]
    rows = rows.with_columns(pl.coalesce("provider", pl.lit(source.provider, pl.String)).alias("provider"))
    if nameless := rows["provider"].null_count():
        raise SourceError(
            "unknown_provider",
            f"The file does not say whose export it is: {nameless} rows have no provider.",
            f"Set `provider` for source '{source.name}'.",
        )
    given = ["account"] if "account" in rows.columns else []
    account = [pl.lit(source.account)] if source.account else [*map(pl.col, given), pl.col("provider")]
    return rows.with_columns(
        pl.lit(offered.file_id).alias("file_id"),
        pl.lit(source.name).alias("source"),
        pl.coalesce(account).alias("account"),
    ).select(list(table.schema))
