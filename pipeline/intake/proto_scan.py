"""One pass over messages of OTLP in protobuf in machine code: where every span and every attribute lies.

As with lines of JSON (scan.py), a message is taken only where every field around its spans is sure; any other
is left to the exact decoder. A span in doubt (an odd id, a time out of range, a field written twice, a name
that is not ASCII) is marked, and read again alone. Fields: opentelemetry-proto, trace/v1/trace.proto.
"""

import numpy as np

from pipeline.intake.machine import Names, compiled, entrance, inlined, one
from pipeline.intake.proto_fields import (
    BYTES,
    FIXED64,
    VARINT,
    any_value,
    fixed64,
    identifier,
    is_ascii,
    key_number,
    next_field,
    sized,
)
from pipeline.intake.scan_values import (
    ENDED,
    FIRST,
    GROUP,
    HAS_PARENT,
    HAS_TEXT,
    IN_DOUBT,
    KIND_CODE,
    LAST,
    LINE,
    NAME_FIRST,
    NAME_LAST,
    POSITION,
    RAW,
    STARTED,
    STATUS,
    TRACE_STATE,
    Found,
    keep_hit,
    tells_exception,
)

BUILT_FROM = "f2b98c9a"
"""Hash of machine.py, json_scan.py, scan_values.py and proto_fields.py, as in scan.py."""

_EARLIEST, _LATEST = np.uint64(946_684_800 * 10**9), np.uint64(4_102_444_800 * 10**9)
"""2000-01-01 and 2100-01-01, as in span_fields.py."""

(
    _S_TRACE_ID, _S_SPAN_ID, _S_TRACE_STATE, _S_PARENT_ID, _S_NAME, _S_KIND, _S_START, _S_END, _S_ATTRIBUTES,
) = range(1, 10)  # fmt: skip
_S_EVENTS, _S_STATUS = 11, 15
_KINDS = np.full(16, -1, np.int64)
_KINDS[[_S_TRACE_ID, _S_SPAN_ID, _S_TRACE_STATE, _S_PARENT_ID, _S_NAME]] = BYTES
_KINDS[[_S_ATTRIBUTES, _S_EVENTS, _S_STATUS]] = BYTES
_KINDS[[_S_START, _S_END]], _KINDS[_S_KIND] = FIXED64, VARINT
_OFTEN = 1 << _S_ATTRIBUTES | 1 << _S_EVENTS

_SPAN_AT, _HIT_AT, _GROUP_AT, _SPANS_FROM, _FULL, _DOUBT, _TRACE, _OWN, _PARENT, _LOOKS = range(10)
"""What is known while a message is read; _LOOKS has a bit for each field that makes a span look like one."""


@inlined
def _keep(hits, state, key, form, first, last, number):
    if state[_HIT_AT] >= len(hits):
        state[_FULL] = 1
        return False
    state[_HIT_AT] = keep_hit(hits, state[_HIT_AT], state[_SPAN_AT], key, form, first, last, number)
    return True


@inlined
def _attribute(data, at, end, slots, offsets, blob, wanted, spans, hits, state):
    """Read an attribute: its key, then its value, and nothing else. Return false if there is no room."""
    if at == end:
        return True
    key, stop = (sized(data, at + 1, end)) if one(data, at) == 10 else (np.int64(-1), np.int64(-1))
    if key < 0:
        state[_DOUBT] = 1
        return True
    number, is_text = key_number(data, key, stop, slots, offsets, blob, wanted)
    if stop == end and number > -2:
        return True
    first, last = (sized(data, stop + 1, end)) if one(data, stop) == 18 else (np.int64(-1), np.int64(-1))
    if last != end or number == -2:
        state[_DOUBT] = 1
        return True
    if is_text:
        spans[state[_SPAN_AT], HAS_TEXT] = 1
    if number < 0:
        return True
    form, first, last, value = any_value(data, first, last)
    return _keep(hits, state, number, form, first, last, value)


