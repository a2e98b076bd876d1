"""Messages of OTLP in protobuf to frames of raw.span at speed: many small ones are scanned together."""

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np

from pipeline.content import Line
from pipeline.intake import proto_scan
from pipeline.intake import scan_values as at
from pipeline.intake.blocks import PADDING
from pipeline.intake.decoding import Batch, DecodeOptions
from pipeline.intake.encodings import PROTOBUF
from pipeline.intake.fast_decoding import ColumnDecoder, Scanned
from pipeline.otlp import Found
from pipeline.traces.format import Messages

BLOCK_BYTES = 8 << 20
"""From so many bytes on, messages are scanned: about as many spans as a block of JSON holds."""

_ROOM_BYTES = 2 * BLOCK_BYTES
"""The room for spans is made anew for a block with a message that is larger still."""

_Read = tuple[Line, Found | None]


def decode_messages(read: Iterable[_Read], kind: Messages, options: DecodeOptions) -> Iterator[Batch]:
    """Return the spans of messages in batches, as `decode_records` does of their records."""
    decoder = _MessageDecoder(kind, options)
    for block in _blocks(read):
        yield from decoder.take(block)
    yield decoder.columns.exact.take()


def _blocks(read: Iterable[_Read]) -> Iterator[list[_Read]]:
    block: list[_Read] = []
    size = 0
    for message in read:
        block.append(message)
        size += len(message[0].data) + 64
        if size >= BLOCK_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block


class _MessageDecoder:
    """Blocks of messages on their way to batches."""

    def __init__(self, kind: Messages, options: DecodeOptions) -> None:
        self.kind = kind
        self.columns = ColumnDecoder(options, PROTOBUF)
        self.room = at.room(_ROOM_BYTES)

    def take(self, block: list[_Read]) -> Iterator[Batch]:
        """Return the spans of a block, in one batch or more."""
        parts = [message.data for message, _ in block]
        data = np.frombuffer(b"".join((*parts, PADDING)), np.uint8)
        room = self.room if len(data) <= _ROOM_BYTES else at.room(len(data))
        found = room._replace(lines=_table(block))
        numbers = np.array([message.number for message, _ in block], np.int64)
        offsets = np.array([message.byte_offset for message, _ in block], np.int64)
        names, wanted, done = self.columns.names, self.columns.wanted, 0
        while done < len(block):
            first = done
            done, spans, hits, groups = proto_scan.scan(
                data, first, self.kind.are_requests, names, wanted, found
            )
            scanned = Scanned(data, found, spans, hits, groups, numbers, offsets)
            yield self.columns.batch(scanned, partial(self._add_rest, block, found, first, done))

    def _add_rest(self, block: list[_Read], found: at.Found, first: int, last: int) -> None:
        """Read the messages that the scan did not take."""
        for number in (first + np.flatnonzero(found.lines[first:last, 2] == 0)).tolist():
            message, refusal = block[number]
            told = self.kind.spans(message) if refusal is None else [refusal]
            for position, item in enumerate(told):
                self.columns.exact.add(message, position, item)


def _table(block: list[_Read]) -> np.ndarray:
    """Return where each message lies in the joined bytes, and whether there is one."""
    sizes = np.array([len(message.data) for message, _ in block], np.int64)
    last = np.cumsum(sizes)
    return np.stack([last - sizes, last, np.array([refusal is None for _, refusal in block])], axis=1)
