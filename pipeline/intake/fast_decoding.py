"""Trace dumps to frames of raw.span at speed: by columns what the scan is sure of, one by one the rest."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa

from pipeline.content import Line
from pipeline.intake import scan, span_fields
from pipeline.intake import scan_values as at
from pipeline.intake.blocks import BLOCK_BYTES, PADDING, Block
from pipeline.intake.columns import Columns, Notes, ValueReader, starts_with_flat_prefix
from pipeline.intake.decoding import SPAN_COLUMNS, Batch, DecodeOptions, Decoder
from pipeline.intake.gather import gathered
from pipeline.intake.machine import names_of
from pipeline.intake.readers import MAX_TEXT, SpanError
from pipeline.intake.recount import estimates
from pipeline.intake.span_texts import TEXT_NAMES
from pipeline.otlp import Found, Framer, Resource, Scope, read_span, spans_of
from pipeline.provider import Reject

Array = np.ndarray

_RESOURCE = msgspec.json.Decoder(Resource | None)
_SCOPE = msgspec.json.Decoder(Scope | None)
_UNFIT = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_SURROUNDINGS = ("service", "environment", "resource_labels", "conversation_id")


class _Group:
    """What spans of one scope of one resource share."""

    def __init__(self, decoder: Decoder, resource: bytes, scope: bytes) -> None:
        self.is_read = True
        self.in_doubt = self.may_estimate = False
        self.resource, self.scope = Resource(), Scope()
        self.surroundings: dict[str, Any] = dict.fromkeys(_SURROUNDINGS)
        try:
            self.resource = (_RESOURCE.decode(resource) if resource else None) or self.resource
            self.scope = (_SCOPE.decode(scope) if scope else None) or self.scope
        except _UNFIT:
            self.is_read = False
            return
        try:
            self.surroundings = decoder.read_resource(self.resource)
        except SpanError:
            self.in_doubt = True
        self.may_estimate = bool(estimates(self.scope.name or "", self.scope.version or ""))


def decode_blocks(blocks: Iterable[Block], options: DecodeOptions) -> Iterator[Batch]:
    """Return the spans of a dump in batches, as `decode` does; lines are numbered from 1."""
    decoder = _BlockDecoder(options)
    for block in blocks:
        yield from decoder.take(block)
    yield decoder.finish()


class _BlockDecoder:
    """Blocks on their way to batches; keeps a document that goes on in the next block."""

    def __init__(self, options: DecodeOptions) -> None:
        self.exact = Decoder(options)
        self.values = ValueReader(self.exact.rules, self.exact.column_types)
        self.names = names_of([*self.exact.rules, *TEXT_NAMES])
        self.wanted = len(self.exact.rules)
        self.found = at.room(BLOCK_BYTES)
        self.framer = Framer()
        self.line = 0
        self.groups: dict[tuple[bytes, bytes], _Group] = {}

    def finish(self) -> Batch:
        """Return what a document at the end of the file still holds."""
        self._add_records(self.framer.flush())
        return self.exact.take()

    def take(self, block: Block) -> Iterator[Batch]:
        """Return the spans of a block, in one batch or more."""
        if block.skipped:
            line = Line(self.line + 1, block.byte_offset, b"", block.skipped)
            self._add_records(self.framer.add(line))
            self.line += 1
            yield self.exact.take()._replace(lines=1)
            return
        data, place = np.frombuffer(block.data, np.uint8), 0
        while place < len(block.data) - len(PADDING):
            place, spans, hits, groups, lines = scan.scan(data, place, self.names, self.wanted, self.found)
            yield self._batch(block, data, spans, hits, groups, lines)
            self.line += lines

    def _batch(  # noqa: PLR0913, PLR0917 - what a scan returns
        self, block: Block, data: Array, spans: int, hits: int, groups: int, lines: int
    ) -> Batch:
        """Return the spans of a scan; those in doubt and the lines not taken are read one by one."""
        known = [self._group(block.data, row) for row in self.found.groups[:groups].tolist()]
        of_span = self.found.spans[:spans, at.GROUP]
        unread = np.array([not group.is_read for group in known], np.bool_)
        if unread.any():
            self.found.lines[self.found.spans[:spans, at.LINE][unread[of_span]], 2] = 0
        taken = self.found.lines[self.found.spans[:spans, at.LINE], 2] == 1
        notes = Notes(len(data))
        columns = self.values.read(data, self.found, spans, hits, notes)
        self._doubt(columns, known, data, spans)
        self._add_lines(block, lines)
        for span in np.flatnonzero(columns.doubt & taken).tolist():
            self._add_span(block, span, known)
        exact = self.exact.take()
        keep = np.flatnonzero(~columns.doubt & taken)
        rows = self._frame(data, columns, known, notes, keep)
        if exact.rows.height:
            rows = pl.concat([rows, exact.rows]).sort("line", "position")
        rejects = sorted(exact.rejects, key=_place)
        return Batch(rows, rejects, exact.read + len(keep), lines)

    def _group(self, data: memoryview, row: list[int]) -> _Group:
        resource = bytes(data[row[0] : row[1]]) if row[0] >= 0 else b""
        scope = bytes(data[row[2] : row[3]]) if row[2] >= 0 else b""
        if (group := self.groups.get((resource, scope))) is None:
            if len(self.groups) > 10_000:
                self.groups.clear()
            group = self.groups[resource, scope] = _Group(self.exact, resource, scope)
        return group

    def _doubt(self, columns: Columns, known: list[_Group], data: Array, spans: int) -> None:
        """Mark the spans whose text may have to be counted, and those whose attributes have other names."""
        table = self.found.spans[:spans]
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

    def _add_lines(self, block: Block, lines: int) -> None:
        """Read the lines that the scan did not take, each in its place between the others."""
        table = self.found.lines[:lines]
        refused = np.flatnonzero(table[:, 2] == 0).tolist()
        before = -1
        for number in refused:
            if number > before + 1:
                self._add_records(self.framer.flush())
            first, last, _ = table[number].tolist()
            data = bytes(block.data[first:last])
            place = self.line + number + 1
            if place == 1:
                data = data.removeprefix(b"\xef\xbb\xbf")
            line = Line(place, block.byte_offset + first, data.rstrip(), last - first + 1)
            self._add_records(self.framer.add(line))
            before = number
        if before < lines - 1:
            self._add_records(self.framer.flush())

    def _add_records(self, records: Iterable[Line]) -> None:
        for record in records:
            for position, found in enumerate(spans_of(record)):
                self.exact.add(record, position, found)

    def _add_span(self, block: Block, span: int, known: list[_Group]) -> None:
        row = self.found.spans[span].tolist()
        first = int(self.found.lines[row[at.LINE], 0])
        line = Line(self.line + row[at.LINE] + 1, block.byte_offset + first, b"", 0)
        group = known[row[at.GROUP]]
        told = read_span(bytes(block.data[row[at.FIRST] : row[at.LAST]]))
        self.exact.add(line, row[at.POSITION], Found(told, group.scope, group.resource))

    def _frame(
        self, data: Array, columns: Columns, known: list[_Group], notes: Notes, keep: Array
    ) -> pl.DataFrame:
        """Return the rows of the spans that are to be kept."""
        table, ids = self.found.spans[keep], self.found.ids[keep]
        groups = table[:, at.GROUP]
        texts = {name: (slices.first[keep], slices.last[keep]) for name, slices in columns.texts.items()}
        self._surround(texts, known, groups, notes)
        first = table[:, at.NAME_FIRST]
        texts["name"] = first, np.minimum(table[:, at.NAME_LAST], first + MAX_TEXT)
        _with_words(texts, "kind", span_fields.KINDS, table[:, at.KIND_CODE], notes)
        _with_words(texts, "status", span_fields.STATUSES, np.zeros(len(keep), np.int64), notes)
        texts["labels"] = self._labels(data, texts, notes, len(keep))
        series = {
            "line": pl.Series(table[:, at.LINE] + self.line + 1),
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
