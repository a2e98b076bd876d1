"""What sources on S3 offer, and what their files hold."""

import gzip
import hashlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from pipeline.content import open_content, read_head, read_lines
from pipeline.errors import SourceError, StorageError
from pipeline.storage import hash_file, list_files, open_stored
from pipeline.stored import StoredFile

HERE = Path()
ODD = [  # the server takes no key with a line break; its name is tried on disk
    "in/a\\b.json",
    "in/a b+c&d=e?.json",
    "in/a%2Fb%0A.json",
    "in/control\ttab\x01.json",
    "in/ünïcode-\u200b-日本.json",
    "in//double.json",
    "in/" + "long" * 250,
]


def files(bucket, uri: str) -> dict[str, StoredFile]:
    return {file.uri: file for file in list_files(HERE, uri, bucket.url).files}


def only(bucket, uri: str) -> StoredFile:
    [file] = files(bucket, uri).values()
    return file


def keys(bucket, uri: str) -> list[str]:
    return [file.remote.key for file in list_files(HERE, uri, bucket.url).files]


def test_folders_keys_and_globs_mean_what_they_mean_on_disk(bucket, tmp_path: Path) -> None:
    names = (
        "a.jsonl",
        "b.jsonl",
        "2026/10/c.jsonl.gz",
        "2026/11/d.jsonl",
        "2026-x/e.json",
        ".hidden",
        ".g/f",
    )
    for name in names:
        bucket.put(f"in/{name}")
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(b"x")
    bucket.put("in-other/z.jsonl")
    for uri in (
        "in", "in/", "in/**", "in/**/*.jsonl", "in/*.jsonl", "in/2026*/*/*", "in/2026/**/*", "in/[ab].jsonl",
        "in/**/1?/*", "in/a.jsonl", "in/nothing", "nowhere", "*/*.jsonl", "**/*.gz",
    ):  # fmt: skip
        local = [file.uri for file in list_files(tmp_path, uri).files if not file.path.is_dir()]
        remote = keys(bucket, f"s3://{bucket.name}/{uri}")
        assert [key for key in remote if not key.startswith("in-other")] == local, uri
    assert len(keys(bucket, f"s3://{bucket.name}")) == 6


def test_a_key_and_a_folder_of_the_same_name_are_both_read(bucket) -> None:
    for key in ("in", "in/a", "in.b", "in-c/d"):
        bucket.put(key)
    assert keys(bucket, f"s3://{bucket.name}/in") == ["in", "in/a"]


def test_odd_keys_are_read_under_printable_names_that_differ(bucket) -> None:
    for key in ODD:
        bucket.put(key, key.encode())
    found = files(bucket, f"s3://{bucket.name}/in")
    assert len(found) == len(ODD)
    assert all(uri.isprintable() for uri in found)
    for file in found.values():
        with open_stored(file) as stored:
            assert stored.read() == file.remote.key.encode()


def test_keys_that_leave_their_folder_and_hidden_ones_are_passed_over_visibly(bucket) -> None:
    for key in ("in/ok", "in/a/../b", "../in/up", "in/.hidden", "in/.dir/x", "in/folder/", "in/full/"):
        bucket.put(key, b"" if key == "in/folder/" else b"x")
    listing = list_files(HERE, f"s3://{bucket.name}/in", bucket.url)
    assert [file.uri for file in listing.files] == [f"s3://{bucket.name}/in/ok"]
    why = {name.removeprefix(f"s3://{bucket.name}/"): why for name, why in listing.ignored}
    assert set(why) == {"in/a/../b", "in/.hidden", "in/.dir/x", "in/full/"}
    assert "`..`" in why["in/a/../b"]
    assert "ends in a slash" in why["in/full/"]


def test_a_key_with_a_leading_slash_is_read(bucket) -> None:
    bucket.put("/in/a", b"slash")
    with open_stored(only(bucket, f"s3://{bucket.name}//in")) as stored:
        assert stored.read() == b"slash"


@pytest.mark.parametrize(
    "compress", [bytes, gzip.compress, zstandard.ZstdCompressor().compress], ids=["plain", "gzip", "zstd"]
)
def test_objects_are_decompressed_and_hashed_as_stored(bucket, compress: Callable[[bytes], bytes]) -> None:
    stored = compress(b"one\ntwo\n")
    bucket.put("x", stored)
    file = only(bucket, f"s3://{bucket.name}/x")
    assert read_head(file, 3) == b"one"
    with open_content(file) as (content, stream):
        assert [line.data for line in read_lines(content, stream)] == [b"one", b"two"]
    assert hash_file(file) == hashlib.sha256(stored).hexdigest()


def test_a_stated_content_encoding_does_not_decompress_twice(bucket) -> None:
    body = gzip.compress(b"one\n")
    bucket.s3.put_object(Bucket=bucket.name, Key="x", Body=body, ContentEncoding="gzip")
    with open_stored(only(bucket, f"s3://{bucket.name}/x")) as stored:
        assert stored.read() == body


