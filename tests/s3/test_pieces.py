"""A large dump on S3 is read in pieces, from its copy or from S3 itself, and gives the rows of the local file."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assets.bench_data import write_dump
from pipeline import landing
from pipeline.intake.decoding import DecodeOptions
from pipeline.landing import land
from pipeline.landing_settings import Landing
from pipeline.output_settings import S3
from pipeline.settings import Settings
from pipeline.source_settings import Source
from pipeline.storage import list_files, look_again, signature
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME

THREADS = Landing(workers=2)
PROCESSES = Landing(executor="processes", workers=2)


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing.DecodeOptions, "of", lambda _: DecodeOptions(("team",), (), 100, 50_000))


@pytest.fixture
def dump(tmp_path: Path) -> bytes:
    path = tmp_path / "local" / "dump.jsonl"
    path.parent.mkdir()
    write_dump(path, 400)
    return path.read_bytes()


def settings_of(tmp_path: Path, uri: str, url: str, how: Landing) -> Settings:
    source = Source(name="otel", kind="traces", uri=uri)
    return Settings(sources=(source,), s3=S3(endpoint_url=url), root=tmp_path, landing=how)


def landed(settings: Settings) -> tuple[list[Any], list[Any]]:
    with Warehouse.open(None) as warehouse:
        land(settings, warehouse)
        return warehouse.read(BY_NAME["raw.span"]).rows(), warehouse.read(BY_NAME["raw.quarantine"]).rows()


def refuse_copies(settings: Settings) -> None:
    settings.warehouse_file.with_name(".tallystick.duckdb.spool").write_bytes(b"in the way")


@pytest.mark.parametrize("how", [THREADS, PROCESSES], ids=str)
@pytest.mark.parametrize("has_copy", [True, False])
def test_pieces_of_an_object_give_the_rows_of_the_local_file(  # noqa: PLR0917
    bucket, proxy, tmp_path: Path, dump: bytes, how: Landing, has_copy: bool
) -> None:
    bucket.put("in/dump.jsonl", dump)
    local = landed(settings_of(tmp_path, "local", proxy.url, how))
    assert len(local[0]) == 400
    settings = settings_of(tmp_path, f"s3://{bucket.name}/in", proxy.url, how)
    if not has_copy:
        refuse_copies(settings)
    assert landed(settings) == local
    pieces = -(-len(dump) // 50_000)
    assert pieces > 4
    assert len(proxy.fetched()) == 1 if has_copy else len(proxy.fetched()) > pieces


def test_an_object_that_changes_between_its_pieces_is_set_aside_and_lands_the_next_time(
    bucket, proxy, tmp_path: Path, dump: bytes
) -> None:
    bucket.put("in/dump.jsonl", dump)
    settings = settings_of(tmp_path, f"s3://{bucket.name}/in", proxy.url, Landing(workers=1))
    refuse_copies(settings)

    def replaced(what: str) -> None:
        if len(proxy.fetched()) == 6:
            bucket.put("in/dump.jsonl", dump[:-1] + b" ")

    proxy.fault = replaced
    with Warehouse.open(None) as warehouse:
        land(settings, warehouse)
        assert warehouse.read(BY_NAME["raw.quarantine"])["code"].to_list() == ["changed_while_read"]
        assert warehouse.read(BY_NAME["raw.span"]).is_empty()
        proxy.fault = lambda what: None
        land(settings, warehouse)
        assert warehouse.read(BY_NAME["raw.quarantine"]).is_empty()
        assert warehouse.read(BY_NAME["raw.span"]).height == 400


@pytest.mark.parametrize("changes", [True, False])
def test_without_etag_and_copy_size_and_time_tell_a_change(
    bucket, proxy, tmp_path: Path, dump: bytes, changes: bool
) -> None:
    bucket.put("in/dump.jsonl", dump)
    [listed] = list_files(tmp_path, f"s3://{bucket.name}/in", proxy.url).files
    assert listed.remote
    without = replace(listed, remote=replace(listed.remote, etag=None))
    if changes:
        bucket.put("in/dump.jsonl", dump + b"\n")
    assert signature(listed) == ""
    found = look_again(without)
    assert (found.size_bytes == without.size_bytes) is not changes
    assert signature(without) == ("changed" if changes else "")
