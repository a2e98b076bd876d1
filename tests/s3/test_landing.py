"""Sources on S3 land as local ones do, and what has not changed is not fetched."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.errors import StorageError
from pipeline.intake.spool import Spool
from pipeline.landing import LandingSummary, land
from pipeline.output_settings import S3
from pipeline.preflight import check
from pipeline.settings import Settings
from pipeline.source_settings import Source
from pipeline.storage import hash_file, list_files
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME


def line(number: int) -> bytes:
    span = {
        "traceId": f"{number:032x}", "spanId": f"{number:016x}", "name": "chat", "kind": 3,
        "startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000001000000000",
        "attributes": [{"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o"}}],
    }  # fmt: skip
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode() + b"\n"


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    with Warehouse.open(None) as opened:
        yield opened


@pytest.fixture
def settings(bucket, proxy, tmp_path: Path) -> Settings:
    source = Source(name="otel", kind="traces", uri=f"s3://{bucket.name}/in")
    return Settings(sources=(source,), s3=S3(endpoint_url=proxy.url), root=tmp_path)


@pytest.fixture
def landed(settings: Settings, warehouse: Warehouse) -> Callable[[], LandingSummary]:
    return lambda: land(settings, warehouse)


def spans(warehouse: Warehouse) -> list[str]:
    return sorted(warehouse.read(BY_NAME["raw.span"])["span_id"])


def ids(*numbers: int) -> list[str]:
    return [f"{number:016x}" for number in numbers]


def became(summary: LandingSummary) -> dict[str, int]:
    return dict(summary.sources[0].files)


def test_objects_are_fetched_once_and_not_again_until_they_change(bucket, proxy, warehouse, landed) -> None:
    for number in (1, 2, 3):
        bucket.put(f"in/{number}.jsonl", line(number))
    assert became(landed()) == {"new": 3}
    assert spans(warehouse) == ids(1, 2, 3)
    assert len(proxy.fetched()) == 3
    assert became(landed()) == {"unchanged": 3}
    assert len(proxy.fetched()) == 3
    bucket.put("in/2.jsonl", line(4))
    assert became(landed()) == {"unchanged": 2, "replaced": 1}
    assert spans(warehouse) == ids(1, 3, 4)
    assert len(proxy.fetched()) == 4


def test_nothing_of_the_spool_is_left(bucket, landed, tmp_path: Path) -> None:
    bucket.put("in/1.jsonl", line(1))
    landed()
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_fit_on_disk_is_read_again_from_s3(bucket, proxy, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        bucket.put(f"in/{number}.jsonl", line(number))
    files = list_files(tmp_path, f"s3://{bucket.name}/in", proxy.url).files
    with Spool(tmp_path / "spool", most_bytes=len(line(1)) + 1) as spool:
        found = list(spool.identify((file, None) for file in files))
        assert [item.file.path is not None for item in found].count(True) == 1
        assert [hash_file(item.file)[:16] for item in found] == [item.file_id for item in found]
    assert len(proxy.fetched()) == 5


def test_a_disk_that_takes_no_copy_stops_nothing(bucket, proxy, warehouse, landed, settings) -> None:
    settings.warehouse_file.with_name(".tallystick.duckdb.spool").write_bytes(b"in the way")
    bucket.put("in/1.jsonl", line(1))
    landed()
    assert spans(warehouse) == ids(1)
    assert len(proxy.fetched()) == 2


def test_an_object_that_changes_between_listing_and_reading_lands_as_it_is_now(
    bucket, proxy, warehouse, landed
) -> None:
    bucket.put("in/1.jsonl", line(1))

    def replaced(what: str) -> None:
        if "list-type" not in what and len(proxy.fetched()) == 1:
            bucket.put("in/1.jsonl", line(2) + line(3))

    proxy.fault = replaced
    assert became(landed()) == {"new": 1}
    assert spans(warehouse) == ids(2, 3)
    [row] = warehouse.read(BY_NAME["raw.file"]).rows(named=True)
    assert (row["size_bytes"], row["rows_quarantined"]) == (len(line(2) + line(3)), 0)
    assert became(landed()) == {"unchanged": 1}


def test_keys_that_only_a_bucket_can_hold_land_or_are_told(bucket, warehouse, settings: Settings) -> None:
    for number, key in enumerate(("in/A.jsonl", "in/a.jsonl", "IN/a.jsonl", "/in/a.jsonl", "in//a.jsonl")):
        bucket.put(key, line(number + 1))
    for key in ("in/../a.jsonl", "../a.jsonl", "in/a.jsonl/.."):
        bucket.put(key, line(9))
    whole = Source(name="otel", kind="traces", uri=f"s3://{bucket.name}")
    summary = land(settings.model_copy(update={"sources": (whole,)}), warehouse)
    assert became(summary) == {"new": 5}
    assert spans(warehouse) == ids(1, 2, 3, 4, 5)
    assert len(set(warehouse.read(BY_NAME["raw.file"])["uri"])) == 5
    for key in ("in/../a.jsonl", "../a.jsonl", "in/a.jsonl/.."):
        assert f"not read: s3://{bucket.name}/{key}: its key has a part `..`" in summary.text()


@pytest.mark.system
def test_an_object_that_never_holds_still_is_set_aside_and_lands_when_it_does(
    bucket, proxy, warehouse, landed
) -> None:
    numbers = iter(range(1, 100))
    bucket.put("in/1.jsonl", line(0))

    def replaced(what: str) -> None:
        if what.startswith("GET") and "list-type" not in what:
            bucket.put("in/1.jsonl", line(next(numbers)))

    proxy.fault = replaced
    landed()
    [reject] = warehouse.read(BY_NAME["raw.quarantine"]).rows(named=True)
    assert "changes faster than it can be read" in reject["reason"]
    proxy.fault = lambda what: None
    assert became(landed()) == {"replaced": 1}
    assert spans(warehouse) == ids(next(numbers) - 1)
    assert warehouse.read(BY_NAME["raw.quarantine"]).is_empty()


def test_an_object_that_changes_before_its_second_reading_lands_the_next_time(
    bucket, proxy, warehouse, landed, settings
) -> None:
    settings.warehouse_file.with_name(".tallystick.duckdb.spool").write_bytes(b"in the way")
    bucket.put("in/1.jsonl", line(1))

    def replaced(what: str) -> None:
        if len(proxy.fetched()) == 2:
            bucket.put("in/1.jsonl", line(2))

    proxy.fault = replaced
    landed()
    assert warehouse.read(BY_NAME["raw.quarantine"])["code"].to_list() == ["changed_while_read"]
    proxy.fault = lambda what: None
    bucket.put("in/1.jsonl", line(1))  # back to what was hashed, and not read
    assert became(landed()) == {"replaced": 1}
    assert spans(warehouse) == ids(1)
    assert warehouse.read(BY_NAME["raw.quarantine"]).is_empty()


@pytest.mark.system
def test_the_same_bytes_written_again_are_fetched_once_more_and_then_remembered(
    bucket, proxy, warehouse, landed
) -> None:
    bucket.put("in/1.jsonl", line(1))
    landed()
    before = warehouse.read(BY_NAME["raw.file"])["version"][0]
    bucket.put_in_parts("in/1.jsonl", line(1))  # which gives it another ETag
    for _ in range(2):
        assert became(landed()) == {"unchanged": 1}
        assert len(proxy.fetched()) == 2
    assert warehouse.read(BY_NAME["raw.file"])["version"][0] != before


def test_a_place_that_fails_stops_the_landing_and_keeps_what_had_landed(
    bucket, proxy, warehouse, landed, monkeypatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    bucket.put("in/1.jsonl", line(1))
    landed()
    bucket.put("in/2.jsonl", line(2))
    proxy.slow_down(1)
    with pytest.raises(StorageError, match="too many requests"):
        landed()
    assert spans(warehouse) == ids(1)
    assert became(landed()) == {"unchanged": 1, "new": 1}
    assert spans(warehouse) == ids(1, 2)


def test_check_says_what_is_wrong_with_places_on_s3(bucket, settings: Settings) -> None:
    said = [
        f"{problem.where}: {problem.message}" for problem in check(settings) if problem.severity == "error"
    ]
    assert said[0] == f"source 'otel': 's3://{bucket.name}/in' matches no file."
    gone = settings.model_copy(
        update={
            "sources": (Source(name="otel", kind="traces", uri="s3://no-such-place/in"),),
            "output": settings.output.model_copy(update={"copy_to": "s3://no-such-place/out"}),
        }
    )
    said = [f"{problem.where}: {problem.message}" for problem in check(gone) if problem.severity == "error"]
    assert "there is no such bucket" in said[0]
    assert said[1].startswith("output.copy_to: ")


def test_a_server_that_is_down_is_asked_once_by_a_check(proxy, settings: Settings, monkeypatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    proxy.fault = lambda what: b""
    (source,) = settings.sources
    sources = (source, source.model_copy(update={"name": "more"}))
    output = settings.output.model_copy(update={"copy_to": "s3://other/out"})

    problems = check(settings.model_copy(update={"sources": sources, "output": output}))

    told = {problem.where: problem.message for problem in problems if "cannot be reached" in problem.message}
    assert list(told) == ["source 'otel'", "source 'more'", "output.copy_to"]
    assert told["output.copy_to"].startswith("s3://other/out was not looked at, since s3://")
    assert len(proxy.requests) == 1