@compiled
def _status(data, at, end, hits, state):
    """Keep the byte that is the code of a status, where it is one. Return false if there is no room."""
    code = np.int64(-1)
    while at < end:
        at, field, kind, first = next_field(data, at, end)
        if at < 0:
            state[_DOUBT] = 1
            return True
        if field == 3:
            state[_DOUBT] |= kind != VARINT or code >= 0 or one(data, first) >= 128
            code = first
    return code < 0 or state[_DOUBT] != 0 or _keep(hits, state, STATUS, RAW, code, code + 1, 0)


@inlined
def _bytes_field(data, field, first, last, row, ids, hits, state):
    """Read a field of bytes of a span. Return false if there is no room."""
    span = state[_SPAN_AT]
    if field == _S_TRACE_ID:
        state[_TRACE] = identifier(data, first, last, ids, span, 0, 16)
        state[_LOOKS] |= (last - first == 16) << 1
    elif field == _S_SPAN_ID:
        state[_OWN] = identifier(data, first, last, ids, span, 32, 8)
        state[_LOOKS] |= (last - first == 8) << 2
    elif field == _S_PARENT_ID:
        state[_PARENT] = identifier(data, first, last, ids, span, 48, 8)
    elif field == _S_NAME:
        row[NAME_FIRST], row[NAME_LAST] = first, last
        state[_DOUBT] |= not is_ascii(data, first, last)
    elif field == _S_EVENTS:
        state[_DOUBT] |= tells_exception(data, first, last)
    elif field == _S_STATUS:
        return _status(data, first, last, hits, state)
    elif field == _S_TRACE_STATE and last > first:
        return _keep(hits, state, TRACE_STATE, RAW, first, last, 0)
    return True


@inlined
def _number_field(data, at, field, row, state):
    """Read a time or the kind of a span, which both fit."""
    if field == _S_KIND:
        state[_DOUBT] |= one(data, at) >= 128
        row[KIND_CODE] = one(data, at) if one(data, at) <= 5 else 0
        return
    time = fixed64(data, at)
    state[_LOOKS] |= time != 0
    if _EARLIEST <= time < _LATEST:
        row[STARTED if field == _S_START else ENDED] = np.int64(time)


@compiled
def _span(data, at, end, slots, offsets, blob, wanted, spans, ids, hits, state):
    """Read a span: whether it looks like one, -1 if it is broken or there is no room."""
    span, seen, is_odd = state[_SPAN_AT], np.int64(0), False
    if span >= len(spans):
        state[_FULL] = 1
        return -1
    row = spans[span]
    row[:] = 0
    row[POSITION], row[GROUP], row[FIRST], row[LAST] = span - state[_SPANS_FROM], state[_GROUP_AT], at, end
    row[STARTED] = row[ENDED] = -1
    state[_DOUBT:] = 0
    while at < end:
        behind, field, kind, first = next_field(data, at, end)
        if behind < 0:
            return -1
        at = behind
        if field > 15 or _KINDS[field] < 0:
            continue
        if kind != _KINDS[field] or seen & ~_OFTEN & 1 << field:
            is_odd = True
            continue
        seen |= 1 << field
        if kind != BYTES:
            _number_field(data, first, field, row, state)
            continue
        if field == _S_ATTRIBUTES:
            fits = _attribute(data, first, at, slots, offsets, blob, wanted, spans, hits, state)
        else:
            fits = _bytes_field(data, field, first, at, row, ids, hits, state)
        if not fits:
            return -1
    row[HAS_PARENT] = state[_PARENT] == 1
    step = 0 if state[_PARENT] == 1 else 17
    while step < 16 and ids[span, 32 + step] == ids[span, 48 + step]:
        step += 1
    row[IN_DOUBT] = (
        is_odd or state[_DOUBT] != 0 or step == 16 or state[_TRACE] != 1 or state[_OWN] != 1
        or state[_PARENT] < 0 or row[STARTED] < 0 or row[ENDED] < row[STARTED]
    )  # fmt: skip
    state[_SPAN_AT] += 1
    return 1 if not is_odd and (state[_LOOKS] & 1 or state[_LOOKS] == 6) else 0