def test_an_empty_object_is_empty_and_an_offset_is_taken(bucket) -> None:
    bucket.put("empty", b"")
    bucket.put("ten", b"0123456789")
    with open_stored(only(bucket, f"s3://{bucket.name}/empty")) as stored:
        assert stored.read() == b""
    for start, rest in ((3, b"3456789"), (10, b"")):
        with open_stored(only(bucket, f"s3://{bucket.name}/ten"), start) as stored:
            assert stored.read() == rest


@pytest.mark.system
def test_another_process_opens_what_this_one_listed(bucket) -> None:
    bucket.put("x", b"elsewhere")
    file = pickle.dumps(only(bucket, f"s3://{bucket.name}/x"))
    code = "import pickle, sys; from pipeline.storage import open_stored\n"
    code += "with open_stored(pickle.load(sys.stdin.buffer)) as stored: print(stored.read().decode())"
    said = subprocess.run([sys.executable, "-c", code], input=file, capture_output=True, check=True).stdout
    assert said == b"elsewhere\n"


def test_an_object_that_changed_after_the_listing_is_not_read_as_the_old_one(bucket) -> None:
    bucket.put("x", b"old")
    file = only(bucket, f"s3://{bucket.name}/x")
    bucket.put("x", b"new")
    with (
        pytest.raises(SourceError, match="changed after it was listed") as changed,
        open_stored(file) as stored,
    ):
        stored.read()
    assert changed.value.code == "changed_while_read"


def test_an_object_that_went_after_the_listing_is_a_file_that_cannot_be_read(bucket) -> None:
    bucket.put("x")
    file = only(bucket, f"s3://{bucket.name}/x")
    bucket.s3.delete_object(Bucket=bucket.name, Key="x")
    with pytest.raises(FileNotFoundError, match="deleted after it was listed"), open_stored(file) as stored:
        stored.read()


NOISE = os.urandom(3_000_000)


def test_a_connection_that_drops_is_taken_up_where_it_broke(bucket, proxy) -> None:
    bucket.put("x", NOISE)
    breaks = iter([1_200_000, 300_000, 1_400_000])
    proxy.fault = lambda what: next(breaks, None)
    [file] = list_files(HERE, f"s3://{bucket.name}/", bucket.url).files
    with open_stored(_through(file, proxy)) as stored:
        assert stored.read() == NOISE
    assert len(proxy.fetched()) == 4


@pytest.mark.system
def test_an_object_that_changes_while_a_connection_is_taken_up_is_noticed(bucket, proxy) -> None:
    bucket.put("x", NOISE)
    file = _through(only(bucket, f"s3://{bucket.name}/x"), proxy)

    def replaced(what: str) -> int | None:
        if len(proxy.requests) == 1:
            return 1_500_000
        bucket.put("x", NOISE[::-1])
        return None

    proxy.fault = replaced
    with pytest.raises(SourceError, match="changed after it was listed"), open_stored(file) as stored:
        stored.read()


@pytest.mark.system
def test_throttling_is_waited_out(bucket, proxy) -> None:
    bucket.put("x", b"slowly")
    proxy.slow_down(2)
    with open_stored(_through(only(bucket, f"s3://{bucket.name}/x"), proxy)) as stored:
        assert stored.read() == b"slowly"
    assert len(proxy.requests) == 3


@pytest.mark.system
def test_throttling_without_an_end_says_that_nothing_is_lost(bucket, proxy, monkeypatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    proxy.slow_down(99)
    with pytest.raises(StorageError) as told:
        list_files(HERE, f"s3://{bucket.name}/in", proxy.url)
    assert "too many requests at once, in spite of 2 attempts" in told.value.reason
    assert "Nothing is lost" in told.value.advice


def _through(file: StoredFile, proxy) -> StoredFile:
    return replace(file, remote=replace(file.remote, endpoint_url=proxy.url))


def test_a_missing_bucket_is_named(bucket) -> None:
    with pytest.raises(
        StorageError, match=r"s3://no-such-place/in/ at 127\.0\.0\.1:\d+: there is no such bucket"
    ):
        list_files(HERE, "s3://no-such-place/in", bucket.url)


def test_a_bucket_of_another_region_is_told(proxy) -> None:
    body = b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>"
    proxy.fault = lambda what: b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n" + body
    with pytest.raises(StorageError, match="another region") as told:
        list_files(HERE, "s3://bucket/in", proxy.url)
    assert "AWS_DEFAULT_REGION" in told.value.advice


def test_a_server_that_is_not_there_is_told(monkeypatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(StorageError, match="cannot be reached") as told:
        list_files(HERE, "s3://bucket/in", "http://127.0.0.1:9")
    assert "endpoint_url" in told.value.advice


@pytest.mark.system
def test_no_credentials_say_where_they_are_looked_for(monkeypatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StorageError, match="there are no credentials") as told:
        list_files(HERE, "s3://bucket/in", "http://127.0.0.1:10")
    assert "AWS_ACCESS_KEY_ID" in told.value.advice
