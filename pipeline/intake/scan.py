"""One pass over lines of OTLP/JSON in machine code: where every span and every wanted attribute lies.

It takes a line only when it is sure of every byte; any other is left to the exact decoder, which knows what
to do with it. So it never refuses and never repairs: it is fast on what exporters write, and silent on the
rest. A span in doubt (an odd id, a time out of range, a key with escapes) is marked, and read again alone.
"""

import numpy as np

from pipeline.intake.blocks import PADDING
from pipeline.intake.json_scan import line_end, skip, space, string
from pipeline.intake.machine import Names, compiled, eight, entrance, inlined, one
from pipeline.intake.scan_levels import (
    S_DOUBT,
    S_FORM,
    S_GROUP_AT,
    S_GROUPS_FROM,
    S_HIT_AT,
    S_NUMBER,
    S_NUMBER_OF_KEY,
    S_OWN,
    S_PARENT,
    S_RESOURCE_AT,
    S_RESOURCE_END,
    S_SPAN_AT,
    S_SPANS_FROM,
    S_TRACE,
    S_VALUE_AT,
    S_VALUE_END,
    close_level,
    keep_value,
    open_level,
    read_value,
)
from pipeline.intake.scan_values import (
    CHILD,
    ENDED,
    F_END,
    F_EVENTS,
    F_KEY,
    F_KIND,
    F_NAME,
    F_OLD_SCOPE,
    F_OLD_SPANS,
    F_PARENT_ID,
    F_RESOURCE,
    F_RESOURCE_SPANS,
    F_SCOPE,
    F_SPAN_ID,
    F_START,
    F_STATUS,
    F_TRACE_ID,
    F_TRACE_STATE,
    F_VALUE,
    HAS_TEXT,
    KEY_OPENS,
    KIND,
    KIND_CODE,
    LINE,
    NAME_FIRST,
    NAME_LAST,
    RAW,
    STARTED,
    STATUS,
    TRACE_STATE,
    VALUE_OPENS,
    Found,
    attribute_key,
    field_name,
    identifier,
    nanoseconds,
    pass_by,
    tells_exception,
)

_PADDED = len(PADDING)
BUILT_FROM = "6e9778de"
"""Hash of machine.py, json_scan.py, scan_values.py, scan_levels.py: machine code lasts until it changes."""


@inlined
def _usual(data, at, slots, offsets, blob, wanted, spans, hits, state):
    """Read an attribute as nearly all are: the place behind it, 0 for another way, -1 if it is broken."""
    behind, key, is_text = attribute_key(data, at + 7, slots, offsets, blob, wanted)
    if behind < 0 or key == -2 or eight(data, behind) != VALUE_OPENS or one(data, behind + 8) != 58:
        return min(behind, 0)
    state[S_NUMBER_OF_KEY] = key
    behind = read_value(data, behind + 9, state) if key >= 0 else pass_by(data, behind + 9)
    if behind < 0 or one(data, behind) != 125:
        return min(behind, 0)
    if is_text:
        spans[state[S_SPAN_AT], HAS_TEXT] = 1
    return behind + 1 if key < 0 or keep_value(state, hits) else -1


@inlined
def _span_field(data, at, field, spans, ids, hits, state):
    """Read a field of a span; return the place behind it, or -1."""
    span, start = state[S_SPAN_AT], at
    row = spans[span]
    if field == F_TRACE_ID:
        at, state[S_TRACE] = identifier(data, at, ids, span, 0, 32)
    elif field == F_SPAN_ID:
        at, state[S_OWN] = identifier(data, at, ids, span, 32, 16)
    elif field == F_PARENT_ID:
        at, state[S_PARENT] = identifier(data, at, ids, span, 48, 16)
    elif field == F_START:
        at, row[STARTED] = nanoseconds(data, at)
    elif field == F_END:
        at, row[ENDED] = nanoseconds(data, at)
    elif field == F_NAME and one(data, at) == 34:
        stop, plain = string(data, at + 1)
        row[NAME_FIRST], row[NAME_LAST] = at + 1, stop
        state[S_DOUBT] |= not plain
        at = stop + 1 if stop >= 0 else -1
    else:
        at = skip(data, at)
        state[S_DOUBT] |= field == F_NAME
        if field == F_EVENTS:
            state[S_DOUBT] |= tells_exception(data, start, at)
        elif field == F_KIND and at == start + 1 and one(data, start) <= 53:
            row[KIND_CODE] = one(data, start) - 48
        elif field == F_KIND or (at > start + 2 and (field == F_STATUS or field == F_TRACE_STATE)):
            told = KIND if field == F_KIND else STATUS if field == F_STATUS else TRACE_STATE
            state[S_NUMBER_OF_KEY], state[S_FORM], state[S_NUMBER] = told, RAW, 0
            state[S_VALUE_AT], state[S_VALUE_END] = start, at
            at = at if keep_value(state, hits) else -1
    return at


