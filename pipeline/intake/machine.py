"""What the scans of dumps are made of: how they are compiled, how bytes are read, how names are found.

Every function takes the bytes and a place in them. No place is checked: data end with the PADDING of
blocks.py, and whoever reads stops there.
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

_OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "_nrt": False}
"""Without reference counts: nothing is allocated there, and to count at calls took a quarter of the time."""

_njit: Any = numba.njit
compiled = _njit(**_OPTIONS, no_cpython_wrapper=True)
inlined = _njit(**_OPTIONS, no_cpython_wrapper=True, forceinline=True)
"""For what is called at every attribute: passing the arrays there took another quarter."""
entrance = _njit(**_OPTIONS)
"""For what Python calls."""


def word(text: bytes) -> np.uint64:
    """Return eight bytes as `eight` reads them."""
    return np.uint64(int.from_bytes(text, sys.byteorder))


@intrinsic
def eight(context, data, at):
    """Return the eight bytes from a place on as one number."""

    def generate(target, builder, signature, arguments):
        array = target.make_array(signature.args[0])(target, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        return builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(data, types.int64), generate


@intrinsic
def one(context, data, at):
    """Return the byte at a place; unlike an index, no place counts from the end, which is asked at each."""

    def generate(target, builder, signature, arguments):
        array = target.make_array(signature.args[0])(target, builder, arguments[0])
        return builder.zext(builder.load(builder.gep(array.data, [arguments[1]])), ir.IntType(64))

    return types.int64(data, types.int64), generate


@intrinsic
def put_eight(context, data, at, value):
    """Write what `eight` read."""

    def generate(target, builder, signature, arguments):
        array = target.make_array(signature.args[0])(target, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        builder.store(arguments[2], builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)
        return target.get_dummy_value()

    return types.void(data, types.int64, types.uint64), generate


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


@compiled
def lookup(data, first, last, slots, offsets, blob):
    """Return the number of a name; -1 if it has none."""
    if last <= first:
        return -1
    size = last - first
    mask = len(slots) - 1
    place = size * 31 + one(data, first) * 7 + one(data, first + size // 2) * 131 + one(data, last - 1) * 1031
    while True:
        number = slots[place & mask]
        if number < 0:
            return -1
        stop = offsets[number + 1]
        if stop - offsets[number] == size:
            step = 1
            while step <= size and blob[stop - step] == one(data, last - step):
                step += 1
            if step > size:
                return number
        place += 1
