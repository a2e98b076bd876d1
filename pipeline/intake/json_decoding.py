"""Blocks of OTLP/JSON to frames of raw.span at speed."""

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np

from pipeline.content import Line
from pipeline.intake import scan
from pipeline.intake import scan_values as at
from pipeline.intake.blocks import BLOCK_BYTES, PADDING, Block
from pipeline.intake.decoding import Batch, DecodeOptions
from pipeline.intake.encodings import JSON
from pipeline.intake.fast_decoding import ColumnDecoder, Scanned
from pipeline.otlp import Framer, spans_of


def decode_blocks(blocks: Iterable[Block], options: DecodeOptions) -> Iterator[Batch]:
    """Return the spans of a dump in batches, as `decode` does; lines are numbered from 1."""
    decoder = _BlockDecoder(options)
    for block in blocks:
        yield from decoder.take(block)
    yield decoder.finish()


class _BlockDecoder:
    """Blocks on their way to batches; keeps a document that goes on in the next block."""

    def __init__(self, options: DecodeOptions) -> None:
        self.columns = ColumnDecoder(options, JSON)
        self.exact = self.columns.exact
        self.found = at.room(BLOCK_BYTES)
        self.framer = Framer()
        self.line = 0

    def finish(self) -> Batch:
        """Return what a document at the end of the file still holds."""
        self._add_records(self.framer.flush())
        return self.exact.take()

    def take(self, block: Block) -> Iterator[Batch]:
        """Return the spans of a block, in one batch or more."""
        if block.skipped:
            line = Line(self.line + 1, block.byte_offset, b"", block.skipped)
            self._add_records(self.framer.add(line))
            self.line += 1
            yield self.exact.take()._replace(lines=1)
            return
        data, place = np.frombuffer(block.data, np.uint8), 0
        names, wanted = self.columns.names, self.columns.wanted
        while place < len(block.data) - len(PADDING):
            place, spans, hits, groups, lines = scan.scan(data, place, names, wanted, self.found)
            numbers = np.arange(self.line + 1, self.line + 1 + lines)
            offsets = self.found.lines[:lines, 0] + block.byte_offset
            scanned = Scanned(data, self.found, spans, hits, groups, numbers, offsets)
            batch = self.columns.batch(scanned, partial(self._add_lines, block, lines))
            yield batch._replace(lines=lines)
            self.line += lines

    def _add_lines(self, block: Block, lines: int) -> None:
        """Read the lines that the scan did not take, each in its place between the others."""
        table = self.found.lines[:lines]
        refused = np.flatnonzero(table[:, 2] == 0).tolist()
        before = -1
        for number in refused:
            if number > before + 1:
                self._add_records(self.framer.flush())
            first, last, _ = table[number].tolist()
            data = bytes(block.data[first:last])
            place = self.line + number + 1
            if place == 1:
                data = data.removeprefix(b"\xef\xbb\xbf")
            line = Line(place, block.byte_offset + first, data.rstrip(), last - first + 1)
            self._add_records(self.framer.add(line))
            before = number
        if before < lines - 1:
            self._add_records(self.framer.flush())

    def _add_records(self, records: Iterable[Line]) -> None:
        for record in records:
            for position, found in enumerate(spans_of(record)):
                self.exact.add(record, position, found)
