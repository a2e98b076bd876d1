"""Small files share a task, a part and a transaction, and nothing else: each lands as it would alone."""

import hashlib
import logging
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipeline import landing
from pipeline.errors import BalanceError
from pipeline.intake import groups, taking
from pipeline.intake.handover import Held
from pipeline.landing import land
from pipeline.landing_settings import Landing
from pipeline.settings import Settings
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME

RAW = ("raw.span", "raw.quarantine", "raw.file")
SPAN, QUARANTINE, FILE = (BY_NAME[name] for name in RAW)


@pytest.fixture
def line(request_line: Callable, span: Callable) -> Callable[..., bytes]:
    """A line of as many spans as there are numbers; each logs its number as input tokens."""

    def build(*tokens: int) -> bytes:
        spans = [span({"gen_ai.usage.input_tokens": count}, spanId=f"{count + 1:016x}") for count in tokens]
        return request_line(*spans).encode() + b"\n"

    return build


def write_mixed(folder: Path, line: Callable[..., bytes], count: int) -> Counter[str]:
    """Write so many files of every kind, and return how many of each."""
    kinds: Counter[str] = Counter()
    for number in range(count):
        kind = ("good", "good", "good", "damaged", "binary", "empty", "repeated")[number % 7]
        content = {
            "good": line(*range(number, number + number % 3 + 1)),
            "damaged": line(number) + b"garbage\n" + line(number + 1),
            "binary": b"\x00\x01 %d" % number,
            "empty": b" " * number,
            "repeated": line(number),
        }[kind]
        kinds[kind] += 1
        (folder / f"{number:05}.jsonl").write_bytes(content)
        if kind == "repeated":
            (folder / f"{number:05}-again.jsonl").write_bytes(content)
    return kinds


def raw(warehouse: Warehouse) -> dict[str, list[tuple]]:
    """The raw rows as they lie in the warehouse; files by name, without the version that comes with time."""
    rows = {name: warehouse.read(BY_NAME[name]).drop("version", strict=False).rows() for name in RAW}
    return rows | {"raw.file": sorted(rows["raw.file"], key=lambda row: row[:2])}


def test_two_thousand_small_files_land_one_by_one_in_the_books(
    traces: Path, landed: Callable, warehouse: Warehouse, line: Callable
) -> None:
    kinds = write_mixed(traces, line, 2_000)
    summary = landed()
    assert dict(summary.sources[0].files) == {"new": 2_000, "duplicate": kinds["repeated"]}
    files = warehouse.read(FILE)
    assert files.filter(pl.col("rows_read") != pl.col("rows_kept") + pl.col("rows_quarantined")).is_empty()
    for table, column in ((SPAN, "rows_kept"), (QUARANTINE, "rows_quarantined")):
        there = warehouse.read(table).group_by("file_id").len()
        told = files.filter(pl.col(column) > 0, pl.col("duplicate_of").is_null()).select("file_id", column)
        assert sorted(there.rows()) == sorted(told.rows())
    spans = sum(number % 3 + 1 for number in range(2_000) if number % 7 < 3)
    assert warehouse.read(SPAN).height == spans + 2 * kinds["damaged"] + kinds["repeated"]
    assert Counter(warehouse.read(QUARANTINE)["code"]) == {
        "not_json": kinds["damaged"], "binary_file": kinds["binary"], "empty_file": kinds["empty"],
    }  # fmt: skip
    before = raw(warehouse)
    assert dict(landed().sources[0].files) == {"unchanged": 2_000 + kinds["repeated"]}
    assert {name: sorted(rows, key=str) for name, rows in raw(warehouse).items()} == {
        name: sorted(rows, key=str) for name, rows in before.items()
    }


