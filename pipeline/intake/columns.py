"""From places in a block of a dump to columns of raw.span: the same values that the exact decoder gives.

Plain text and whole numbers are taken as they lie; every other value is read once for all spans that share
its bytes, by the readers of the exact decoder. A span that could come out differently is left to it.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from pipeline.intake import readers, span_fields
from pipeline.intake import scan_values as at
from pipeline.intake.attributes import COUNTS, FLAT_PREFIX, Rules
from pipeline.intake.encodings import Encoding
from pipeline.intake.gather import gathered
from pipeline.intake.readers import SpanError
from pipeline.otlp import Attribute

Array = np.ndarray

_MANY = 100_000
"""Values of an attribute that are remembered; beyond it all are forgotten, so that memory is bounded."""

_FAILED = object()


class Slices:
    """Texts of some rows, as places in the block or in what is noted behind it."""

    def __init__(self, rows: int) -> None:
        self.first = np.full(rows, -1, np.int64)
        self.last = np.full(rows, -1, np.int64)


class Numbers:
    """Whole numbers or truth values of some rows, where there are any."""

    def __init__(self, rows: int) -> None:
        self.values = np.zeros(rows, np.int64)
        self.valid = np.zeros(rows, np.bool_)


class Notes:
    """Texts that do not lie in the block as they are stored, each kept once behind it."""

    def __init__(self, start: int) -> None:
        self._start = start
        self._known: dict[str, tuple[int, int]] = {}
        self.data = bytearray()

    def place(self, text: str | None) -> tuple[int, int]:
        """Return where a text lies; (-1, -1) for none."""
        if text is None:
            return -1, -1
        if (known := self._known.get(text)) is None:
            first = self._start + len(self.data)
            self.data += text.encode()
            known = self._known[text] = first, self._start + len(self.data)
        return known

    def places(self, texts: Iterable[str | None]) -> tuple[Array, Array]:
        """Return the places of texts."""
        both = np.array([self.place(text) for text in texts], np.int64).reshape(-1, 2)
        return both[:, 0], both[:, 1]


class Columns(NamedTuple):
    """Columns of the spans of a block, and which spans are in doubt."""

    texts: dict[str, Slices]
    numbers: dict[str, Numbers]
    doubt: Array


class _Hits(NamedTuple):
    """All values of one attribute in a block, in order."""

    rows: Array
    form: Array
    first: Array
    last: Array
    number: Array


class ValueReader:
    """Reads the wanted values of blocks; remembers what equal bytes came to."""

    def __init__(self, rules: Rules, columns: dict[str, pl.DataType], encoding: Encoding) -> None:
        self._encoding = encoding
        self._keys = list(rules)
        self._rules = rules
        self._numeric = {name for name, dtype in columns.items() if dtype != pl.String}
        self._cache: dict[tuple[str, str, bool], dict[bytes, Any]] = {}

    def read(self, data: Array, found: at.Found, spans: int, hits: int, notes: Notes) -> Columns:
        """Return the columns that attributes feed, and `kind`, `status`, `sampling_threshold`."""
        columns = Columns({}, {}, found.spans[:spans, at.IN_DOUBT] != 0)
        by_column: dict[str, list[tuple[int, _Hits, str, Callable[[Any], Any]]]] = {}
        for number, taken in _by_key(found.hits[:hits]):
            name, rules = self._meaning(number)
            columns.doubt[taken.rows[1:][taken.rows[1:] == taken.rows[:-1]]] = True
            for column, rank, read in rules:
                by_column.setdefault(column, []).append((rank, taken, name, read))
        for column, offers in by_column.items():
            offers.sort(key=lambda offer: offer[0], reverse=True)
            target = self._target(column, columns, spans)
            for _, taken, name, read in offers:
                self._fill(target, column, data, taken, name, read, notes, columns.doubt)
        return columns

    def _meaning(self, number: int) -> tuple[str, Any]:
        if number >= 0:
            name = self._keys[number]
            return name, self._rules[name]
        column, read = self._encoding.fields[number]
        return "", ((column, 0, read),)

    def _target(self, column: str, columns: Columns, spans: int) -> Slices | Numbers:
        if column in self._numeric:
            return columns.numbers.setdefault(column, Numbers(spans))
        return columns.texts.setdefault(column, Slices(spans))

    def _fill(  # noqa: PLR0913, PLR0917 - all that a value depends on
        self, target: Slices | Numbers, column: str, data: Array, taken: _Hits, name: str,
        read: Callable[[Any], Any], notes: Notes, doubt: Array,
    ) -> None:  # fmt: skip
        """Write the values of one attribute over those of less trusted ones."""
        as_is = _as_they_lie(read, taken)
        if isinstance(target, Slices):
            _write_texts(target, taken.rows[as_is], taken.first[as_is], taken.last[as_is])
        else:
            _write_numbers(target, taken.rows[as_is], taken.number[as_is], column, doubt)
        for is_plain in (True, False):
            rest = ~as_is & ((taken.form == at.PLAIN) == is_plain)
            if not rest.any():
                continue
            cache = self._cache.setdefault((name, column, is_plain), {})
            codes, raw = _distinct(data, taken.first[rest], taken.last[rest])
            values = self._decoded(raw, name, read, is_plain, cache)
            doubt[taken.rows[rest][_mask(codes, [value is _FAILED for value in values])]] = True
            there = _mask(codes, [value is not _FAILED and value is not None for value in values])
            rows = taken.rows[rest][there]
            if isinstance(target, Slices):
                first, last = notes.places(value if isinstance(value, str) else None for value in values)
                _write_texts(target, rows, first[codes[there]], last[codes[there]])
            else:
                numbers = np.array([v if isinstance(v, int) else 0 for v in values], np.int64)
                _write_numbers(target, rows, numbers[codes[there]], column, doubt)

    def _decoded(
        self, raw: list[bytes], name: str, read: Callable[[Any], Any], is_plain: bool, cache: dict[bytes, Any]
    ) -> list[Any]:
        """Return what each value is read as."""
        if len(cache) > _MANY:
            cache.clear()
        for item in raw:
            if item not in cache:
                cache[item] = self._one(item, name, read, is_plain)
        return [cache[item] for item in raw]

    def _one(self, item: bytes, name: str, read: Callable[[Any], Any], is_plain: bool) -> Any:
        try:
            if is_plain:
                return read(item.decode())
            if not name:
                return read(item)
            value = span_fields.value(Attribute(name, self._encoding.attribute(item)))
            return None if value is None else read(value)
        except (SpanError, ValueError, RecursionError):
            return _FAILED


def _by_key(hits: Array) -> Iterator[tuple[int, _Hits]]:
    order = np.argsort(hits[:, 1].astype(np.int16), kind="stable")
    keys = hits[order, 1]
    if not len(keys):
        return
    starts = np.flatnonzero(np.diff(keys, prepend=np.iinfo(np.int64).min))
    for start, stop in zip(starts, [*starts[1:], len(keys)], strict=True):
        taken = hits[order[start:stop]]
        yield int(keys[start]), _Hits(*(taken[:, column] for column in (0, 2, 3, 4, 5)))


def _as_they_lie(read: Callable[[Any], Any], taken: _Hits) -> Array:
    """Return which values need no reading: plain text where text is wanted, numbers where a count is."""
    if read is readers.text:
        return np.asarray(taken.form == at.PLAIN)
    if read is readers.count:
        return np.asarray((taken.form == at.NUMBER) & (taken.number <= readers.MAX_COUNT))
    return np.zeros(len(taken.rows), np.bool_)


def _write_texts(target: Slices, rows: Array, first: Array, last: Array) -> None:
    target.first[rows] = first
    target.last[rows] = last


def _write_numbers(target: Numbers, rows: Array, values: Array, column: str, doubt: Array) -> None:
    """Write numbers; counts that disagree with what was there leave the span in doubt."""
    if column in COUNTS:
        doubt[rows[target.valid[rows] & (target.values[rows] != values)]] = True
    target.values[rows] = values
    target.valid[rows] = True


def _mask(codes: Array, flags: list[bool]) -> Array:
    return np.asarray(np.array(flags, np.bool_)[codes])


def _distinct(data: Array, first: Array, last: Array) -> tuple[Array, list[bytes]]:
    """Return the number of its distinct value for every row, and these values."""
    packed = pa.array(gathered(data, None, first, last), pa.large_binary()).dictionary_encode()
    return packed.indices.to_numpy(zero_copy_only=False), packed.dictionary.to_pylist()


def starts_with_flat_prefix(data: Array, first: Array, last: Array) -> Array:
    """Return which names are those of Claude Code's spans, whose attributes have names of their own."""
    wanted = np.frombuffer(FLAT_PREFIX.encode(), np.uint8)
    there = np.flatnonzero(last - first >= len(wanted))
    for step, byte in enumerate(wanted):
        there = there[data[first[there] + step] == byte]
    mask = np.zeros(len(first), np.bool_)
    mask[there] = True
    return mask
