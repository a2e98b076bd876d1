"""JSON in machine code: where strings, names, numbers and whole values end, checked byte by byte.

All functions take the bytes and a place, and answer -1 where there is no such thing. The bytes end with
PADDING: a line feed stops everything, because it may stand in no value of a line.
When this file changes, change `BUILT_FROM` in scan.py too: that file's machine code holds what is here.
"""

import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

compiled: Any = numba.njit(nogil=True, cache=True, no_cpython_wrapper=True, error_model="numpy")

PADDING = b"\n" * 32
"""What has to stand behind the lines: eight bytes are looked at together."""

_DEPTH = 60
_CLASS = np.zeros(256, np.uint8)
"""Of a byte in a string: 0 printable ASCII, 1 other text, 2 what ends it, escapes, or may not be there."""
_CLASS[128:] = 1
_CLASS[[*range(32), 34, 92]] = 2


def word(text: bytes) -> np.uint64:
    """Return eight bytes as `eight` reads them."""
    return np.uint64(int.from_bytes(text, sys.byteorder))


_ONES, _HIGHS = word(b"\x01" * 8), word(b"\x80" * 8)
_SPACES, _QUOTES, _ESCAPES = word(b" " * 8), word(b'"' * 8), word(b"\\" * 8)


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


@intrinsic
def eight(context, data, at):
    """Return the eight bytes from a place on as one number."""

    def generate(target, builder, signature, arguments):
        array = target.make_array(signature.args[0])(target, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        return builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(data, types.int64), generate


@compiled
def space(data, at):
    """Return the first place that is no blank."""
    while data[at] == 32 or data[at] == 9 or data[at] == 13:
        at += 1
    return at


@compiled
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


@compiled
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


@compiled
def string(data, at):
    """Return the closing quote of a string that starts here, -1 if it is broken, and whether it is plain."""
    plain = True
    while True:
        while True:
            bits = eight(data, at)
            odd = (bits - _SPACES) | ((bits ^ _QUOTES) - _ONES) | ((bits ^ _ESCAPES) - _ONES) | bits
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


@compiled
def lookup(data, first, last, slots, offsets, blob):
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


@compiled
def digits(data, at):
    """Return the first place that is no digit."""
    while 48 <= data[at] <= 57:
        at += 1
    return at


@compiled
def _number(data, at):
    """Return the place behind a JSON number; -1 if it is none."""
    if data[at] == 45:
        at += 1
    first = at
    at = digits(data, at)
    if at == first or (data[first] == 48 and at > first + 1):
        return -1
    if data[at] == 46:
        first = at + 1
        at = digits(data, first)
        if at == first:
            return -1
    if data[at] | 32 == 101:
        at += 1
        if data[at] == 43 or data[at] == 45:
            at += 1
        first = at
        at = digits(data, at)
        if at == first:
            return -1
    return at


@compiled
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


@compiled
def _member(data, at):
    """Return the place of the value of an object's member; -1 if there is none."""
    at = space(data, at)
    if data[at] != 34:
        return -1
    at, _ = string(data, at + 1)
    if at < 0:
        return -1
    at = space(data, at + 1)
    return at + 1 if data[at] == 58 else -1


@compiled
def skip(data, at):
    """Return the place behind any JSON value; -1 if it is broken or very deep."""
    depth, objects = 0, np.int64(0)
    while True:
        at = space(data, at)
        byte = data[at]
        if byte == 123 or byte == 91:
            inner = space(data, at + 1)
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
            at, _ = string(data, at + 1)
            if at < 0:
                return -1
            at += 1
        else:
            at = _literal(data, at)
            if at < 0:
                return -1
        while depth:
            at = space(data, at)
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


@compiled
def integer(data, first, last):
    """Return the number that 1 to 18 digits are; -1 if there are others."""
    if not 0 < last - first < 19:
        return np.int64(-1)
    number = np.int64(0)
    for at in range(first, last):
        if not 48 <= data[at] <= 57:
            return np.int64(-1)
        number = number * 10 + (data[at] - 48)
    return number
