"""What a scan found to frames of raw.span: by columns what it is sure of, one by one the rest."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from pipeline.content import Line
from pipeline.intake import scan_values as at
from pipeline.intake import span_fields
from pipeline.intake.columns import Columns, Notes, ValueReader, starts_with_flat_prefix
from pipeline.intake.decoding import SPAN_COLUMNS, Batch, DecodeOptions, Decoder
from pipeline.intake.encodings import Encoding
from pipeline.intake.gather import gathered
from pipeline.intake.machine import names_of
from pipeline.intake.readers import MAX_TEXT, SpanError
from pipeline.intake.recount import estimates
from pipeline.intake.span_texts import TEXT_NAMES
from pipeline.otlp import Found, Resource, Scope
from pipeline.provider import Reject

Array = np.ndarray

_SURROUNDINGS = ("service", "environment", "resource_labels", "conversation_id")


class _Group:
    """What spans of one scope of one resource share."""

    def __init__(self, decoder: Decoder, encoding: Encoding, resource: bytes, scope: bytes) -> None:
        self.is_read = True
        self.in_doubt = self.may_estimate = False
        self.resource, self.scope = Resource(), Scope()
        self.surroundings: dict[str, Any] = dict.fromkeys(_SURROUNDINGS)
        try:
            self.resource = (encoding.resource(resource) if resource else None) or self.resource
            self.scope = (encoding.scope(scope) if scope else None) or self.scope
        except (ValueError, RecursionError):
            self.is_read = False
            return
        try:
            self.surroundings = decoder.read_resource(self.resource)
        except SpanError:
            self.in_doubt = True
        self.may_estimate = bool(estimates(self.scope.name or "", self.scope.version or ""))


class Scanned(NamedTuple):
    """Spans that a scan found in some bytes, and the records that they are of."""

    data: Array
    found: at.Found
    spans: int
    hits: int
    groups: int
    numbers: Array
    """By record, as the exact decoder counts them; records are the lines of `found`."""
    offsets: Array
    """By record, where it starts in the decompressed file."""


class ColumnDecoder:
    """Makes batches of what scans of one file found; remembers what equal bytes came to."""

    def __init__(self, options: DecodeOptions, encoding: Encoding) -> None:
        self.exact = Decoder(options)
        self._encoding = encoding
        self._values = ValueReader(self.exact.rules, self.exact.column_types, encoding)
        self.names = names_of([*self.exact.rules, *TEXT_NAMES])
        """What a scan has to look for, and how many of them are wanted attributes."""
        self.wanted = len(self.exact.rules)
        self._known: dict[tuple[bytes, bytes], _Group] = {}

    def batch(self, scanned: Scanned, read_rest: Callable[[], None]) -> Batch:
        """Return the spans of a scan; those in doubt and the records not taken are read one by one.

        `read_rest` has to give the records whose third number in `found.lines` is 0 to `exact`.
        """
        data, found, spans = scanned.data, scanned.found, scanned.spans
        known = [self._group(data, row) for row in found.groups[: scanned.groups].tolist()]
        of_span, record = found.spans[:spans, at.GROUP], found.spans[:spans, at.LINE]
        unread = np.array([not group.is_read for group in known], np.bool_)
        if unread.any():
            found.lines[record[unread[of_span]], 2] = 0
        taken = found.lines[record, 2] == 1
        notes = Notes(len(data))
        columns = self._values.read(data, found, spans, scanned.hits, notes)
        self._doubt(columns, known, data, found.spans[:spans])
        read_rest()
        for span in np.flatnonzero(columns.doubt & taken).tolist():
            self._add_span(scanned, span, known)
        exact = self.exact.take()
        keep = np.flatnonzero(~columns.doubt & taken)
        rows = self._frame(scanned, columns, known, notes, keep)
        if exact.rows.height:
            rows = pl.concat([rows, exact.rows]).sort("line", "position")
        return Batch(rows, sorted(exact.rejects, key=_place), exact.read + len(keep))

    def _group(self, data: Array, row: list[int]) -> _Group:
        resource = data[row[0] : row[1]].tobytes() if row[0] >= 0 else b""
        scope = data[row[2] : row[3]].tobytes() if row[2] >= 0 else b""
        if (group := self._known.get((resource, scope))) is None:
            if len(self._known) > 10_000:
                self._known.clear()
            group = self._known[resource, scope] = _Group(self.exact, self._encoding, resource, scope)
        return group

    def _doubt(self, columns: Columns, known: list[_Group], data: Array, table: Array) -> None:
        """Mark the spans whose text may have to be counted, and those whose attributes have other names."""
        groups = table[:, at.GROUP]
        if known:
            columns.doubt[:] |= np.array([group.in_doubt for group in known], np.bool_)[groups]
        columns.doubt[:] |= starts_with_flat_prefix(data, table[:, at.NAME_FIRST], table[:, at.NAME_LAST])
        with_text = np.flatnonzero((table[:, at.HAS_TEXT] == 1) & ~columns.doubt)
        if len(with_text):
            may = np.array([group.may_estimate for group in known], np.bool_)[groups[with_text]]
            columns.doubt[with_text[may | self._wants(columns, with_text)]] = True

    def _wants(self, columns: Columns, rows: Array) -> Array:
        """Return which rows may want a count of their text: a usage that is absent, or in part."""
        given, made = (_has_count(columns, name)[rows] for name in ("input_tokens", "output_tokens"))
        return np.asarray(~(given & made))

    def _add_span(self, scanned: Scanned, span: int, known: list[_Group]) -> None:
        row = scanned.found.spans[span].tolist()
        record = row[at.LINE]
        line = Line(int(scanned.numbers[record]), int(scanned.offsets[record]), b"", 0)
        group = known[row[at.GROUP]]
        told = self._encoding.span(scanned.data[row[at.FIRST] : row[at.LAST]].tobytes())
        self.exact.add(line, row[at.POSITION], Found(told, group.scope, group.resource))

    def _frame(
        self, scanned: Scanned, columns: Columns, known: list[_Group], notes: Notes, keep: Array
    ) -> pl.DataFrame:
        """Return the rows of the spans that are to be kept."""
        data, table, ids = scanned.data, scanned.found.spans[keep], scanned.found.ids[keep]
        groups = table[:, at.GROUP]
        texts = {name: (slices.first[keep], slices.last[keep]) for name, slices in columns.texts.items()}
        self._surround(texts, known, groups, notes)
        first = table[:, at.NAME_FIRST]
        texts["name"] = first, np.minimum(table[:, at.NAME_LAST], first + MAX_TEXT)
        _with_words(texts, "kind", span_fields.KINDS, table[:, at.KIND_CODE], notes)
        _with_words(texts, "status", span_fields.STATUSES, np.zeros(len(keep), np.int64), notes)
        texts["labels"] = self._labels(data, texts, notes, len(keep))
        series = {
            "line": pl.Series(scanned.numbers[table[:, at.LINE]]),
            "position": pl.Series(table[:, at.POSITION]),
            "trace_id": _fixed(ids[:, :32]),
            "span_id": _fixed(ids[:, 32:48]),
            "parent_span_id": _fixed(ids[:, 48:], table[:, at.HAS_PARENT] == 1),
            "started_at": pl.Series(table[:, at.STARTED] // 1000),
            "ended_at": pl.Series(table[:, at.ENDED] // 1000),
        }
        for name, places in texts.items():
            if not name.startswith("="):
                series[name] = _text(data, notes.data, *places)
        for name, numbers in columns.numbers.items():
            values = pa.array(numbers.values[keep], mask=~numbers.valid[keep])
            series[name] = pl.Series(pl.from_arrow(values))
        return pl.DataFrame([
            series[name].cast(dtype).alias(name) if name in series
            else pl.Series(name, [None], dtype).new_from_index(0, len(keep))
            for name, dtype in SPAN_COLUMNS.items()
        ])  # fmt: skip

    def _surround(
        self, texts: dict[str, tuple[Array, Array]], known: list[_Group], groups: Array, notes: Notes
    ) -> None:
        """Add what resource and scope say, where the span itself does not."""
        for name in _SURROUNDINGS:
            _fill_gaps(texts, name, [group.surroundings[name] for group in known], groups, notes)
        for name in ("name", "version"):
            told = [(getattr(group.scope, name) or "")[:MAX_TEXT] for group in known]
            _fill_gaps(texts, f"scope_{name}", told, groups, notes)

    def _labels(
        self, data: Array, texts: dict[str, tuple[Array, Array]], notes: Notes, rows: int
    ) -> tuple[Array, Array]:
        """Return the JSON of the labels of every span, written once for all that share it."""
        asked = [f"={key}" for key in self.exact.labels if f"={key}" in texts]
        if not asked:
            first, last = notes.place("{}")
            return np.full(rows, first), np.full(rows, last)
        codes: Array = np.zeros(rows, np.int64)
        values: list[tuple[str | None, ...]] = [()]
        for name in asked:
            packed = pa.array(gathered(data, notes.data, *texts[name]), pa.large_binary()).dictionary_encode()
            mine = packed.indices.fill_null(len(packed.dictionary)).to_numpy(zero_copy_only=False)
            told = [item.decode() for item in packed.dictionary.to_pylist()] + [None]
            both, codes = np.unique(codes * len(told) + mine, return_inverse=True)
            values = [(*values[pair // len(told)], told[pair % len(told)]) for pair in both.tolist()]
        by_key = [dict(zip(asked, value, strict=True)) for value in values]
        written = [self.exact.labels_json([item.get(f"={k}") for k in self.exact.labels]) for item in by_key]
        starts, ends = notes.places(written)
        return starts[codes], ends[codes]


def _place(reject: Reject) -> tuple[int, int]:
    return reject.line or 0, reject.position or 0


def _has_count(columns: Columns, name: str) -> Array:
    numbers = columns.numbers.get(name)
    if numbers is None:
        return np.zeros(len(columns.doubt), np.bool_)
    return numbers.valid & (numbers.values > 0)


def _fill_gaps(
    texts: dict[str, tuple[Array, Array]], name: str, told: list[str | None], groups: Array, notes: Notes
) -> None:
    first, last = (places[groups] for places in notes.places(told)) if told else (groups, groups)
    if name in texts:
        gap = texts[name][0] < 0
        first, last = (np.where(gap, new, old) for new, old in zip((first, last), texts[name], strict=True))
    texts[name] = first, last


def _with_words(
    texts: dict[str, tuple[Array, Array]], name: str, words: tuple[str, ...], codes: Array, notes: Notes
) -> None:
    """Add the words of an enum where no value was read by itself."""
    _fill_gaps(texts, name, list(words), codes, notes)


def _text(data: Array, notes: bytearray, first: Array, last: Array) -> pl.Series:
    packed = gathered(data, notes, first, last)
    text = pa.Array.from_buffers(pa.large_string(), len(packed), packed.buffers(), packed.null_count)
    return pl.Series(pl.from_arrow(text))


def _fixed(ids: Array, valid: Array | None = None) -> pl.Series:
    """Return ids of one length as text, null where they are not valid."""
    rows, size = ids.shape
    bits = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    offsets = np.arange(rows + 1, dtype=np.int64) * size
    buffers = [bits, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(ids))]
    return pl.Series(pl.from_arrow(pa.Array.from_buffers(pa.large_string(), rows, buffers)))
