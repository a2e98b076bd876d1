"""One pass over lines of OTLP/JSON in machine code: where every span and every wanted attribute lies.

It takes a line only when it is sure of every byte; any other is left to the exact decoder, which knows what to
do with it. So it never refuses and never repairs: it is fast on what exporters write, and silent on the rest.
A span in doubt (an odd id, a time out of range, a key with escapes) is marked, and read again one by one.
"""

import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_compiled: Any = numba.njit(nogil=True, cache=True, no_cpython_wrapper=True, error_model="numpy")

FIELDS = (
    "resourceSpans", "resource", "scopeSpans", "scope", "spans", "instrumentationLibrarySpans",
    "instrumentationLibrary", "traceId", "spanId", "parentSpanId", "traceState", "name", "kind",
    "startTimeUnixNano", "endTimeUnixNano", "attributes", "events", "status", "key", "value",
    "stringValue", "intValue",
)  # fmt: skip
(
    _RESOURCE_SPANS, _RESOURCE, _SCOPE_SPANS, _SCOPE, _SPANS, _OLD_SPANS,
    _OLD_SCOPE, _TRACE_ID, _SPAN_ID, _PARENT_ID, _TRACE_STATE, _NAME, _KIND,
    _START, _END, _ATTRIBUTES, _EVENTS, _STATUS, _KEY, _VALUE,
    _STRING_VALUE, _INT_VALUE,
) = range(len(FIELDS))  # fmt: skip

_CHILD = (-1, _RESOURCE_SPANS, -1, _SCOPE_SPANS, -1, _SPANS, -1, _ATTRIBUTES, -1, -1)
"""By level, the member whose array leads down. Odd levels are objects: 1 request, 3 resource spans, 5 scope
spans, 7 span, 9 attribute; even ones the arrays between them."""

KIND, STATUS, TRACE_STATE = -2, -3, -4
"""Keys of hits that are fields of the span, not attributes."""
RAW, PLAIN, NUMBER = 0, 1, 2
"""Forms of a value: JSON to be decoded, printable ASCII as it lies there, digits (also as a number)."""

(
    LINE, POSITION, GROUP, FIRST, LAST, NAME_FIRST, NAME_LAST, KIND_CODE, STARTED, ENDED, HAS_PARENT,
    IN_DOUBT, HAS_TEXT,
) = range(13)  # fmt: skip
"""Columns of `Found.spans`."""

_DEPTH = 60
_EXCEPTION = np.frombuffer(b"exception.type", np.uint8)
_CLASS = np.zeros(256, np.uint8)
"""Of a byte in a string: 0 printable ASCII, 1 other text, 2 what ends it, escapes, or may not be there."""
_CLASS[128:] = 1
_CLASS[[*range(32), 34, 92]] = 2


def _word(text: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(text, sys.byteorder))


_KEY_OPENS, _VALUE_OPENS = _word(b'{"key":"'), _word(b',"value"')
_TEXT_OPENS, _TEXT_GOES_ON = _word(b'{"string'), _word(b'Value":"')
_WHOLE_OPENS, _WHOLE_GOES_ON = _word(b'{"intVal'), _word(b'Value":"')
_ONES, _HIGHS = _word(b"\x01" * 8), _word(b"\x80" * 8)
_SPACES, _QUOTES, _ESCAPES = _word(b" " * 8), _word(b'"' * 8), _word(b"\\" * 8)

PADDING = b"\n" * 32
"""What has to stand behind the lines: eight bytes are looked at together."""


class Names(NamedTuple):
    """A hash table of names: where each stands in the blob, or -1."""

    slots: np.ndarray
    offsets: np.ndarray
    blob: np.ndarray