@compiled
def _attribute_field(data, at, field, slots, offsets, blob, wanted, spans, state):
    """Read a field of an attribute that is written in another way; return the place behind it, or -1."""
    start = at
    if field == F_KEY:
        if one(data, at) != 34:
            return -1
        at, state[S_NUMBER_OF_KEY], is_text = attribute_key(data, at, slots, offsets, blob, wanted)
        if is_text:
            spans[state[S_SPAN_AT], HAS_TEXT] = 1
    elif field == F_VALUE and state[S_NUMBER_OF_KEY] >= 0:
        at = read_value(data, at, state)
    else:
        at = skip(data, at)
        if field == F_VALUE:
            state[S_FORM], state[S_VALUE_AT] = -1, start
    return at


@compiled
def _line(data, at, slots, offsets, blob, wanted, spans, ids, groups, hits, state, seen):
    """Read a line; return whether it is taken: whole, of the known shape, and with room for all of it."""
    if one(data, at) != 123:
        return False
    level, opened, at = 1, True, at + 1
    seen[1] = 0
    while True:
        at = space(data, at)
        if one(data, at) == (125 if level & 1 else 93):
            if not close_level(data, level, at + 1, seen[level], spans, ids, groups, hits, state):
                return False
            level, opened, at = level - 1, False, at + 1
            if level == 0:
                return (seen[1] >> F_RESOURCE_SPANS & 1) == 1 and one(data, space(data, at)) == 10
            continue
        if not opened:
            if one(data, at) != 44:
                return False
            at = space(data, at + 1)
        opened = False
        if level & 1 == 0:
            if level == 8 and eight(data, at) == KEY_OPENS:
                behind = _usual(data, at, slots, offsets, blob, wanted, spans, hits, state)
                if behind != 0:
                    if behind < 0:
                        return False
                    at = behind
                    continue
            if one(data, at) != 123 or not open_level(level + 1, at, spans, groups, state):
                return False
            level, opened, at = level + 1, True, at + 1
            seen[level] = 0
            continue
        at, field, plain = field_name(data, at)
        if at < 0 or field == F_OLD_SPANS or field == F_OLD_SCOPE:
            return False
        if not plain or (field >= 0 and seen[level] >> field & 1):
            if level < 7:
                return False
            state[S_DOUBT] = 1
        if field >= 0:
            seen[level] |= np.int64(1) << field
        if field >= 0 and field == CHILD[level]:
            if one(data, at) != 91:
                return False
            level, opened, at = level + 1, True, at + 1
        elif level == 9:
            at = _attribute_field(data, at, field, slots, offsets, blob, wanted, spans, state)
        elif level == 7 and field >= 0:
            at = _span_field(data, at, field, spans, ids, hits, state)
        else:
            start, at = at, skip(data, at)
            if level == 5 and field == F_SCOPE:
                groups[state[S_GROUP_AT], 2], groups[state[S_GROUP_AT], 3] = start, at
            elif level == 3 and field == F_RESOURCE:
                state[S_RESOURCE_AT], state[S_RESOURCE_END] = start, at
        if at < 0:
            return False


def scan(data: np.ndarray, at: int, names: Names, wanted: int, found: Found) -> tuple[int, ...]:
    """Read lines until the data ends or the room is full; return the next place, and how much was filled.

    That is how many spans, hits, groups and lines. The data must end with PADDING. A line that is not taken
    leaves nothing behind but its place.
    """
    return _scan(data, at, *names, wanted, *found, np.zeros(16, np.int64), np.zeros(10, np.int64))


@entrance
def _scan(data, at, slots, offsets, blob, wanted, spans, ids, groups, hits, lines, state, seen):
    span = hit = group = np.int64(0)
    line, end = 0, len(data) - _PADDED
    while at < end and line < len(lines):
        stop = line_end(data, at)
        state[S_SPAN_AT], state[S_HIT_AT], state[S_GROUP_AT] = span, hit, group
        state[S_SPANS_FROM], state[S_GROUPS_FROM] = span, group
        taken = _line(data, at, slots, offsets, blob, wanted, spans, ids, groups, hits, state, seen)
        if not taken and span * 4 > len(spans):
            break
        lines[line, 0], lines[line, 1], lines[line, 2] = at, stop, taken
        if taken:
            spans[span : state[S_SPAN_AT], LINE] = line
            span, hit, group = state[S_SPAN_AT], state[S_HIT_AT], state[S_GROUP_AT]
        line += 1
        at = stop + 1
    return at, span, hit, group, line
