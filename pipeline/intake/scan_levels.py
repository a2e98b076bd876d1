"""What is kept while a line of OTLP/JSON is scanned: values, and the start and end of every level.

When this file changes, change `BUILT_FROM` in scan.py too: that file's machine code holds what is here.
"""

from pipeline.intake.machine import compiled, inlined
from pipeline.intake.scan_values import (
    ENDED,
    F_KEY,
    F_VALUE,
    FIRST,
    GROUP,
    HAS_PARENT,
    IN_DOUBT,
    LAST,
    POSITION,
    STARTED,
    attribute_value,
    keep_hit,
)

(
    S_SPAN_AT, S_HIT_AT, S_GROUP_AT, S_SPANS_FROM, S_GROUPS_FROM, S_RESOURCE_AT, S_RESOURCE_END,
    S_DOUBT, S_TRACE, S_OWN, S_PARENT, S_NUMBER_OF_KEY, S_FORM, S_VALUE_AT, S_VALUE_END, S_NUMBER,
) = range(16)  # fmt: skip
"""What is known while a line is read."""


@inlined
def keep_value(state, hits):
    """Keep the value of an attribute; return false if there is no room."""
    if state[S_HIT_AT] + 8 > len(hits):
        return False
    state[S_HIT_AT] = keep_hit(
        hits, state[S_HIT_AT], state[S_SPAN_AT], state[S_NUMBER_OF_KEY],
        state[S_FORM], state[S_VALUE_AT], state[S_VALUE_END], state[S_NUMBER],
    )  # fmt: skip
    return True


@inlined
def read_value(data, at, state):
    """Read the value of an attribute; return the place behind it, or -1."""
    behind, form, first, last, number = attribute_value(data, at)
    state[S_FORM], state[S_VALUE_AT], state[S_VALUE_END], state[S_NUMBER] = form, first, last, number
    return behind


@compiled
def open_level(level, at, spans, groups, state):
    """Start an object of a level; return false if there is no room."""
    group = state[S_GROUP_AT]
    if level == 9:
        state[S_NUMBER_OF_KEY] = -1
    elif level == 7:
        span = state[S_SPAN_AT]
        if span >= len(spans):
            return False
        row = spans[span]
        row[:] = 0
        row[POSITION], row[GROUP], row[FIRST] = span - state[S_SPANS_FROM], group, at
        row[STARTED] = row[ENDED] = -1
        state[S_DOUBT : S_PARENT + 1] = 0
    elif group + 1 >= len(groups):
        return False
    elif level == 5:
        groups[group, 2] = groups[group, 3] = -1
    else:
        state[S_RESOURCE_AT] = state[S_RESOURCE_END] = -1
    return True


@compiled
def _has_span(group, spans, state):
    """Return whether the line has a span of this group or a later one.

    Without one nobody would read the scope or the resource, which the exact decoder does.
    """
    span = state[S_SPAN_AT]
    return span > state[S_SPANS_FROM] and spans[span - 1, GROUP] >= group


@compiled
def close_level(data, level, at, seen, spans, ids, groups, hits, state):
    """End an object or an array of a level; return false if there is no room."""
    if level == 9:
        state[S_DOUBT] |= state[S_NUMBER_OF_KEY] == -2 or seen != (1 << F_KEY | 1 << F_VALUE)
        if state[S_NUMBER_OF_KEY] >= 0:
            if state[S_FORM] < 0:
                read_value(data, state[S_VALUE_AT], state)
            return keep_value(state, hits)
    elif level == 7:
        span = state[S_SPAN_AT]
        row = spans[span]
        row[LAST] = at
        row[HAS_PARENT] = state[S_PARENT] == 1
        step = 0 if state[S_PARENT] == 1 else 17
        while step < 16 and ids[span, 32 + step] == ids[span, 48 + step]:
            step += 1
        row[IN_DOUBT] = (
            state[S_DOUBT] != 0 or step == 16 or state[S_TRACE] != 1 or state[S_OWN] != 1
            or state[S_PARENT] < 0 or row[STARTED] < 0 or row[ENDED] < row[STARTED]
        )  # fmt: skip
        state[S_SPAN_AT] += 1
    elif level == 5:
        if groups[state[S_GROUP_AT], 2] >= 0 and not _has_span(state[S_GROUP_AT], spans, state):
            return False
        state[S_GROUP_AT] += 1
    elif level == 3:
        if state[S_RESOURCE_AT] >= 0 and not _has_span(state[S_GROUPS_FROM], spans, state):
            return False
        for place in range(state[S_GROUPS_FROM], state[S_GROUP_AT]):
            groups[place, 0], groups[place, 1] = state[S_RESOURCE_AT], state[S_RESOURCE_END]
        state[S_GROUPS_FROM] = state[S_GROUP_AT]
    return True
