"""Trace dumps to frames of raw.span: spans become rows, what cannot be kept becomes a reject, none vanish."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import polars as pl

from pipeline.content import Line
from pipeline.intake import span_fields
from pipeline.intake.attributes import COUNTS, FLAT_PREFIX, LAST_RESORT, Rules, conversation_keys, rules_for
from pipeline.intake.readers import MAX_TEXT, SpanError, text
from pipeline.intake.recount import Recounter
from pipeline.otlp import Attribute, Found, Resource, Scope, Span, frame, spans_of
from pipeline.provider import Reject
from pipeline.settings import Settings
from schemas.tables import BY_NAME

DECODER_VERSION = "4"
"""Raise it when the same file would give other rows: every trace file is then landed again."""

BATCH_ROWS = 50_000

PIECE_BYTES = 32 << 20

LANDING_COLUMNS = ("file_id", "source", "account")
"""Columns of raw.span that landing adds."""

SPAN_COLUMNS = {k: v for k, v in BY_NAME["raw.span"].schema.items() if k not in LANDING_COLUMNS}
"""Columns of a batch."""

_SLOT = {name: slot for slot, name in enumerate(SPAN_COLUMNS)}
_COUNT_SLOTS = frozenset(_SLOT[name] for name in COUNTS)
_COLUMNS = tuple(SPAN_COLUMNS)
_FEW_ROWS = 50
_PLAIN_COLUMNS = {k: pl.Int64() if isinstance(v, pl.Datetime) else v for k, v in SPAN_COLUMNS.items()}
_INSTANTS = [pl.col(k).cast(v) for k, v in SPAN_COLUMNS.items() if isinstance(v, pl.Datetime)]
_ENVIRONMENTS = ("deployment.environment.name", "deployment.environment")
_RESOURCE_KEYS = frozenset({"service.name", *_ENVIRONMENTS})
_READ_ON = "Correct what writes it, or accept the loss; all other records of the file were read."
ADVICE = {
    "bad_trace_id": "Export ids as hex, 32 digits for a trace; Tempo's base64 must be converted first.",
    "bad_span_id": "Export ids as hex, 16 digits for a span; Tempo's base64 must be converted first.",
    "truncated": "The writer was cut off, or is still writing: copy the file again once it is complete.",
    "framing_lost": "Copy the file again from where it was written; nothing behind this place was read.",
    "message_too_long": "Let the collector send smaller batches; all other records of the file were read.",
    "missing_column": "Export the whole table: `select * from otel_traces`.",
    "not_traces": "Give this file a source of its own kind; logs and metrics are not read.",
    "count_absurd": "Look for a counter in place of a count in the instrumentation that wrote the span.",
}
"""What to do about a code of reject, where there is more to say than `_READ_ON`."""


@dataclass(frozen=True)
class DecodeOptions:
    """What the configuration asks of decoding."""

    label_attributes: tuple[str, ...] = ()
    conversation_attributes: tuple[str, ...] = ()
    batch_rows: int = BATCH_ROWS
    piece_bytes: int = PIECE_BYTES
    """About how large the pieces are into which a large plain dump is cut."""

    @classmethod
    def of(cls, settings: Settings) -> "DecodeOptions":
        """Return the options that the settings imply."""
        return cls(settings.label_attributes, settings.identity.conversation_attributes)


class Batch(NamedTuple):
    """Some spans of a file: raw.span without LANDING_COLUMNS, the rejects, and how many records were read."""

    rows: pl.DataFrame
    rejects: list[Reject]
    read: int
    lines: int = 0
    """Lines that these are all spans of, where lines are counted."""


def decode(lines: Iterable[Line], options: DecodeOptions) -> Iterator[Batch]:
    """Return the spans of an OTLP/JSON dump in batches; see `decode_records`."""
    return decode_records(((record, spans_of(record)) for record in frame(lines)), options)


def decode_records(
    records: Iterable[tuple[Line, Iterable[Found]]], options: DecodeOptions
) -> Iterator[Batch]:
    """Return the spans of a dump in batches; in each, read == rows + rejects. Memory is that of one batch."""
    decoder = Decoder(options)
    for record, spans in records:
        for position, found in enumerate(spans):
            decoder.add(record, position, found)
        if len(decoder.rows) + len(decoder.rejects) >= options.batch_rows:
            yield decoder.take()
    yield decoder.take()


class Decoder:
    """Rows and rejects on their way to a batch."""

    def __init__(self, options: DecodeOptions) -> None:
        self.labels = options.label_attributes
        self.rules, self.flat_rules = rules_for(self.labels, options.conversation_attributes)
        self.conversations = conversation_keys(options.conversation_attributes)
        self.resource_keys = frozenset((*self.labels, *self.conversations))
        self.slots = _SLOT | {f"={key}": len(_SLOT) + i for i, key in enumerate(self.labels)}
        self.column_types = SPAN_COLUMNS | {f"={key}": pl.String() for key in self.labels}
        self.resource: Resource | None = None
        self.surroundings: dict[str, Any] = {}
        self.rows: list[list[Any]] = []
        self.recounter = Recounter(_SLOT)
        self.rejects: list[Reject] = []
        self.read = 0

    def add(self, record: Line, position: int, found: Found) -> None:
        """Make a row or a reject of what was found."""
        self.read += 1
        try:
            if isinstance(found.span, SpanError):
                raise found.span
            if found.resource is not self.resource:
                self.surroundings = self.read_resource(found.resource)
                self.resource = found.resource
            row = self._row(record.number, position, found.span, found.scope)
            self.rows.append(row)
            self.recounter.offer(row, found.span, found.scope)
        except SpanError as error:
            reason, advice = f"{error.reason}.", ADVICE.get(error.code, _READ_ON)
            place = (record.number, position, record.byte_offset)
            self.rejects.append(Reject(*place, error.code, reason, advice))

    def take(self) -> Batch:
        """Return what has gathered and start anew."""
        self.recounter.finish()
        batch = Batch(_frame(self.rows), self.rejects, self.read)
        self.rows, self.rejects, self.read = [], [], 0
        return batch

    def _row(self, line: int, position: int, span: Span, scope: Scope) -> list[Any]:
        row: list[Any] = [None] * len(self.slots)
        name = span.name or ""
        rules = self.flat_rules if name.startswith(FLAT_PREFIX) else self.rules
        row[_SLOT["usage_conflict"]] = self._read_attributes(row, span.attributes, rules)
        start, end = span_fields.times(span)
        trace_id, span_id = span_fields.ids(span)
        fixed = {
            "line": line,
            "position": position,
            "trace_id": trace_id,
            "span_id": span_id,
            "parent_span_id": span_fields.parent(span, span_id),
            "name": name[:MAX_TEXT],
            "kind": span_fields.word(span.kind, span_fields.KINDS),
            "status": span_fields.word(span.status.code if span.status else None, span_fields.STATUSES),
            "started_at": start,
            "ended_at": end,
            "sampling_threshold": span_fields.threshold(span.trace_state),
            "scope_name": (scope.name or "")[:MAX_TEXT],
            "scope_version": (scope.version or "")[:MAX_TEXT],
            "labels": self.labels_json(row[len(_SLOT) :]),
        }
        for column, value in fixed.items():
            row[_SLOT[column]] = value
        for column, value in self.surroundings.items():
            if row[_SLOT[column]] is None:
                row[_SLOT[column]] = value
        if row[_SLOT["error_type"]] is None:
            row[_SLOT["error_type"]] = span_fields.exception(span)
        return row

    def labels_json(self, values: list[Any]) -> str:
        """Return the JSON object of the labels that are there, given in order of their keys."""
        return _labels(self.labels, values)

    def _read_attributes(self, row: list[Any], pairs: list[Attribute] | None, rules: Rules) -> str | None:
        """Fill the slots that attributes feed, the lowest rank last; return the counts that disagree."""
        hits = []
        for pair in pairs or ():
            wanted = rules.get(pair.key)
            if wanted is None or (value := span_fields.value(pair)) is None:
                continue
            for column, rank, read in wanted:
                kept = _read(pair.key, read, value)
                if kept is not None:
                    hits.append((self.slots[column], rank, kept))
        hits.sort(key=_slot_and_rank, reverse=True)
        lost, held = [], 0
        for slot, rank, value in hits:
            if row[slot] is not None and slot in _COUNT_SLOTS and held < LAST_RESORT:
                lost.append((slot, row[slot]))
            row[slot], held = value, rank
        return _conflict(row, lost)

    def read_resource(self, resource: Resource) -> dict[str, Any]:
        """Return the columns that a resource gives to all its spans."""
        found = {
            pair.key: kept
            for pair in resource.attributes or ()
            if (pair.key in _RESOURCE_KEYS or pair.key in self.resource_keys)
            and (kept := text(span_fields.value(pair))) is not None
        }
        conversations = (found[key] for key in self.conversations if key in found)
        return {
            "service": found.get("service.name"),
            "environment": next((found[key] for key in _ENVIRONMENTS if key in found), None),
            "resource_labels": _labels(self.labels, [found.get(key) for key in self.labels]),
            "conversation_id": next(conversations, None),
        }


def _slot_and_rank(hit: tuple[int, int, Any]) -> tuple[int, int]:
    return hit[:2]


def _read(key: str, read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read(value)
    except SpanError as error:
        raise SpanError(error.code, f"Attribute {key} {error.reason}") from None


def _conflict(row: list[Any], lost: list[tuple[int, int]]) -> str | None:
    """Return `column: first != second` for each count that differs from the one that was kept."""
    told = sorted({(slot, other) for slot, other in lost if row[slot] != other})
    return "; ".join(f"{_COLUMNS[slot]}: {row[slot]} != {other}" for slot, other in told) or None


def _labels(keys: tuple[str, ...], values: list[Any]) -> str:
    if not any(values):
        return "{}"
    present = {key: value for key, value in zip(keys, values, strict=True) if value is not None}
    return msgspec.json.encode(present).decode()


def _frame(rows: list[list[Any]]) -> pl.DataFrame:
    """Return rows, which may go on behind the columns, as a frame."""
    if len(rows) <= _FEW_ROWS:  # of a small file a series for each column costs more than all else
        cut = [row[: len(_COLUMNS)] for row in rows]
        return pl.DataFrame(cut, _PLAIN_COLUMNS, orient="row").with_columns(_INSTANTS)
    columns = zip(*rows, strict=True)
    return pl.DataFrame(
        [_series(name, list(values)) for name, values in zip(_COLUMNS, columns, strict=False)]
    )


def _series(name: str, values: list[Any]) -> pl.Series:
    dtype = SPAN_COLUMNS[name]
    if isinstance(dtype, pl.Datetime):
        return pl.Series(name, values, pl.Int64).cast(dtype)
    return pl.Series(name, values, dtype)
