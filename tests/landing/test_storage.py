import gzip
import hashlib
import os
from pathlib import Path

import pytest
import zstandard

from pipeline.content import open_content, read_lines
from pipeline.storage import list_files


def _uris(root: Path, uri: str) -> list[str]:
    return [file.uri for file in list_files(root, uri).files]


def _lines(path: Path) -> list[tuple[int, int, bytes]]:
    with open_content(path) as (content, stream):
        return [line[:3] for line in read_lines(content, stream)]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("in/b.jsonl", "in/a.jsonl", "in/2026/10/c.jsonl.gz", "in/.hidden", "in/.git/d.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def test_a_folder_is_listed_with_all_below_it_sorted(tree: Path) -> None:
    assert _uris(tree, "in") == ["in/2026/10/c.jsonl.gz", "in/a.jsonl", "in/b.jsonl"]


def test_a_glob_with_two_stars_reaches_all_levels(tree: Path) -> None:
    assert _uris(tree, "in/**/*.jsonl") == ["in/a.jsonl", "in/b.jsonl"]
    assert _uris(tree, "in/**") == ["in/2026/10/c.jsonl.gz", "in/a.jsonl", "in/b.jsonl"]
    assert _uris(tree, "in/2026/*/c.*") == ["in/2026/10/c.jsonl.gz"]


def test_one_file_is_its_own_source_even_outside_the_root(tree: Path) -> None:
    assert _uris(tree, "in/a.jsonl") == ["in/a.jsonl"]
    assert _uris(tree / "in" / "2026", "../a.jsonl") == ["../a.jsonl"]


def test_nothing_there_is_an_empty_listing(tree: Path) -> None:
    assert list_files(tree, "nowhere") == ([], [])
    assert list_files(tree, "in/*.csv") == ([], [])


def test_hidden_names_are_passed_over_visibly(tree: Path) -> None:
    ignored = list_files(tree, "in").ignored
    assert [name for name, _ in ignored] == ["in/.git/d.jsonl", "in/.hidden"]
    assert all("dot" in why for _, why in ignored)


def test_links_that_leave_the_folder_are_refused(tree: Path) -> None:
    (tree / "secret.txt").write_bytes(b"secret")
    (tree / "outside").mkdir()
    (tree / "in/link.jsonl").symlink_to(tree / "secret.txt")
    (tree / "in/folder").symlink_to(tree / "outside")
    (tree / "in/inner.jsonl").symlink_to(tree / "in/a.jsonl")
    (tree / "in/dangling").symlink_to(tree / "nowhere")
    listing = list_files(tree, "in")
    assert [file.uri for file in listing.files] == [
        "in/2026/10/c.jsonl.gz", "in/a.jsonl", "in/b.jsonl", "in/dangling", "in/inner.jsonl",
    ]  # fmt: skip
    refused = dict(listing.ignored)
    assert "leaves the folder" in refused["in/link.jsonl"]
    assert "leaves the folder" in refused["in/folder"]


def test_what_cannot_be_opened_is_listed_so_that_reading_it_says_why(tree: Path) -> None:
    (tree / "in/circle").symlink_to("circle")
    assert "in/circle" in [file.uri for file in list_files(tree, "in").files]
    assert [file.uri for file in list_files(tree, "in/circle").files] == ["in/circle"]


def test_a_folder_that_a_glob_finds_is_told(tree: Path) -> None:
    assert [name for name, why in list_files(tree, "in/*").ignored if "`**`" in why] == ["in/2026"]
    assert not any("`**`" in why for _, why in list_files(tree, "in/**").ignored)


def test_names_are_printable_and_no_two_files_share_one(tree: Path) -> None:
    for name in (b"x\n1", b"x%0A1", b"x\xff", b"x%FF", b"x%y", b'<script>"'):
        (tree / "in" / os.fsdecode(name)).write_bytes(name)
    uris = {file.uri: file.path.read_bytes() for file in list_files(tree, "in").files}
    assert uris["in/x%0A1"] == b"x\n1"
    assert uris["in/x%250A1"] == b"x%0A1"
    assert uris["in/x%FF"] == b"x\xff"
    assert uris["in/x%25FF"] == b"x%FF"
    assert uris["in/x%y"] == b"x%y"
    assert uris['in/<script>"'] == b'<script>"'


def test_a_pipe_is_never_opened(tree: Path) -> None:
    os.mkfifo(tree / "in/pipe")
    assert ("in/pipe", "not a regular file") in list_files(tree, "in").ignored


ZSTD_FRAMES = zstandard.ZstdCompressor().compress(b"one\n") + zstandard.ZstdCompressor().compress(b"two\n")


@pytest.mark.parametrize(
    "stored",
    [
        b"one\ntwo\n",
        b"\xef\xbb\xbfone\r\ntwo",
        gzip.compress(b"one\ntwo\n"),
        gzip.compress(b"one\n") + gzip.compress(b"two\n"),
        gzip.compress(b"one\ntwo\n") + b"\0" * 100,
        ZSTD_FRAMES,
    ],
    ids=["plain", "mark_and_crlf", "gzip", "gzip_members", "gzip_padded", "zstd_frames"],
)
def test_compression_is_told_by_content_not_by_name(tmp_path: Path, stored: bytes) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(stored)
    assert [(number, data) for number, _, data in _lines(path)] == [(1, b"one"), (2, b"two")]
    with open_content(path) as (content, stream):
        stream.read()
        assert (content.broken, content.stored_bytes) == (None, len(stored))


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_truncated_compression_keeps_whole_lines_and_says_where_it_broke(tmp_path: Path, compress) -> None:
    noise = b"".join(hashlib.sha256(b"%d" % i).hexdigest().encode() + b"\n" for i in range(20_000))
    stored = compress(noise)
    path = tmp_path / "cut.gz"
    path.write_bytes(stored[: len(stored) // 2])
    with open_content(path) as (content, stream):
        lines = list(read_lines(content, stream))
        assert content.broken is not None
        assert f"stops in the middle after {len(stored) // 2} bytes" in content.broken
    assert 0 < len(lines) < 20_000
    assert b"\n".join(line.data for line in lines) + b"\n" == noise[: 65 * len(lines)]


def test_damaged_compression_is_broken_not_an_exception(tmp_path: Path) -> None:
    path = tmp_path / "bad.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n") + b"garbage")
    with open_content(path) as (content, stream):
        assert [line.data for line in read_lines(content, stream)] == [b"one", b"two"]
        assert "damaged" in str(content.broken)


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_a_decompression_bomb_is_stopped(tmp_path: Path, compress) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(compress(b"0" * 300_000_000))
    with open_content(path) as (content, stream):
        total = 0
        while block := stream.read(1 << 20):
            total += len(block)
    assert "more than 500 times" in str(content.broken)
    assert total < 300_000_000


def test_byte_offsets_are_of_the_decompressed_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"one\n\nthree\r\nfour"))
    assert _lines(path) == [(1, 0, b"one"), (2, 4, b""), (3, 5, b"three"), (4, 12, b"four")]
