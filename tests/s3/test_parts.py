"""What workers hand over may lie on S3: it gives the same rows, and nothing of it is left."""

from pathlib import Path
from typing import Any

import pytest

from assets.bench_data import write_dump
from pipeline import landing
from pipeline.errors import StorageError, WarehouseError
from pipeline.intake.decoding import DecodeOptions
from pipeline.intake.handover import Handover, open_handover
from pipeline.landing import land
from pipeline.landing_settings import Landing
from pipeline.output_settings import S3
from pipeline.settings import Settings
from pipeline.source_settings import Source
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME


@pytest.fixture
def month(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a dump of several pieces, small ones and a file that is none."""
    monkeypatch.setattr(landing.DecodeOptions, "of", lambda _: DecodeOptions(("team",), (), 100, 50_000))
    folder = tmp_path / "in"
    folder.mkdir()
    write_dump(folder / "large.jsonl", 400)
    for number, line in enumerate((folder / "large.jsonl").read_bytes().splitlines(keepends=True)[:3]):
        (folder / f"{number}.jsonl").write_bytes(line + b"garbage\n")
    (folder / "none.jsonl").write_bytes(b"\x00")
    return tmp_path


def settings_of(month: Path, url: str, parts: str | None) -> Settings:
    source = Source(name="otel", kind="traces", uri="in")
    return Settings(
        sources=(source,), s3=S3(endpoint_url=url), root=month, landing=Landing(workers=2, parts=parts)
    )


def landed(settings: Settings, **options: Any) -> dict[str, list[tuple]]:
    with Warehouse.open(None) as warehouse:
        land(settings, warehouse, **options)
        return {
            name: warehouse.read(BY_NAME[name]).drop("version", strict=False).rows()
            for name in ("raw.span", "raw.quarantine", "raw.file")
        }


def test_parts_on_s3_give_the_same_rows_and_what_a_killed_landing_left_goes(bucket, month: Path) -> None:
    settings = settings_of(month, bucket.url, f"s3://{bucket.name}/parts")
    own = settings.parts_place.removeprefix(f"s3://{bucket.name}/")
    bucket.put(f"{own}/of-a-killed-one/x.00000.parquet", b"rubbish")
    bucket.put("parts/of-somebody-else", b"theirs")
    rows = landed(settings)
    assert rows == landed(settings_of(month, bucket.url, None))
    assert len(rows["raw.span"]) > 400
    assert len(rows["raw.quarantine"]) == 4
    assert bucket.objects() == {"parts/of-somebody-else": b"theirs"}
    assert sorted(path.name for path in month.iterdir()) == ["in"]


def test_a_landing_that_fails_leaves_no_part(bucket, month: Path) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        landed(settings_of(month, bucket.url, f"s3://{bucket.name}/parts"), progress=stop)
    assert bucket.objects() == {}


def test_a_bucket_that_is_not_there_is_told_before_anything_is_read(bucket, month: Path) -> None:
    with pytest.raises(
        StorageError, match=r"`parts` under \[landing\]: s3://no-such-place/.* no such bucket"
    ) as told:
        landed(settings_of(month, bucket.url, "s3://no-such-place/parts"))
    assert "Correct the name" in told.value.advice


def test_parts_that_may_not_be_removed_are_told_before_anything_is_read(bucket, proxy, month: Path) -> None:
    answer = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n<Error><Code>AccessDenied</Code></Error>"
    proxy.fault = lambda what: answer if what.startswith("DELETE") else None
    with pytest.raises(StorageError, match=r"The parts of the landing.* access is denied.* s3:DeleteObject"):
        landed(settings_of(month, proxy.url, f"s3://{bucket.name}/parts"))


def test_a_part_that_somebody_removed_is_told(bucket, tmp_path: Path) -> None:
    for place in (f"s3://{bucket.name}/parts", str(tmp_path)):
        with (
            pytest.raises(
                WarehouseError, match=r"that a worker wrote is not in .* no other landing may use it"
            ),
            Handover(place, bucket.url).taken("x.00000.parquet", tmp_path / "spool"),
        ):
            pass


def test_no_room_for_the_copy_of_a_part_is_told(bucket, tmp_path: Path) -> None:
    bucket.put("parts/x.parquet", b"x")
    (tmp_path / "spool").write_bytes(b"in the way")
    with (
        pytest.raises(WarehouseError, match=r"cannot be copied to .*spool: File exists"),
        Handover(f"s3://{bucket.name}/parts", bucket.url).taken("x.parquet", tmp_path / "spool"),
    ):
        pass


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    with (
        pytest.raises(WarehouseError, match=r"no folder .*file/parts for the parts .*: Not a directory"),
        open_handover(f"{tmp_path}/file/parts", None),
    ):
        pass
    rows = BY_NAME["raw.span"].schema.to_frame()
    with pytest.raises(
        WarehouseError, match=r"cannot be written to .*gone: .* name another place as `parts`"
    ):
        Handover(f"{tmp_path}/gone").write("x.parquet", rows)


@pytest.mark.parametrize("parts", ["s3://AKID:hushhush@bucket/x", "s3://bucket/*", "gs://bucket/x"])
def test_an_address_that_cannot_hold_parts_is_refused(parts: str) -> None:
    with pytest.raises(ValueError, match=r"s3://bucket") as told:
        Landing(parts=parts)
    assert "write" in str(told.value)
