"""Dumps of ten million spans, quickly: one block of lines over and over, with new ids and times each time."""

import re
from pathlib import Path

import numpy as np

from assets.bench_data import lines, mix

_ID = re.compile(rb'(?:Id":"|chatcmpl-|"session.id","value":\{"stringValue":")([0-9a-f]{16,32})"')
_TIME = re.compile(rb'UnixNano":"(\d{19})"')
_DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)
_POWERS = 10 ** np.arange(9, -1, -1, dtype=np.uint32)
_SPANS_A_SECOND = 1000


def write_blocks(path: Path, spans: int, block: int) -> int:
    """Write so many spans like those of `write_dump`, made `block` at a time; return the bytes.

    Ids of a block are those of the first with other digits, so that parents stay parents; its times follow.
    """
    whole, rest = divmod(spans, block)
    with path.open("wb") as file:
        size = 0
        for count, numbers in ((block, range(whole)), (rest, range(whole, whole + bool(rest)))):
            made = _Block(count) if numbers else None
            size += sum(file.write(made.renewed(number, block)) for number in numbers if made)
    return size


class _Block:
    """Lines, and the places of what changes: eight digits of each half of an id, and the seconds of times."""

    def __init__(self, spans: int) -> None:
        text = b"".join(lines(spans))
        self._bytes = np.frombuffer(text, np.uint8).copy()
        halves = [at for found in _ID.finditer(text) for at in range(*found.span(1), 16)]
        self._ids = np.array(halves)[:, None] + np.arange(8)
        self._given = np.searchsorted(_DIGITS, self._bytes[self._ids]).astype(np.uint8)
        self._times = np.array([found.start(1) for found in _TIME.finditer(text)])[:, None] + np.arange(10)
        self._seconds = (self._bytes[self._times] - np.uint8(ord("0"))).astype(np.uint32) @ _POWERS

    def renewed(self, number: int, block: int) -> memoryview:
        """Return the lines of the block of this number, until the next is asked for."""
        other = [mix(number) >> 4 * place & 15 for place in range(8)] if number else [0] * 8
        self._bytes[self._ids] = _DIGITS[self._given ^ np.array(other, np.uint8)]
        seconds = self._seconds + np.uint32(number * -(-block // _SPANS_A_SECOND))
        self._bytes[self._times] = seconds[:, None] // _POWERS % np.uint32(10) + np.uint32(ord("0"))
        return self._bytes.data
