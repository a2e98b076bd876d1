"""Texts that lie scattered in a block, brought together as one column."""

from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.intake.machine import eight, entrance, put_eight

_WORD = 8
"""Bytes are copied by eight: what is too much is written over by the next row, or lies behind the last."""


@entrance
def _copy(data, notes, first, last, offsets, out):
    size = len(data)
    for row in range(len(first)):
        place, start = offsets[row], first[row]
        if start >= size:
            for step in range(0, last[row] - start, 8):
                put_eight(out, place + step, eight(notes, start - size + step))
        elif start >= 0:
            for step in range(0, last[row] - start, 8):
                put_eight(out, place + step, eight(data, start + step))


def gathered(data: np.ndarray, notes: Any, first: np.ndarray, last: np.ndarray) -> pa.Array:
    """Return the bytes from first to last by row, null where first is -1. Behind the data lie the notes.

    Data must end with PADDING.
    """
    rows = len(first)
    offsets = np.zeros(rows + 1, np.int64)
    np.cumsum(last - first, out=offsets[1:])
    out = np.empty(int(offsets[-1]) + _WORD, np.uint8)
    _copy(data, np.frombuffer(bytes(notes or b"") + bytes(_WORD), np.uint8), first, last, offsets, out)
    valid = first >= 0
    bits = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(pa.large_binary(), rows, [bits, pa.py_buffer(offsets), pa.py_buffer(out)])
