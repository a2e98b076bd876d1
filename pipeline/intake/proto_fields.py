"""Protobuf in machine code: tags, lengths, numbers and ids, each held to the end of what it lies in.

All functions take the bytes, a place, and where the message around it ends; they answer -1 where there is no
such thing, or where writers never write it so. The bytes end with PADDING, which belongs to no message.
When this file changes, change `BUILT_FROM` in proto_scan.py too: that file's machine code holds what is here.
Format: protobuf.dev, "Encoding".
"""

import numpy as np

from pipeline.intake.machine import compiled, eight, inlined, lookup, one, word
from pipeline.intake.scan_values import NUMBER, PLAIN, RAW

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Kinds of fields; the others, groups, are left to the exact decoder."""

_SPACES, _HIGHS = word(b" " * 8), word(b"\x80" * 8)
_ZEROS, _ABOVE_NINE = word(b"0" * 8), word(b"\x76" * 8)
_MOST = 10**18


@inlined
def varint(data, at, end, most):
    """Read a number of at most so many bytes: the place behind it or -1, the number."""
    value = np.int64(0)
    for step in range(most):
        if at >= end:
            break
        byte = one(data, at)
        at += 1
        value |= (byte & 127) << (7 * step)
        if byte < 128:
            return at, value
    return np.int64(-1), np.int64(0)


@inlined
def tag(data, at, end):
    """Read a tag in its shortest form: the place behind it or -1, the number of the field, its kind."""
    if one(data, at) < 128:
        return (
            (at + 1 if one(data, at) >= 8 else np.int64(-1)),
            np.int64(one(data, at) >> 3),
            np.int64(one(data, at) & 7),
        )
    behind, value = varint(data, at, end, 4)
    if behind < 0 or one(data, behind - 1) == 0:
        return np.int64(-1), np.int64(0), np.int64(0)
    return behind, value >> 3, value & 7


@inlined
def sized(data, at, end):
    """Read a length: where the bytes that have it start and end, -1 if it is broken or too large."""
    first, size = varint(data, at, end, 4)
    if first < 0 or size > end - first:
        return np.int64(-1), np.int64(-1)
    return first, first + size


@inlined
def next_field(data, at, end):
    """Read a field: the place behind it or -1, its number, its kind, and where its value starts.

    A value of bytes starts behind its length. A group is not read.
    """
    first, field, kind = tag(data, at, end)
    if first < 0:
        return np.int64(-1), field, kind, first
    if kind == BYTES:
        first, behind = sized(data, first, end)
    elif kind == VARINT:
        behind = _behind_varint(data, first, end)
    else:
        size = 8 if kind == FIXED64 else 4
        is_fixed = kind == FIXED64 or kind == FIXED32
        behind = first + size if is_fixed and end - first >= size else np.int64(-1)
    return behind, field, kind, first


@inlined
def _behind_varint(data, at, end):
    """Return the place behind a number of any size; the tenth byte of a negative one is 1."""
    for step in range(10):
        if at + step >= end:
            break
        if one(data, at + step) < 128:
            return at + step + 1 if step < 9 or one(data, at + step) <= 1 else np.int64(-1)
    return np.int64(-1)


@compiled
def is_ascii(data, first, last):
    """Return whether all bytes are ASCII."""
    while last - first >= 8:
        if eight(data, first) & _HIGHS != 0:
            return False
        first += 8
    for place in range(first, last):
        if one(data, place) >= 128:
            return False
    return True


@inlined
def _key_form(data, first, last):
    """Return 1 for a key of ASCII in which digits are, 0 if there are none, -1 for any other."""
    digits = False
    while last - first >= 8:
        bits = eight(data, first)
        if bits & _HIGHS != 0:
            return -1
        digits |= ((bits ^ _ZEROS) + _ABOVE_NINE) & _HIGHS != _HIGHS
        first += 8
    for place in range(first, last):
        if one(data, place) >= 128:
            return -1
        digits |= 48 <= one(data, place) <= 57
    return 1 if digits else 0


@inlined
def is_printable(data, first, last):
    """Return whether all bytes are ASCII and no control characters."""
    while last - first >= 8:
        bits = eight(data, first)
        if ((bits - _SPACES) | bits) & _HIGHS != 0:
            return False
        first += 8
    for place in range(first, last):
        if not 32 <= one(data, place) < 128:
            return False
    return True


@inlined
def any_value(data, first, last):
    """Return the form of an AnyValue, its start and end, its number."""
    nothing = np.int64(0)
    if last - first >= 2 and one(data, first) == 10:
        start, stop = sized(data, first + 1, last)
        is_short = stop == last and 0 < last - start <= 128
        if (
            is_short
            and one(data, start) != 32
            and one(data, last - 1) != 32
            and is_printable(data, start, last)
        ):
            return PLAIN, start, last, nothing
    elif last - first >= 2 and one(data, first) == 24:
        behind, number = varint(data, first + 1, last, 9)
        if behind == last and number < _MOST:
            return NUMBER, first, last, number
    return RAW, first, last, nothing


@inlined
def key_number(data, first, last, slots, offsets, blob, wanted):
    """Return the number of a key or -1, and whether it names a text; see `scan_values.attribute_key`.

    The number is -2 if the key is not ASCII.
    """
    form = _key_form(data, first, last)
    if form < 0:
        return -2, False
    number = lookup(data, first, last, slots, offsets, blob)
    if number >= 0:
        return (number if number < wanted else -1), number >= wanted
    for place in range(first + 1, last - 1 if form == 1 else first):
        if one(data, place) == 46 and 48 <= one(data, place + 1) <= 57:
            return -1, lookup(data, first, place, slots, offsets, blob) >= wanted
    return -1, False


@compiled
def identifier(data, first, last, ids, span, slot, size):
    """Keep an id as lower-case hex; return 1 if it is one, 0 if it is empty or zeros, -1 if neither."""
    if last - first != size:
        return 0 if last == first else -1
    bits = np.uint64(0)
    for step in range(0, size, 8):
        bits |= eight(data, first + step)
    for step in range(size):
        byte = one(data, first + step)
        high, low = byte >> 4, byte & 15
        ids[span, slot + 2 * step] = high + 48 + 39 * (high > 9)
        ids[span, slot + 2 * step + 1] = low + 48 + 39 * (low > 9)
    return 1 if bits else 0


@compiled
def fixed64(data, at):
    """Return eight bytes as the number that they are."""
    value = np.uint64(0)
    for step in range(8):
        value |= np.uint64(one(data, at + step)) << np.uint64(8 * step)
    return value
