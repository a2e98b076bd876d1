"""Fields and attributes of OTLP/JSON in machine code: which one it is, and in what form its value lies there.

When this file changes, change `BUILT_FROM` in scan.py too: that file's machine code holds what is here.
"""

from typing import NamedTuple

import numpy as np

from pipeline.intake.json_scan import digits, integer, skip, space, string
from pipeline.intake.machine import compiled, eight, inlined, lookup, names_of, one, word

FIELDS = (
    "resourceSpans", "resource", "scopeSpans", "scope", "spans", "instrumentationLibrarySpans",
    "instrumentationLibrary", "traceId", "spanId", "parentSpanId", "traceState", "name", "kind",
    "startTimeUnixNano", "endTimeUnixNano", "attributes", "events", "status", "key", "value",
    "stringValue", "intValue",
)  # fmt: skip
(
    F_RESOURCE_SPANS, F_RESOURCE, F_SCOPE_SPANS, F_SCOPE, F_SPANS, F_OLD_SPANS,
    F_OLD_SCOPE, F_TRACE_ID, F_SPAN_ID, F_PARENT_ID, F_TRACE_STATE, F_NAME, F_KIND,
    F_START, F_END, F_ATTRIBUTES, F_EVENTS, F_STATUS, F_KEY, F_VALUE,
    F_STRING_VALUE, F_INT_VALUE,
) = range(len(FIELDS))  # fmt: skip

CHILD = (-1, F_RESOURCE_SPANS, -1, F_SCOPE_SPANS, -1, F_SPANS, -1, F_ATTRIBUTES, -1, -1)
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

EXCEPTION = np.frombuffer(b"exception.type", np.uint8)
KEY_OPENS, VALUE_OPENS = word(b'{"key":"'), word(b',"value"')
_TEXT_OPENS, _TEXT_GOES_ON = word(b'{"string'), word(b'Value":"')
_WHOLE_OPENS, _WHOLE_GOES_ON = word(b'{"intVal'), word(b'Value":"')
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


@compiled
def field_name(data, at):
    """Read `"name":` -> place of the value or -1, number of the field or -1, whether it is plain ASCII."""
    if one(data, at) != 34:
        return -1, -1, False
    last, plain = string(data, at + 1)
    if last < 0:
        return -1, -1, False
    field = lookup(data, at + 1, last, _SLOTS, _OFFSETS, _BLOB) if plain else -1
    at = space(data, last + 1)
    return (space(data, at + 1), field, plain) if one(data, at) == 58 else (-1, -1, False)


@inlined
def attribute_value(data, first):
    """Read the value of an attribute: the place behind it or -1, its form, its start and end, its number."""
    nothing = np.int64(0)
    opens = eight(data, first)
    if opens == _TEXT_OPENS and eight(data, first + 8) == _TEXT_GOES_ON:
        last, plain = string(data, first + 16)
        if last >= 0 and one(data, last + 1) == 125:
            size = last - first - 16
            if plain and 0 < size <= 128 and one(data, first + 16) != 32 and one(data, last - 1) != 32:
                return last + 2, PLAIN, first + 16, last, nothing
            return last + 2, RAW, first, last + 2, nothing
    elif opens == _WHOLE_OPENS and eight(data, first + 5) == _WHOLE_GOES_ON:
        last = digits(data, first + 13)
        if one(data, last) == 34 and one(data, last + 1) == 125:
            number = integer(data, first + 13, last)
            if number >= 0:
                return last + 2, NUMBER, first, last + 2, number
    if one(data, first) == 123:
        at, field, _ = field_name(data, space(data, first + 1))
        if at >= 0 and one(data, at) == 34 and (field == F_STRING_VALUE or field == F_INT_VALUE):
            last, plain = string(data, at + 1)
            behind = space(data, last + 1)
            if last >= 0 and plain and one(data, behind) == 125:
                if field == F_INT_VALUE:
                    number = integer(data, at + 1, last)
                    if number >= 0:
                        return behind + 1, NUMBER, first, behind + 1, number
                elif 0 < last - at - 1 <= 128 and one(data, at + 1) != 32 and one(data, last - 1) != 32:
                    return behind + 1, PLAIN, at + 1, last, nothing
        elif at >= 0 and field == F_INT_VALUE:
            last = digits(data, at)
            behind = space(data, last)
            if last > at and one(data, behind) == 125 and (one(data, at) != 48 or last == at + 1):
                number = integer(data, at, last)
                if number >= 0:
                    return behind + 1, NUMBER, first, behind + 1, number
    at = skip(data, first)
    return at, RAW, first, at, nothing


