"""A dump of protobuf messages that is cut between them reads as it does whole."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard
from polars.testing import assert_frame_equal

from pipeline.intake.decoding import DecodeOptions
from pipeline.intake.handover import Handover
from pipeline.intake.parts import Piece, pieces_of, read_piece
from pipeline.source_settings import Source
from pipeline.storage import signature
from pipeline.stored import StoredFile
from pipeline.traces import otlp_frames
from tests.traces.dumps import BUILDERS

SOURCE = Source(name="otel", kind="traces", uri="dump")


def _whole(path: Path, piece_bytes: int) -> Piece:
    file = StoredFile(path, "dump", path.stat().st_size, datetime.fromtimestamp(0, UTC))
    options = DecodeOptions(("feature", "team"), (), 40, piece_bytes)
    place = Handover(str(path.parent / "parts"))
    Path(place.place).mkdir(exist_ok=True)
    return Piece(SOURCE, file, signature(file), options, place, "piece")


def _rows(pieces: list[Piece]) -> tuple[int, dict[str, pl.DataFrame]]:
    reads = [(piece, read_piece(piece)) for piece in pieces]
    assert not any(read.refused or read.lines for _, read in reads)
    found: dict[str, list[pl.DataFrame]] = {}
    for piece, read in reads:
        for part in read.parts:
            found.setdefault(part.table, []).append(piece.place.taken(part.name, Path()))
    return sum(read.read for _, read in reads), {
        n: pl.concat(rows, how="diagonal") for n, rows in found.items()
    }


@pytest.mark.parametrize("name", ["proto", "frames", "frames_zstd", "frames_json_zstd"])
@pytest.mark.parametrize("end", [b"", b"\0\0\x01\0half a message", bytes(4000), b"\xff\xff"])
def test_the_pieces_are_the_whole(
    name: str, end: bytes, month: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "dump"
    told = BUILDERS[name][1](month)
    middle = bytes(400) if name.startswith("frames") else b""  # messages without spans
    path.write_bytes(told + middle + told + end)
    whole = _rows(pieces_of(_whole(path, 1 << 40)))
    cut = pieces_of(_whole(path, path.stat().st_size // 7))
    assert len(cut) > 4
    assert [piece.last for piece in cut[:-1]] == [piece.first for piece in cut[1:]]
    parted = _rows(cut)
    assert parted[0] == whole[0] > 800
    for table, rows in whole[1].items():
        assert_frame_equal(parted[1][table], rows, check_column_order=False)
    monkeypatch.setattr(otlp_frames, "MOST_RECORDS", 2)
    assert _rows(pieces_of(_whole(path, path.stat().st_size // 7)))[0] == whole[0]


def test_what_is_packed_as_a_whole_is_not_cut(tmp_path: Path, month: list[dict[str, Any]]) -> None:
    path = tmp_path / "dump"
    path.write_bytes(zstandard.compress(BUILDERS["frames"][1](month)))
    assert len(pieces_of(_whole(path, 1000))) == 1
