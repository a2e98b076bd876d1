"""A dump that is split, and whose rows lie in any order: the published bytes are those of one quiet pass."""

import gzip
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import zstandard

from pipeline import landing
from pipeline.intake import row_groups

Hashes = dict[str, str]
Close = Callable[[Path], Hashes]


def text_of(path: Path) -> bytes:
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".zst":
        return zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
    return path.read_bytes()


@pytest.fixture
def dump(month_folder: Path) -> Path:
    """The month with all its traces in one file."""
    traces = sorted((month_folder / "traces").iterdir())
    lines = b"".join(text_of(path).rstrip(b"\n") + b"\n" for path in traces)
    for path in traces:
        path.unlink()
    (month_folder / "traces" / "dump.jsonl").write_bytes(lines)
    return month_folder


def with_workers(folder: Path, workers: int) -> Path:
    config = folder / "tallystick.toml"
    told = f"\n[landing]\nworkers = {workers}\n"
    config.write_text(config.read_text("utf-8") + told, "utf-8")
    return folder


def as_if_large(monkeypatch: pytest.MonkeyPatch, seed: int) -> list[int]:
    """Cut files into pieces of 20 kB, and append their row groups in an order of chance; return how many."""
    options, taken, counts = landing.DecodeOptions.of, row_groups._RowGroups._taken, []
    monkeypatch.setattr(landing.DecodeOptions, "of", lambda told: replace(options(told), piece_bytes=20_000))
    monkeypatch.setattr(row_groups, "_WORTH_BYTES", 0)
    monkeypatch.setattr(row_groups, "ROW_GROUP", 50)

    def shuffled(self: row_groups._RowGroups, height: int) -> list[pl.DataFrame]:
        groups = taken(self, height)
        counts.append(len(groups))
        random.Random(seed).shuffle(groups)  # noqa: S311 (no secret)
        return groups

    monkeypatch.setattr(row_groups._RowGroups, "_taken", shuffled)
    return counts


@pytest.fixture
def whole(dump: Path, close: Close, tmp_path: Path) -> Hashes:
    """The hashes of the month when its dump is read in one piece and lies in its order."""
    return close(with_workers(Path(shutil.copytree(dump, tmp_path / "whole")), 1))


@pytest.mark.parametrize("workers", [1, 4])
def test_neither_pieces_nor_workers_nor_the_order_of_row_groups_show(
    whole: Hashes,
    dump: Path,
    close: Close,
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
) -> None:
    counts = as_if_large(monkeypatch, workers)
    assert close(with_workers(dump, workers)) == whole
    assert sum(counts) > 10


def test_one_dump_says_what_its_parts_said(whole: Hashes, expected: Hashes) -> None:
    """Files have other names then, which quarantine and open items tell, and other hashes: allocation's."""
    told = ("quarantine", "open_items", "allocation.")
    unnamed = {name for name in expected if not name.startswith(told)}
    assert {name: whole[name] for name in unnamed} == {name: expected[name] for name in unnamed}
