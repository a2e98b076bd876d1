from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline import landing
from pipeline.errors import ConfigError
from pipeline.landing import LandingSummary, land
from pipeline.settings import Settings
from pipeline.source_settings import Source
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME, TABLES

SPAN, FILE, QUARANTINE = (BY_NAME[f"raw.{name}"] for name in ("span", "file", "quarantine"))


@pytest.fixture
def line(request_line: Callable, span: Callable) -> Callable[[int], bytes]:
    """A line whose one span logs so many input tokens."""
    return lambda tokens: request_line(span({"gen_ai.usage.input_tokens": tokens})).encode() + b"\n"


def _counts(summary: LandingSummary, name: str = "otel") -> dict[str, int]:
    return dict(next(source for source in summary.sources if source.name == name).files)


def _raw(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    """All raw tables, sorted, without the times of files, of which their versions are made."""
    tables = {table: warehouse.read(table) for table in TABLES if table.layer == "raw"}
    return {
        table.name: sorted(frame.drop("pulled_at", "version", strict=False).rows(), key=str)
        for table, frame in tables.items()
    }


def _tokens(warehouse: Warehouse) -> list[int]:
    return sorted(warehouse.read(SPAN)["input_tokens"].to_list())


def test_files_are_landed_with_their_manifest(
    traces: Path, landed: Callable, warehouse: Warehouse, line: Callable
) -> None:
    (traces / "a.jsonl").write_bytes(line(1) + line(2) + b"garbage\n")
    summary = landed()
    (row,) = warehouse.read(FILE).rows(named=True)
    assert (row["source"], row["uri"], row["kind"]) == ("otel", "traces/a.jsonl", "traces")
    assert (row["format"], row["duplicate_of"]) == ("otlp_json", None)
    assert (row["rows_read"], row["rows_kept"], row["rows_quarantined"]) == (3, 2, 1)
    assert (row["pulled_at"], row["pulled_at_basis"]) == (None, None)
    assert summary.rows == {
        "raw.file": 1, "raw.span": 2, "raw.quarantine": 1,
        "raw.usage": 0, "raw.cost": 0, "raw.invoice": 0, "raw.request": 0,
    }  # fmt: skip
    assert summary.text() == "otel (traces): 1 new; 3 records read, 2 kept, 1 in quarantine"


def test_a_file_written_between_hashing_and_reading_is_set_aside_and_lands_the_next_time(
    traces: Path, landed: Callable, warehouse: Warehouse, line: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    (traces / "a.jsonl").write_bytes(line(1))
    landed()
    hashed = landing.owners

    def written(*known: Any) -> Any:
        (traces / "a.jsonl").write_bytes(line(3))
        return hashed(*known)

    (traces / "a.jsonl").write_bytes(line(2))  # of the same size, so that nothing is read ahead
    with monkeypatch.context() as patch:
        patch.setattr(landing, "owners", written)
        landed()
    assert warehouse.read(QUARANTINE)["code"].to_list() == ["changed_while_read"]
    assert _tokens(warehouse) == []
    landed()
    assert _tokens(warehouse) == [3]
    assert warehouse.read(QUARANTINE).is_empty()


def test_landing_again_changes_nothing(
    traces: Path, landed: Callable, warehouse: Warehouse, line: Callable
) -> None:
    (traces / "a.jsonl").write_bytes(line(1) + b"garbage\n")
    landed()
    before = _raw(warehouse)
    assert _counts(landed()) == {"unchanged": 1}
    assert _raw(warehouse) == before


def test_the_same_content_under_two_names_is_landed_once(
    traces: Path, landed: Callable, warehouse: Warehouse, line: Callable
) -> None:
    (traces / "b.jsonl").write_bytes(line(1) + b"garbage\n")
    landed()
    (traces / "c.jsonl").write_bytes(line(1) + b"garbage\n")
    assert _counts(landed()) == {"unchanged": 1, "duplicate": 1}
    (traces / "a.jsonl").write_bytes(line(1) + b"garbage\n")
    assert _counts(landed()) == {"new": 1, "unchanged": 2}
    files = warehouse.read(FILE).sort("uri")
    assert files["duplicate_of"].to_list() == [None, "traces/a.jsonl", "traces/a.jsonl"]
    assert files["rows_read"].to_list() == [2, 0, 0]
    assert _tokens(warehouse) == [1]
    assert warehouse.read(QUARANTINE)["uri"].to_list() == ["traces/a.jsonl"]


def test_the_order_in_which_files_come_does_not_matter(
    traces: Path, settings: Settings, line: Callable
) -> None:
    contents = {"a": line(1), "b": line(2) + b"x\n", "c": line(1), "d": line(3), "e": b"", "f": b""}
    outcomes = []
    for order in ("abcdef", "fedcba", "cafebd"):
        for name in order:
            (traces / f"{name}.jsonl").unlink(missing_ok=True)
        with Warehouse.open(None) as warehouse:
            for name in order:
                (traces / f"{name}.jsonl").write_bytes(contents[name])
                land(settings, warehouse)
            outcomes.append(_raw(warehouse))
    with Warehouse.open(None) as warehouse:
        land(settings, warehouse)
        outcomes.append(_raw(warehouse))
    assert outcomes[0] == outcomes[1] == outcomes[2] == outcomes[3]


def test_a_changed_file_replaces_its_own_rows_only(
    traces: Path, landed: Callable, warehouse: Warehouse, line: Callable
) -> None:
    (traces / "a.jsonl").write_bytes(line(1) + b"garbage\n")
    (traces / "b.jsonl").write_bytes(line(2) + b"rubbish\n")
    landed()
    (traces / "a.jsonl").write_bytes(line(1) + line(3))
    assert _counts(landed()) == {"replaced": 1, "unchanged": 1}
    assert _tokens(warehouse) == [1, 2, 3]
    assert warehouse.read(QUARANTINE)["uri"].to_list() == ["traces/b.jsonl"]


def test_a_rotated_file_keeps_its_rows_under_its_new_name(
    traces: Path, landed: Callable, warehouse: Warehouse, line: Callable
) -> None:
    (traces / "data.jsonl").write_bytes(line(1))
    landed()
    (traces / "data.jsonl").rename(traces / "data-2026-11-01.jsonl")
    (traces / "data.jsonl").write_bytes(line(2))
    landed()
    assert _tokens(warehouse) == [1, 2]
    assert warehouse.read(FILE)["duplicate_of"].to_list() == [None, None]


def test_a_file_that_disappears_keeps_its_rows_and_is_told(
    traces: Path, landed: Callable, warehouse: Warehouse, line: Callable
) -> None:
    for name in ("a", "b"):
        (traces / f"{name}.jsonl").write_bytes(line(1))
    landed()
    (traces / "b.jsonl").unlink()
    assert _counts(landed()) == {"unchanged": 1, "gone": 1}
    (traces / "a.jsonl").write_bytes(line(2))
    landed()
    assert _tokens(warehouse) == [1, 2]
    files = warehouse.read(FILE).sort("uri")
    assert files["duplicate_of"].to_list() == [None, None]
    assert files["rows_kept"].to_list() == [1, 1]


def test_a_changed_option_lands_the_files_again(
    traces: Path, settings: Settings, landed: Callable, warehouse: Warehouse, line: Callable
) -> None:
    (traces / "a.jsonl").write_bytes(line(1))
    landed()
    bound = settings.sources[0].model_copy(update={"account": "acme"})
    assert _counts(landed(settings.model_copy(update={"sources": (bound,)}))) == {"replaced": 1}
    assert warehouse.read(SPAN)["account"].to_list() == ["acme"]


def test_two_sources_on_one_folder_land_it_once(
    settings: Settings, traces: Path, landed: Callable, warehouse: Warehouse, line: Callable
) -> None:
    (traces / "a.jsonl").write_bytes(line(1))
    twin = Source(name="again", kind="traces", uri="traces/*.jsonl")
    both = settings.model_copy(update={"sources": (*settings.sources, twin)})
    landed(both, only="otel")
    summary = landed(both)
    assert _tokens(warehouse) == [1]
    assert warehouse.read(SPAN)["source"].to_list() == ["again"]
    assert (_counts(summary, "again"), _counts(summary)) == ({"new": 1}, {"unchanged": 1})


def test_one_source_can_be_landed_alone(
    settings: Settings, tmp_path: Path, traces: Path, landed: Callable, line: Callable
) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more/b.jsonl").write_bytes(line(2))
    (traces / "a.jsonl").write_bytes(line(1))
    more = Source(name="more", kind="traces", uri="more")
    both = settings.model_copy(update={"sources": (*settings.sources, more)})
    assert landed(both, only="more").rows["raw.span"] == 1
    with pytest.raises(ConfigError, match=r"no source 'other'.*otel, more"):
        landed(both, only="other")


def test_a_source_without_files_is_told_not_raised(landed: Callable) -> None:
    (source,) = landed().sources
    assert source.is_empty
    assert source.text() == "otel (traces): no file"


def test_links_that_leave_the_folder_are_told_and_not_followed(
    tmp_path: Path, traces: Path, landed: Callable, warehouse: Warehouse, line: Callable
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.jsonl").write_bytes(line(9))
    (traces / "a.jsonl").write_bytes(line(1))
    (traces / "b.jsonl").symlink_to("../outside/secret.jsonl")
    (traces / "folder").symlink_to(tmp_path / "outside")
    (traces / "inner.jsonl").symlink_to("a.jsonl")
    summary = landed()
    assert _counts(summary) == {"new": 1, "duplicate": 1}
    assert _tokens(warehouse) == [1]
    for name in ("b.jsonl", "folder"):
        assert f"not read: traces/{name}: a link that leaves the folder of the source" in summary.text()


def test_progress_counts_stored_bytes(traces: Path, landed: Callable, line: Callable) -> None:
    calls: list[tuple[str, int, int]] = []
    for name in "ab":
        (traces / name).write_bytes(line(ord(name)))
    one = len(line(1) + b"0")
    landed(progress=lambda *call: calls.append(call))
    assert list(dict.fromkeys(calls)) == [("otel", one, 2 * one), ("otel", 2 * one, 2 * one)]
    calls.clear()
    landed(progress=lambda *call: calls.append(call))
    assert calls[-1] == ("otel", 2 * one, 2 * one)


def test_a_wrong_trace_format_is_told(
    settings: Settings, traces: Path, landed: Callable, warehouse: Warehouse, line: Callable
) -> None:
    (traces / "a.jsonl").write_bytes(line(1))
    wrong = settings.sources[0].model_copy(update={"format": "jaeger"})
    landed(settings.model_copy(update={"sources": (wrong,)}))
    (reject,) = warehouse.read(QUARANTINE).rows(named=True)
    assert (reject["code"], "otlp_json" in reject["advice"]) == ("unknown_format", True)


def test_rows_of_a_file_carry_its_hash(
    traces: Path, landed: Callable, warehouse: Warehouse, line: Callable
) -> None:
    (traces / "a.jsonl").write_bytes(line(1))
    landed()
    joined = warehouse.read(SPAN).join(warehouse.read(FILE), on="file_id")
    assert joined.select(pl.len()).item() == 1