@compiled
def _scope_spans(data, at, end, slots, offsets, blob, wanted, spans, ids, groups, hits, state):
    """Read the spans of a scope: whether any looks like one, -1 if they are broken or there is no room."""
    group, span, any_looks = state[_GROUP_AT], state[_SPAN_AT], 0
    if group >= len(groups):
        state[_FULL] = 1
        return -1
    groups[group, 2] = groups[group, 3] = -1
    while at < end:
        behind, field, kind, first = next_field(data, at, end)
        is_known = field == 1 or field == 2
        if behind < 0 or (is_known and kind != BYTES) or (field == 1 and groups[group, 2] >= 0):
            return -1
        at = behind
        if not is_known:
            continue
        if field == 1:
            groups[group, 2], groups[group, 3] = first, at
        else:
            looks = _span(data, first, at, slots, offsets, blob, wanted, spans, ids, hits, state)
            if looks < 0:
                return -1
            any_looks |= looks
    if groups[group, 2] >= 0 and state[_SPAN_AT] == span:
        return -1  # nobody would read that scope
    state[_GROUP_AT] += 1
    return any_looks


@compiled
def _resource_spans(data, at, end, slots, offsets, blob, wanted, spans, ids, groups, hits, state):
    """Read the spans of a resource; return false if it is not taken, or there is no room."""
    group, span, resource, resource_end, any_looks = state[_GROUP_AT], state[_SPAN_AT], -1, -1, 0
    while at < end:
        behind, field, kind, first = next_field(data, at, end)
        is_known = field == 1 or field == 2
        if behind < 0 or (is_known and kind != BYTES) or (field == 1 and resource >= 0) or field == 1000:
            return False
        at = behind
        if not is_known:
            continue
        if field == 1:
            resource, resource_end = first, at
        else:
            looks = _scope_spans(
                data, first, at, slots, offsets, blob, wanted, spans, ids, groups, hits, state
            )
            if looks < 0:
                return False
            any_looks |= looks
    groups[group : state[_GROUP_AT], 0] = resource
    groups[group : state[_GROUP_AT], 1] = resource_end
    return any_looks == 1 or (state[_SPAN_AT] == span and resource < 0)


@compiled
def _request(data, at, end, slots, offsets, blob, wanted, spans, ids, groups, hits, state):
    """Read a request; return false if it is not taken, or there is no room."""
    while at < end:
        behind, field, kind, first = next_field(data, at, end)
        if behind < 0 or (field == 1 and kind != BYTES):
            return False
        at = behind
        if field == 1 and not _resource_spans(
            data, first, at, slots, offsets, blob, wanted, spans, ids, groups, hits, state
        ):
            return False
    return True


def scan(
    data: np.ndarray, line: int, is_request: bool, names: Names, wanted: int, found: Found
) -> tuple[int, int, int, int]:
    """Read messages until there are no more or the room is full; return the next, and how much was filled.

    That is how many spans, hits and groups. `found.lines` says where messages lie, and is told which were
    taken; those with a 0 there are not even looked at. The data must end with PADDING. A message that is not
    taken leaves nothing behind.
    """
    return _scan(data, line, is_request, *names, wanted, *found, np.zeros(10, np.int64))


@entrance
def _scan(data, line, is_request, slots, offsets, blob, wanted, spans, ids, groups, hits, lines, state):
    span = hit = group = np.int64(0)
    while line < len(lines):
        at, end = lines[line, 0], lines[line, 1]
        if lines[line, 2]:
            state[_SPAN_AT], state[_HIT_AT], state[_GROUP_AT] = span, hit, group
            state[_SPANS_FROM], state[_FULL] = span, 0
            if is_request:
                taken = _request(data, at, end, slots, offsets, blob, wanted, spans, ids, groups, hits, state)
            else:
                taken = _resource_spans(
                    data, at, end, slots, offsets, blob, wanted, spans, ids, groups, hits, state
                )
            if state[_FULL] and span:
                break
            lines[line, 2] = taken
            if taken:
                spans[span : state[_SPAN_AT], LINE] = line
                span, hit, group = state[_SPAN_AT], state[_HIT_AT], state[_GROUP_AT]
        line += 1
    return line, span, hit, group
