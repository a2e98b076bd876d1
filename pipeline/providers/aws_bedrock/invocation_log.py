"""Model invocation logs of Bedrock: its per-request meter, of which only counts and names are read.

One JSON object a request, as Bedrock writes it to S3 (gzip, a line each; some tools make arrays of it), as
CloudWatch Logs exports it (a time before each object), or as a subscription delivers it (`logEvents`). The
bodies that hold prompts and answers are skipped unread. `inputTokenCount` leaves cached tokens out.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from pipeline.errors import SourceError
from pipeline.parsing.export_values import count, iso_instant, text
from pipeline.parsing.raw_rows import parsed
from pipeline.provider import ExportFormat, Parsed, Reject
from pipeline.providers.aws_bedrock.models import without_arn

_LANDED = ("file_id", "source")
_EXPORTED = re.compile(rb"^\d{4}-\d\d-\d\dT[\d:.]+Z\s+(?=\{)")
_COUNTS = ("input_uncached_tokens", "cache_read_tokens", "cache_write_other_tokens", "output_tokens")
_AGAIN = "The log may be cut off, or be another one: copy it again, or leave it out of the source."


class _Input(msgspec.Struct, rename="camel"):
    input_token_count: Any = None
    cache_read_input_token_count: Any = None
    cache_write_input_token_count: Any = None


class _Output(msgspec.Struct, rename="camel"):
    output_token_count: Any = None


class _Record(msgspec.Struct, rename="camel"):
    """What is read of a request; everything else, the bodies above all, is skipped by the decoder."""

    schema_type: str | None = None
    timestamp: Any = None
    account_id: Any = None
    request_id: Any = None
    model_id: Any = None
    error_code: Any = None
    input: _Input | None = None
    output: _Output | None = None


class _Event(msgspec.Struct):
    message: str


class _Delivery(msgspec.Struct, rename="camel"):
    log_events: list[_Event]


class _Found(NamedTuple):
    line: int
    byte_offset: int
    position: int
    record: _Record | None


_ONE = msgspec.json.Decoder(_Record)
_MANY = msgspec.json.Decoder(list[_Record])
_DELIVERY = msgspec.json.Decoder(_Delivery)


def parse(content: bytes) -> Parsed:
    """Return one row of raw.request a request that was logged; one that failed is metered with no tokens.

    The messages of rejects say nothing of what stands in the line.
    """
    rows: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    for found in _records(content):
        try:
            row = _row(found.record)
        except SourceError as error:
            place = (found.line, found.position, found.byte_offset)
            rejects.append(Reject(*place, error.code, _without_value(error.reason), error.advice))
        else:
            rows.append({**row, "line": found.line, "position": found.position})
    return parsed("raw.request", rows, rejects, _LANDED)


def _records(content: bytes) -> Iterator[_Found]:
    body = content.removeprefix(b"\xef\xbb\xbf")
    if body.lstrip()[:1] == b"[" and (records := _decoded(_MANY, body)) is not None:
        yield from (_Found(1, 0, n, record) for n, record in enumerate(records))
        return
    offset = len(content) - len(body)
    for number, line in enumerate(body.split(b"\n"), start=1):
        if line.strip():
            found = _of_line(line)
            yield from (_Found(number, offset, n, record) for n, record in enumerate(found))
        offset += len(line) + 1


def _of_line(line: bytes) -> list[_Record | None]:
    """Return the records of a line; null for one that cannot be read."""
    data = _EXPORTED.sub(b"", line.strip())
    if data[:1] == b"[":
        return list(_decoded(_MANY, data) or [None])
    delivery = _decoded(_DELIVERY, data) if b'"logEvents"' in data[:4096] else None
    if delivery is not None:
        return [_decoded(_ONE, event.message.encode("utf-8", "replace")) for event in delivery.log_events]
    return [_decoded(_ONE, data)]


def _decoded(decoder: msgspec.json.Decoder, data: bytes) -> Any:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _row(record: _Record | None) -> dict[str, Any]:
    if record is None or record.schema_type != "ModelInvocationLog":
        raise SourceError("not_a_log_record", "Not a whole record of a model invocation log.", _AGAIN)
    fields = {
        "timestamp": record.timestamp,
        "requestId": record.request_id,
        "modelId": record.model_id,
        "accountId": record.account_id,
    }
    model = text(fields, "modelId")
    if model is None:
        raise SourceError("missing_field", "modelId is missing.", _AGAIN)
    return {
        "provider": "aws.bedrock",
        "request_id": text(fields, "requestId"),
        "part": "message",
        "project_id": text(fields, "accountId"),
        "model": without_arn(model),
        "started_at": iso_instant(fields, "timestamp"),
        **_leaves(record),
    }


def _without_value(reason: str) -> str:
    """Return a reason without the value that it shows, which may be of a prompt."""
    field, shown, rest = reason.partition(" is ")
    return f"{field} is not of its documented form." if shown and rest != "missing." else reason


def _leaves(record: _Record) -> dict[str, int | None]:
    """Disjoint leaves; a request that failed without counts used no tokens: the log is what meters it."""
    sent, got = record.input or _Input(), record.output or _Output()
    values = {
        "inputTokenCount": sent.input_token_count,
        "cacheReadInputTokenCount": sent.cache_read_input_token_count,
        "cacheWriteInputTokenCount": sent.cache_write_input_token_count,
        "outputTokenCount": got.output_token_count,
    }
    counts = [count(values, name) for name in values]
    if all(number is None for number in counts):
        if record.error_code is None:
            reason = "The record has no token count, and no error that would say why."
            raise SourceError("missing_field", reason, "Nothing to do for models that count no tokens.")
        counts = [0, None, None, 0]
    return dict(zip(_COUNTS, counts, strict=True))


def _detect(head: bytes) -> bool:
    start = _EXPORTED.sub(b"", head.lstrip(b"\xef\xbb\xbf \t\r\n"))
    return start[:1] in (b"{", b"[") and b"ModelInvocationLog" in head


FORMAT = ExportFormat("bedrock_invocation_log", "requests", "raw.request", _detect, parse)
