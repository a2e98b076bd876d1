"""JSON in machine code: where strings, names, numbers and whole values end, checked byte by byte.

All functions take the bytes and a place, and answer -1 where there is no such thing. The bytes end with
PADDING: a line feed stops everything, because it may stand in no value of a line.
When this file changes, change `BUILT_FROM` in scan.py too: that file's machine code holds what is here.
"""

import numpy as np

from pipeline.intake.machine import compiled, eight, one, word

_DEPTH = 60
_CLASS = np.zeros(256, np.uint8)
"""Of a byte in a string: 0 printable ASCII, 1 other text, 2 what ends it, escapes, or may not be there."""
_CLASS[128:] = 1
_CLASS[[*range(32), 34, 92]] = 2


_ONES, _HIGHS = word(b"\x01" * 8), word(b"\x80" * 8)
_SPACES, _QUOTES, _ESCAPES, _FEEDS = (word(byte * 8) for byte in (b" ", b'"', b"\\", b"\n"))


@compiled
def line_end(data, at):
    """Return the place of the next line feed."""
    while True:
        bits = eight(data, at) ^ _FEEDS
        if (bits - _ONES) & ~bits & _HIGHS != 0:
            break
        at += 8
    while one(data, at) != 10:
        at += 1
    return at


@compiled
def space(data, at):
    """Return the first place that is no blank."""
    while one(data, at) == 32 or one(data, at) == 9 or one(data, at) == 13:
        at += 1
    return at


@compiled
def _hex4(data, at):
    value = 0
    for place in range(at, at + 4):
        byte = one(data, place)
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
    byte = one(data, at + 1)
    if byte != 117:
        known = byte in (34, 92, 47, 98, 102, 110, 114, 116)
        return at + 2 if known else -1
    code = _hex4(data, at + 2)
    if code < 0 or 0xDC00 <= code <= 0xDFFF:
        return -1
    if not 0xD800 <= code <= 0xDBFF:
        return at + 6
    is_pair = one(data, at + 6) == 92 and one(data, at + 7) == 117 and 0xDC00 <= _hex4(data, at + 8) <= 0xDFFF
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
        kind = _CLASS[one(data, at)]
        while kind == 0:
            at += 1
            kind = _CLASS[one(data, at)]
        if one(data, at) == 34:
            return at, plain
        plain = False
        if kind == 1:
            at += 1
            continue
        at = _escape(data, at) if one(data, at) == 92 else -1
        if at < 0:
            return -1, False


@compiled
def digits(data, at):
    """Return the first place that is no digit."""
    while 48 <= one(data, at) <= 57:
        at += 1
    return at


@compiled
def _number(data, at):
    """Return the place behind a JSON number; -1 if it is none."""
    if one(data, at) == 45:
        at += 1
    first = at
    at = digits(data, at)
    if at == first or (one(data, first) == 48 and at > first + 1):
        return -1
    if one(data, at) == 46:
        first = at + 1
        at = digits(data, first)
        if at == first:
            return -1
    if one(data, at) | 32 == 101:
        at += 1
        if one(data, at) == 43 or one(data, at) == 45:
            at += 1
        first = at
        at = digits(data, at)
        if at == first:
            return -1
    return at


@compiled
def _goes_on(data, at, second, third, fourth):
    """Return whether three bytes stand behind the first of a word."""
    return one(data, at + 1) == second and one(data, at + 2) == third and one(data, at + 3) == fourth


@compiled
def _literal(data, at):
    """Return the place behind true, false, null or a number; -1 if it is none of them."""
    first = one(data, at)
    if first == 116:
        return at + 4 if _goes_on(data, at, 114, 117, 101) else -1
    if first == 110:
        return at + 4 if _goes_on(data, at, 117, 108, 108) else -1
    if first == 102:
        return at + 5 if _goes_on(data, at, 97, 108, 115) and one(data, at + 4) == 101 else -1
    return _number(data, at)


@compiled
def _member(data, at):
    """Return the place of the value of an object's member; -1 if there is none."""
    at = space(data, at)
    if one(data, at) != 34:
        return -1
    at, _ = string(data, at + 1)
    if at < 0:
        return -1
    at = space(data, at + 1)
    return at + 1 if one(data, at) == 58 else -1


@compiled
def skip(data, at):
    """Return the place behind any JSON value; -1 if it is broken or very deep."""
    depth, objects = 0, np.int64(0)
    while True:
        at = space(data, at)
        byte = one(data, at)
        if byte == 123 or byte == 91:
            inner = space(data, at + 1)
            if one(data, inner) == byte + 2:
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
            byte = one(data, at)
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
        if not 48 <= one(data, at) <= 57:
            return np.int64(-1)
        number = number * 10 + (one(data, at) - 48)
    return number