@inlined
def pass_by(data, first):
    """Return the place behind the value of an attribute that nobody wants; -1 if it is broken."""
    if eight(data, first) == _TEXT_OPENS and eight(data, first + 8) == _TEXT_GOES_ON:
        last, _ = string(data, first + 16)
        if last >= 0 and one(data, last + 1) == 125:
            return last + 2
    return skip(data, first)


@inlined
def attribute_key(data, at, slots, offsets, blob, wanted):
    """Read the key of an attribute: the place behind it or -1, its number or -1, whether it names a text.

    Numbers from `wanted` on are names of texts; keys that count them go on with a dot and a number.
    """
    last, plain = string(data, at + 1)
    if last < 0 or not plain:
        return last + 1 if last >= 0 else -1, -2, False
    number = lookup(data, at + 1, last, slots, offsets, blob)
    if number >= 0:
        return last + 1, number if number < wanted else -1, number >= wanted
    for place in range(at + 2, last):
        if one(data, place) == 46 and 48 <= one(data, place + 1) <= 57:
            return last + 1, -1, lookup(data, at + 1, place, slots, offsets, blob) >= wanted
    return last + 1, -1, False


@compiled
def identifier(data, at, ids, span, slot, digits):
    """Keep an id in lower case; return the place behind it, and 1 if it is one, 0 if empty, -1 if neither."""
    if one(data, at) != 34:
        return skip(data, at), -1
    last, _ = string(data, at + 1)
    if last < 0:
        return -1, -1
    if last - at - 1 != digits:
        return last + 1, 0 if last == at + 1 else -1
    zeros = True
    for step in range(digits):
        byte = one(data, at + 1 + step)
        if 65 <= byte <= 70:
            byte |= 32
        elif not (48 <= byte <= 57 or 97 <= byte <= 102):
            return last + 1, -1
        zeros &= byte == 48
        ids[span, slot + step] = byte
    return last + 1, 0 if zeros else 1


@compiled
def nanoseconds(data, at):
    """Return the place behind a time, and the time, or -1 where it is not 19 digits and of this century."""
    if one(data, at) == 34:
        last, _ = string(data, at + 1)
        first, behind = at + 1, last + 1
    else:
        first, last = at, skip(data, at)
        behind = last
    if last < 0:
        return -1, np.int64(-1)
    value = np.int64(0)
    for place in range(first, last):
        if not 48 <= one(data, place) <= 57 or last - first != 19 or one(data, first) > 51:
            return behind, np.int64(-1)
        value = value * 10 + (one(data, place) - 48)
    return behind, value if value >= 10**18 else np.int64(-1)


@compiled
def tells_exception(data, first, last):
    """Return whether some bytes name the type of an exception."""
    for place in range(first, last - len(EXCEPTION) + 1):
        step = 0
        while step < len(EXCEPTION) and one(data, place + step) == EXCEPTION[step]:
            step += 1
        if step == len(EXCEPTION):
            return True
    return False


@inlined
def keep_hit(hits, hit, span, key, form, first, last, number):
    """Note a wanted value; return the place of the next one."""
    hits[hit, 0] = span
    hits[hit, 1] = key
    hits[hit, 2] = form
    hits[hit, 3] = first
    hits[hit, 4] = last
    hits[hit, 5] = number
    return hit + 1