@pytest.mark.parametrize("most", [2, 7, 256])
def test_rows_lie_as_if_each_file_had_been_landed_alone(
    traces: Path, settings: Settings, line: Callable, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    write_mixed(traces, line, 40)

    def rows(small: int, files: int, how: Landing) -> dict[str, list[tuple]]:
        monkeypatch.setattr(groups, "SMALL_BYTES", small)
        monkeypatch.setattr(taking, "MOST_FILES", files)
        with Warehouse.open(None) as warehouse:
            land(settings.model_copy(update={"landing": how}), warehouse)
            return raw(warehouse)

    alone = rows(0, 1, Landing(workers=1))
    assert len(alone["raw.file"]) == 45
    assert rows(groups.MOST_BYTES, most, Landing(workers=2)) == alone


def test_a_file_that_changes_after_it_was_hashed_is_set_aside_and_no_other(
    traces: Path, landed: Callable, warehouse: Warehouse, line: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        (traces / f"{number}.jsonl").write_bytes(line(number))
    hashed = landing.owners

    def written(*known: Any) -> Any:
        (traces / "3.jsonl").write_bytes(line(30))
        return hashed(*known)

    with monkeypatch.context() as patch:
        patch.setattr(landing, "owners", written)
        landed()
    assert warehouse.read(QUARANTINE)["code"].to_list() == ["changed_while_read"]
    assert sorted(warehouse.read(SPAN)["input_tokens"]) == [0, 1, 2, 4, 5]
    landed()
    assert sorted(warehouse.read(SPAN)["input_tokens"]) == [0, 1, 2, 4, 5, 30]
    assert warehouse.read(QUARANTINE).is_empty()


def test_a_file_that_cannot_be_opened_is_set_aside_and_no_other(
    traces: Path, landed: Callable, warehouse: Warehouse, line: Callable
) -> None:
    (traces / "a.jsonl").write_bytes(line(1))
    (traces / "b.jsonl").symlink_to("nowhere")
    (traces / "c.jsonl").write_bytes(line(2))
    landed()
    assert warehouse.read(QUARANTINE).select("uri", "code").rows() == [("traces/b.jsonl", "unreadable_file")]
    assert warehouse.read(SPAN)["input_tokens"].to_list() == [1, 2]


@pytest.mark.parametrize("lost", ["span_id", "code"])
def test_a_row_that_gets_lost_on_the_way_raises_and_lands_nothing(  # noqa: PLR0917
    traces: Path, warehouse: Warehouse, settings: Settings, line: Callable, monkeypatch: pytest.MonkeyPatch,
    lost: str,
) -> None:  # fmt: skip
    (traces / "a.jsonl").write_bytes(line(1, 2, 3))
    (traces / "b.jsonl").write_bytes(line(4) + b"garbage\n")
    taken = Held.taken

    def losing(held: Held, name: str, scratch: Path) -> pl.DataFrame:
        rows = taken(held, name, scratch)
        return rows[(lost in rows.columns) :]

    with monkeypatch.context() as patch:
        patch.setattr(Held, "taken", losing)
        with pytest.raises(BalanceError, match=r"traces/[ab].jsonl: \d records read, but"):
            land(settings, warehouse)
    assert raw(warehouse) == {name: [] for name in RAW}
    land(settings, warehouse)
    assert warehouse.read(SPAN).height == 4


@pytest.mark.parametrize("name", ["0.jsonl", "a.jsonl.1", "b.jsonl"])
@pytest.mark.parametrize("small", [0, groups.SMALL_BYTES])
def test_a_rotated_file_is_landed_once_whether_its_new_name_sorts_before_or_behind(  # noqa: PLR0917
    traces: Path, landed: Callable, warehouse: Warehouse, line: Callable, monkeypatch: pytest.MonkeyPatch,
    name: str, small: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(groups, "SMALL_BYTES", small)
    (traces / "a.jsonl").write_bytes(line(1) + b"garbage\n")
    landed()
    (traces / "a.jsonl").rename(traces / name)
    (traces / "a.jsonl").write_bytes(line(2))
    landed()
    assert sorted(warehouse.read(SPAN)["input_tokens"]) == [1, 2]
    assert warehouse.read(QUARANTINE)["uri"].to_list() == [f"traces/{name}"]
    assert warehouse.read(FILE)["duplicate_of"].to_list() == [None, None]


FOLDERS = st.dictionaries(st.sampled_from(["a", "a.1", "b", "0"]), st.integers(0, 3))


@given(
    states=st.lists(FOLDERS, min_size=2, max_size=4), most=st.sampled_from([1, 2, 256]), small=st.booleans()
)
@example(states=[{"a": 1}, {"a": 2, "a.1": 1}], most=1, small=False)
@hypothesis_settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_becomes_of_files_every_content_lies_there_once(  # noqa: PLR0917
    traces: Path, settings: Settings, line: Callable, states: list[dict[str, int]], most: int, small: bool
) -> None:
    with Warehouse.open(None) as warehouse, pytest.MonkeyPatch.context() as patch:
        patch.setattr(taking, "MOST_FILES", most)
        patch.setattr(groups, "SMALL_BYTES", groups.SMALL_BYTES if small else 0)
        for state in states:
            for path in traces.iterdir():
                path.unlink()
            for name, content in state.items():
                (traces / name).write_bytes(line(*range(content)) + b"garbage\n" * (content % 2))
            land(settings, warehouse)
            files = warehouse.read(FILE)
            held = files.filter(pl.col("duplicate_of").is_null())
            assert held["file_id"].is_unique().all()
            for table, column in ((SPAN, "rows_kept"), (QUARANTINE, "rows_quarantined")):
                there = warehouse.read(table).group_by("file_id").len()
                assert sorted(there.rows()) == sorted(
                    held.filter(pl.col(column) > 0).select("file_id", column).rows()
                )
            ids = {row["uri"]: row["file_id"] for row in files.rows(named=True)}
            for path in traces.iterdir():
                file_id = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
                assert ids[f"traces/{path.name}"] == file_id
                assert file_id in set(held["file_id"])


def test_files_that_are_written_anew_all_at_once_replace_their_own_rows(
    traces: Path, landed: Callable, warehouse: Warehouse, line: Callable
) -> None:
    for number in range(300):
        (traces / f"{number:03}.jsonl").write_bytes(line(number) + b"garbage\n")
    landed()
    for number in range(0, 300, 2):  # every second one gets what the one behind it had
        (traces / f"{number:03}.jsonl").write_bytes(line(number + 1) + b"garbage\n")
    assert dict(landed().sources[0].files) == {"replaced": 150, "unchanged": 150}
    assert sorted(warehouse.read(SPAN)["input_tokens"]) == list(range(1, 300, 2))
    assert warehouse.read(QUARANTINE)["uri"].to_list() == [f"traces/{n:03}.jsonl" for n in range(0, 300, 2)]


def test_a_large_file_between_small_ones_is_a_transaction_of_its_own(
    traces: Path, landed: Callable, warehouse: Warehouse, line: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "SMALL_BYTES", 5_000)
    for number in range(9):
        (traces / f"{number}.jsonl").write_bytes(
            line(*range(number * 100, number * 100 + 1 + 40 * (number % 4 == 3)))
        )
    held, begun = Warehouse.transaction, []
    monkeypatch.setattr(Warehouse, "transaction", lambda self: begun.append(1) or held(self))
    landed()
    assert len(begun) == 5  # 0-2, 3, 4-6, 7, 8
    assert warehouse.read(SPAN)["input_tokens"].to_list() == sorted(warehouse.read(SPAN)["input_tokens"])
    assert warehouse.read(SPAN).height == 9 + 80


class StoppedError(Exception):
    """Stands for whatever ends a landing."""


def test_a_landing_that_is_stopped_anywhere_keeps_whole_groups_and_ends_the_same(
    traces: Path, settings: Settings, line: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "MOST_FILES", 8)
    write_mixed(traces, line, 20)
    with Warehouse.open(None) as warehouse:
        land(settings, warehouse)
        whole = raw(warehouse)
    executed = Warehouse.load
    for stop in range(100):
        with Warehouse.open(None) as warehouse:
            left = [stop]

            def load(self: Warehouse, *given: Any, left: list[int] = left) -> int:
                left[0] -= 1
                if left[0] == -1:
                    raise StoppedError
                return executed(self, *given)

            with monkeypatch.context() as patch:
                patch.setattr(Warehouse, "load", load)
                try:
                    land(settings, warehouse)
                except StoppedError:
                    books = warehouse.read(FILE).filter(pl.col("duplicate_of").is_null())
                    assert books.height in {0, 8, 16, 20}
                    assert books["rows_kept"].sum() == warehouse.read(SPAN).height
            is_through = left[0] >= 0
            land(settings, warehouse)
            assert raw(warehouse) == whole
        if is_through:
            break
    assert 8 <= stop < 99


KILLED = """
import os, signal, sys
from pathlib import Path
from pipeline.intake import taking
from pipeline.landing import land
from pipeline.settings import Settings
from pipeline.source_settings import Source
from pipeline.warehouse import Warehouse
loaded, left = Warehouse.load, [int(sys.argv[2])]
def load(*given):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return loaded(*given)
Warehouse.load = load
taking.MOST_FILES = 50
settings = Settings(sources=(Source(name="otel", kind="traces", uri="traces"),), root=Path(sys.argv[1]))
with Warehouse.open(settings.warehouse_file) as warehouse:
    land(settings, warehouse)
"""


@pytest.mark.system
@pytest.mark.parametrize("after", [1, 4, 16])
def test_a_kill_in_the_middle_of_a_group_loses_that_group_at_most(
    traces: Path, settings: Settings, line: Callable, after: int
) -> None:
    write_mixed(traces, line, 300)
    with Warehouse.open(None) as warehouse:
        land(settings, warehouse)
        whole = {name: sorted(rows, key=str) for name, rows in raw(warehouse).items()}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, traces.parent, str(after)], capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert list(traces.parent.glob(".*.parts"))
    with Warehouse.open(settings.warehouse_file) as warehouse:
        books = warehouse.read(FILE).filter(pl.col("duplicate_of").is_null())
        assert books.height % 50 == 0
        assert books["rows_kept"].sum() == warehouse.read(SPAN).height
        land(settings, warehouse)
        assert {name: sorted(rows, key=str) for name, rows in raw(warehouse).items()} == whole
    assert not list(traces.parent.glob(".*.parts"))


MEASURED = """
import resource, sys, time
from pathlib import Path
from pipeline.landing import land
from pipeline.landing_settings import Landing
from pipeline.settings import Settings
from pipeline.source_settings import Source
from pipeline.warehouse import Warehouse
source = Source(name="it", kind=sys.argv[2], uri=sys.argv[3])
settings = Settings(sources=(source,), root=Path(sys.argv[1]), landing=Landing(workers=2))
begun = time.process_time()
with Warehouse.open(None) as warehouse:
    rows = sum(source.rows["rows_kept"] for source in land(settings, warehouse).sources)
print(rows, time.process_time() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@pytest.mark.system
def test_ten_thousand_small_files_land_within_bounds(tmp_path: Path, traces: Path, line: Callable) -> None:
    for number in range(10_000):
        (traces / f"{number:05}.jsonl").write_bytes(line(*range(number, number + number % 3 + 1)))

    def measured(uri: str) -> list[float]:
        command = [sys.executable, "-c", MEASURED, tmp_path, "traces", uri]
        return [
            float(word) for word in subprocess.run(command, capture_output=True, check=True).stdout.split()
        ]

    one, all_of_them = measured("traces/00001.jsonl"), measured("traces")
    logging.getLogger(__name__).info("seconds and MiB: %s, %s", one, all_of_them)
    assert (one[0], all_of_them[0]) == (2, 19_999)
    assert all_of_them[1] < 30  # of processor time
    assert all_of_them[2] - one[2] < 400