def names_of(names: Iterable[str]) -> Names:
    """Return the table in which the scan finds a name; its number is its place."""
    encoded = [name.encode() for name in names]
    slots = np.full(1 << (8 * len(encoded) + 8).bit_length(), -1, np.int64)
    for number, name in enumerate(encoded):
        place = _hash(len(name), name[0], name[len(name) // 2], name[-1])
        while slots[place & (len(slots) - 1)] >= 0:
            place += 1
        slots[place & (len(slots) - 1)] = number
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return Names(slots, offsets, np.frombuffer(b"".join(encoded), np.uint8))


def _hash(size: int, first: int, middle: int, last: int) -> int:
    return size * 31 + first * 7 + middle * 131 + last * 1031


_SLOTS, _OFFSETS, _BLOB = names_of(FIELDS)


class Found(NamedTuple):
    """What a scan fills: numbers by span, by group of spans that share a scope, by wanted value, by line."""

    spans: np.ndarray
    """By span: see LINE to HAS_TEXT. Places are those of bytes, times are nanoseconds."""
    ids: np.ndarray
    """Trace id, span id and parent's id in lower-case hex, 64 bytes a span."""
    groups: np.ndarray
    """Start and end of the resource and of the scope; -1 where there is none."""
    hits: np.ndarray
    """span, key, form, start and end of the value, the number."""
    lines: np.ndarray
    """Start, end, and whether the line was taken."""


def room(size: int) -> Found:
    """Return room for the spans of so many bytes; a scan stops at the line that would not fit."""
    spans = size // 128 + 64
    return Found(
        np.empty((spans, 13), np.int64),
        np.empty((spans, 64), np.uint8),
        np.empty((spans, 4), np.int64),
        np.empty((spans * 8, 6), np.int64),
        np.empty((spans, 3), np.int64),
    )


@intrinsic  # type: ignore[untyped-decorator]
def _eight(context, data, at):
    """Return the eight bytes from a place on as one number."""

    def generate(target, builder, signature, arguments):
        array = target.make_array(signature.args[0])(target, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        return builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(data, types.int64), generate


@_compiled
def _space(data, at):
    while data[at] == 32 or data[at] == 9 or data[at] == 13:
        at += 1
    return at


@_compiled
def _hex4(data, at):
    value = 0
    for place in range(at, at + 4):
        byte = data[place]
        if 48 <= byte <= 57:
            value = value * 16 + byte - 48
        elif 97 <= byte | 32 <= 102:
            value = value * 16 + (byte | 32) - 87
        else:
            return -1
    return value


@_compiled
def _escape(data, at):
    """Return the place behind an escape that starts at a backslash; -1 if it is none."""
    byte = data[at + 1]
    if byte != 117:
        known = byte in (34, 92, 47, 98, 102, 110, 114, 116)
        return at + 2 if known else -1
    code = _hex4(data, at + 2)
    if code < 0 or 0xDC00 <= code <= 0xDFFF:
        return -1
    if not 0xD800 <= code <= 0xDBFF:
        return at + 6
    is_pair = data[at + 6] == 92 and data[at + 7] == 117 and 0xDC00 <= _hex4(data, at + 8) <= 0xDFFF
    return at + 12 if is_pair else -1


@_compiled
def _string(data, at):
    """Return the closing quote of a string that starts here, -1 if it is broken, and whether it is plain."""
    plain = True
    while True:
        while True:
            word = _eight(data, at)
            odd = (word - _SPACES) | ((word ^ _QUOTES) - _ONES) | ((word ^ _ESCAPES) - _ONES) | word
            if odd & _HIGHS != 0:
                break
            at += 8
        kind = _CLASS[data[at]]
        while kind == 0:
            at += 1
            kind = _CLASS[data[at]]
        if data[at] == 34:
            return at, plain
        plain = False
        if kind == 1:
            at += 1
            continue
        at = _escape(data, at) if data[at] == 92 else -1
        if at < 0:
            return -1, False


@_compiled
def _lookup(data, first, last, slots, offsets, blob):
    """Return the number of a name; -1 if it has none."""
    if last <= first:
        return -1
    size = last - first
    mask = len(slots) - 1
    place = size * 31 + data[first] * 7 + data[first + size // 2] * 131 + data[last - 1] * 1031
    while True:
        number = slots[place & mask]
        if number < 0:
            return -1
        stop = offsets[number + 1]
        if stop - offsets[number] == size:
            step = 1
            while step <= size and blob[stop - step] == data[last - step]:
                step += 1
            if step > size:
                return number
        place += 1


@_compiled
def _name(data, at):
    """Read `"name":` -> place of the value or -1, number of the field or -1, whether it is plain ASCII."""
    if data[at] != 34:
        return -1, -1, False
    last, plain = _string(data, at + 1)
    if last < 0:
        return -1, -1, False
    field = _lookup(data, at + 1, last, _SLOTS, _OFFSETS, _BLOB) if plain else -1
    at = _space(data, last + 1)
    return (_space(data, at + 1), field, plain) if data[at] == 58 else (-1, -1, False)


@_compiled
def _digits(data, at):
    while 48 <= data[at] <= 57:
        at += 1
    return at


@_compiled
def _number(data, at):
    """Return the place behind a JSON number; -1 if it is none."""
    if data[at] == 45:
        at += 1
    first = at
    at = _digits(data, at)
    if at == first or (data[first] == 48 and at > first + 1):
        return -1
    if data[at] == 46:
        first = at + 1
        at = _digits(data, first)
        if at == first:
            return -1
    if data[at] | 32 == 101:
        at += 1
        if data[at] == 43 or data[at] == 45:
            at += 1
        first = at
        at = _digits(data, at)
        if at == first:
            return -1
    return at


@_compiled
def _literal(data, at):
    """Return the place behind true, false, null or a number; -1 if it is none of them."""
    if data[at] == 116:
        return at + 4 if data[at + 1] == 114 and data[at + 2] == 117 and data[at + 3] == 101 else -1
    if data[at] == 110:
        return at + 4 if data[at + 1] == 117 and data[at + 2] == 108 and data[at + 3] == 108 else -1
    if data[at] == 102:
        fits = data[at + 1] == 97 and data[at + 2] == 108 and data[at + 3] == 115 and data[at + 4] == 101
        return at + 5 if fits else -1
    return _number(data, at)


@_compiled
def _member(data, at):
    """Return the place of the value of an object's member; -1 if there is none."""
    at = _space(data, at)
    if data[at] != 34:
        return -1
    at, _ = _string(data, at + 1)
    if at < 0:
        return -1
    at = _space(data, at + 1)
    return at + 1 if data[at] == 58 else -1


@_compiled
def skip(data, at):
    """Return the place behind any JSON value; -1 if it is broken or very deep."""
    depth, objects = 0, np.int64(0)
    while True:
        at = _space(data, at)
        byte = data[at]
        if byte == 123 or byte == 91:
            inner = _space(data, at + 1)
            if data[inner] == byte + 2:
                at = inner + 1
            else:
                if depth == _DEPTH:
                    return -1
                depth += 1
                objects = objects << 1 | (byte == 123)
                at = _member(data, inner) if byte == 123 else inner
                if at < 0:
                    return -1
                continue
        elif byte == 34:
            at, _ = _string(data, at + 1)
            if at < 0:
                return -1
            at += 1
        else:
            at = _literal(data, at)
            if at < 0:
                return -1
        while depth:
            at = _space(data, at)
            byte = data[at]
            if byte == 44:
                at = _member(data, at + 1) if objects & 1 else at + 1
                break
            if byte != (125 if objects & 1 else 93):
                return -1
            depth -= 1
            objects >>= 1
            at += 1
        if at < 0 or depth == 0:
            return at


@_compiled
def _integer(data, first, last):
    """Return the number that 1 to 18 digits are; -1 if there are others."""
    if not 0 < last - first < 19:
        return np.int64(-1)
    number = np.int64(0)
    for at in range(first, last):
        if not 48 <= data[at] <= 57:
            return np.int64(-1)
        number = number * 10 + (data[at] - 48)
    return number


@_compiled
def _value(data, first):
    """Read the value of an attribute: the place behind it or -1, its form, its start and end, its number."""
    nothing = np.int64(0)
    opens = _eight(data, first)
    if opens == _TEXT_OPENS and _eight(data, first + 8) == _TEXT_GOES_ON:
        last, plain = _string(data, first + 16)
        if last >= 0 and data[last + 1] == 125:
            size = last - first - 16
            if plain and 0 < size <= 128 and data[first + 16] != 32 and data[last - 1] != 32:
                return last + 2, PLAIN, first + 16, last, nothing
            return last + 2, RAW, first, last + 2, nothing
    elif opens == _WHOLE_OPENS and _eight(data, first + 5) == _WHOLE_GOES_ON:
        last = _digits(data, first + 13)
        if data[last] == 34 and data[last + 1] == 125:
            number = _integer(data, first + 13, last)
            if number >= 0:
                return last + 2, NUMBER, first, last + 2, number
    if data[first] == 123:
        at, field, _ = _name(data, _space(data, first + 1))
        if at >= 0 and data[at] == 34 and (field == _STRING_VALUE or field == _INT_VALUE):
            last, plain = _string(data, at + 1)
            behind = _space(data, last + 1)
            if last >= 0 and plain and data[behind] == 125:
                if field == _INT_VALUE:
                    number = _integer(data, at + 1, last)
                    if number >= 0:
                        return behind + 1, NUMBER, first, behind + 1, number
                elif 0 < last - at - 1 <= 128 and data[at + 1] != 32 and data[last - 1] != 32:
                    return behind + 1, PLAIN, at + 1, last, nothing
        elif at >= 0 and field == _INT_VALUE:
            last = _digits(data, at)
            behind = _space(data, last)
            if last > at and data[behind] == 125 and (data[at] != 48 or last == at + 1):
                number = _integer(data, at, last)
                if number >= 0:
                    return behind + 1, NUMBER, first, behind + 1, number
    at = skip(data, first)
    return at, RAW, first, at, nothing


@_compiled
def _pass(data, first):
    """Return the place behind the value of an attribute that nobody wants; -1 if it is broken."""
    if _eight(data, first) == _TEXT_OPENS and _eight(data, first + 8) == _TEXT_GOES_ON:
        last, _ = _string(data, first + 16)
        if last >= 0 and data[last + 1] == 125:
            return last + 2
    return skip(data, first)


@_compiled
def _key(data, at, slots, offsets, blob, wanted):
    """Read the key of an attribute: the place behind it or -1, its number or -1, whether it names a text.

    Numbers from `wanted` on are names of texts; keys that count them go on with a dot and a number.
    """
    last, plain = _string(data, at + 1)
    if last < 0 or not plain:
        return last + 1 if last >= 0 else -1, -2, False
    number = _lookup(data, at + 1, last, slots, offsets, blob)
    if number >= 0:
        return last + 1, number if number < wanted else -1, number >= wanted
    for place in range(at + 2, last):
        if data[place] == 46 and 48 <= data[place + 1] <= 57:
            return last + 1, -1, _lookup(data, at + 1, place, slots, offsets, blob) >= wanted
    return last + 1, -1, False


@_compiled
def _id(data, at, ids, span, slot, digits):
    """Keep an id in lower case; return the place behind it, and 1 if it is one, 0 if empty, -1 if neither."""
    if data[at] != 34:
        return skip(data, at), -1
    last, _ = _string(data, at + 1)
    if last < 0:
        return -1, -1
    if last - at - 1 != digits:
        return last + 1, 0 if last == at + 1 else -1
    zeros = True
    for step in range(digits):
        byte = data[at + 1 + step]
        if 65 <= byte <= 70:
            byte |= 32
        elif not (48 <= byte <= 57 or 97 <= byte <= 102):
            return last + 1, -1
        zeros &= byte == 48
        ids[span, slot + step] = byte
    return last + 1, 0 if zeros else 1


@_compiled
def _nanoseconds(data, at):
    """Return the place behind a time, and the time, or -1 where it is not 19 digits and of this century."""
    if data[at] == 34:
        last, _ = _string(data, at + 1)
        first, behind = at + 1, last + 1
    else:
        first, last = at, skip(data, at)
        behind = last
    if last < 0:
        return -1, np.int64(-1)
    value = np.int64(0)
    for place in range(first, last):
        if not 48 <= data[place] <= 57 or last - first != 19 or data[first] > 51:
            return behind, np.int64(-1)
        value = value * 10 + (data[place] - 48)
    return behind, value if value >= 10**18 else np.int64(-1)


@_compiled
def _tells_exception(data, first, last):
    for place in range(first, last - len(_EXCEPTION) + 1):
        step = 0
        while step < len(_EXCEPTION) and data[place + step] == _EXCEPTION[step]:
            step += 1
        if step == len(_EXCEPTION):
            return True
    return False


@_compiled
def _hit(hits, hit, span, key, form, first, last, number):
    hits[hit, 0] = span
    hits[hit, 1] = key
    hits[hit, 2] = form
    hits[hit, 3] = first
    hits[hit, 4] = last
    hits[hit, 5] = number
    return hit + 1


@_compiled
def _line(data, at, slots, offsets, blob, wanted, spans, ids, groups, hits, span, hit, group):
    """Read a line; return the next span, or -1 if it is not taken, the next hit and the next group."""
    full = -1, hit, group
    if data[at] != 123:
        return full
    first_span, first_group, resource_first, resource_last = span, group, -1, -1
    level, opened, at = 1, True, at + 1
    seen = np.zeros(10, np.int64)
    doubt, trace, own, parent = False, 0, 0, 0
    key, key_first, form, first, last, number, is_text = -1, 0, RAW, 0, 0, np.int64(0), False
    while True:
        at = _space(data, at)
        if data[at] == (125 if level & 1 else 93) and (opened or data[at] != 44):
            at += 1
            opened = False
            if level == 9:
                doubt |= key == -2 or seen[9] != (1 << _KEY | 1 << _VALUE)
                if key >= 0:
                    if hit + 8 > len(hits):
                        return full
                    if form < 0:
                        _, form, first, last, number = _value(data, first)
                    hit = _hit(hits, hit, span, key, form, first, last, number)
            elif level == 7:
                row = spans[span]
                row[LAST] = at
                row[HAS_PARENT] = parent == 1
                if parent == 1:
                    step = 0
                    while step < 16 and ids[span, 32 + step] == ids[span, 48 + step]:
                        step += 1
                    doubt |= step == 16
                row[IN_DOUBT] = (
                    doubt or trace != 1 or own != 1 or parent < 0
                    or row[STARTED] < 0 or row[ENDED] < row[STARTED]
                )  # fmt: skip
                span += 1
            elif level == 5:
                group += 1
            elif level == 3:
                for place in range(first_group, group):
                    groups[place, 0], groups[place, 1] = resource_first, resource_last
                first_group = group
            elif level == 1:
                is_whole = seen[1] >> _RESOURCE_SPANS & 1 and data[_space(data, at)] == 10
                return (span, hit, group) if is_whole else full
            level -= 1
            continue
        if not opened:
            if data[at] != 44:
                return full
            at = _space(data, at + 1)
        opened = False
        if level & 1 == 0:
            if data[at] != 123:
                return full
            if level == 8 and _eight(data, at) == _KEY_OPENS:
                behind, key, is_text = _key(data, at + 7, slots, offsets, blob, wanted)
                if behind < 0:
                    return full
                if _eight(data, behind) == _VALUE_OPENS and data[behind + 8] == 58 and key != -2:
                    if key >= 0:
                        behind, form, first, last, number = _value(data, behind + 9)
                    else:
                        behind = _pass(data, behind + 9)
                    if behind < 0:
                        return full
                    if data[behind] == 125:
                        if is_text:
                            spans[span, HAS_TEXT] = 1
                        if key >= 0:
                            if hit + 8 > len(hits):
                                return full
                            hit = _hit(hits, hit, span, key, form, first, last, number)
                        at = behind + 1
                        continue
            level, opened, at = level + 1, True, at + 1
            seen[level] = 0
            if level == 9:
                key = -1
            elif level == 7:
                if span >= len(spans):
                    return full
                row = spans[span]
                row[:] = 0
                row[POSITION], row[GROUP], row[FIRST] = span - first_span, group, at - 1
                row[STARTED] = row[ENDED] = -1
                doubt, trace, own, parent = False, 0, 0, 0
            elif group + 1 >= len(groups):
                return full
            elif level == 5:
                groups[group, 2] = -1
                groups[group, 3] = -1
            else:
                resource_first = resource_last = -1
            continue
        at, field, plain = _name(data, at)
        if at < 0 or field == _OLD_SPANS or field == _OLD_SCOPE:
            return full
        if not plain or (field >= 0 and seen[level] >> field & 1):
            if level < 7:
                return full
            doubt = True
        if field >= 0:
            seen[level] |= np.int64(1) << field
        if field >= 0 and field == _CHILD[level]:
            if data[at] != 91:
                return full
            level, opened, at = level + 1, True, at + 1
            continue
        start = at
        if level == 9:
            if field == _KEY:
                if data[at] != 34:
                    return full
                at, key, is_text = _key(data, at, slots, offsets, blob, wanted)
                if is_text:
                    spans[span, HAS_TEXT] = 1
            elif field == _VALUE and key >= 0:
                at, form, first, last, number = _value(data, at)
            else:
                at = skip(data, at)
                if field == _VALUE:
                    form, first = -1, start
        elif level == 7 and field >= 0:
            row = spans[span]
            if field == _TRACE_ID:
                at, trace = _id(data, at, ids, span, 0, 32)
            elif field == _SPAN_ID:
                at, own = _id(data, at, ids, span, 32, 16)
            elif field == _PARENT_ID:
                at, parent = _id(data, at, ids, span, 48, 16)
            elif field == _START:
                at, row[STARTED] = _nanoseconds(data, at)
            elif field == _END:
                at, row[ENDED] = _nanoseconds(data, at)
            elif field == _NAME and data[at] == 34:
                stop, plain = _string(data, at + 1)
                row[NAME_FIRST], row[NAME_LAST] = at + 1, stop
                doubt |= not plain
                at = stop + 1 if stop >= 0 else -1
            else:
                at = skip(data, at)
                doubt |= field == _NAME
                if field == _EVENTS:
                    doubt |= _tells_exception(data, start, at)
                elif field == _KIND and at == start + 1 and data[start] <= 53:
                    row[KIND_CODE] = data[start] - 48
                elif at > start + 2 or field == _KIND:
                    if hit + 8 > len(hits):
                        return full
                    told = KIND if field == _KIND else STATUS if field == _STATUS else TRACE_STATE
                    if field == _KIND or field == _STATUS or field == _TRACE_STATE:
                        hit = _hit(hits, hit, span, told, RAW, start, at, 0)
        else:
            at = skip(data, at)
            if level == 5 and field == _SCOPE:
                groups[group, 2], groups[group, 3] = start, at
            elif level == 3 and field == _RESOURCE:
                resource_first, resource_last = start, at
        if at < 0:
            return full


@numba.njit(nogil=True, cache=True)
def scan(data, at, slots, offsets, blob, wanted, spans, ids, groups, hits, lines):
    """Read lines until the data ends or the room is full; return the next place, and how much was filled.

    The data must end with PADDING. A line that is not taken leaves nothing behind but its place.
    """
    span = hit = group = line = 0
    end = len(data) - 32
    while at < end and line < len(lines):
        stop = np.uint64(at)
        while data[stop] != 10:
            stop += np.uint64(1)
        next_span, next_hit, next_group = _line(
            data, at, slots, offsets, blob, wanted, spans, ids, groups, hits, span, hit, group
        )
        if next_span < 0 and span * 4 > len(spans):
            break
        lines[line, 0] = at
        lines[line, 1] = stop
        lines[line, 2] = next_span >= 0
        if next_span >= 0:
            spans[span:next_span, LINE] = line
            span, hit, group = next_span, next_hit, next_group
        line += 1
        at = np.int64(stop) + 1
    return at, span, hit, group, line
