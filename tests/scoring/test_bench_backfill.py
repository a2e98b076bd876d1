"""`tallystick bench --only backfill`: what it tells follows from what its processes took."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from assets.bench_backfill import COMMAND_LINE, DAGSTER, MONTHS, Backfilled, Run, Way, _table, measure
from assets.partitions import MONTHS as PARTITIONS
from pipeline.errors import TallystickError

MIB = 2**20


def shown(found: Backfilled) -> str:
    out = io.StringIO()
    Console(file=out, width=200).print(_table(found))
    return out.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backfill")


def test_months_are_closed_alone_and_in_one_warehouse(folder: Path) -> None:
    found = measure(folder, COMMAND_LINE, MONTHS[:2], 100, lambda what: None)

    assert [run.month for run in found.alone] == [run.month for run in found.together] == list(MONTHS[:2])
    for run in (*found.alone, *found.together):
        assert run.seconds > 0
        assert run.cpu_seconds > 0
        assert run.peak_bytes > 50 * MIB
    for place in (folder / MONTHS[0], folder / MONTHS[1]):
        assert [path.name for path in (place / "output").iterdir()] == [place.name]
    assert {path.name for path in (folder / "output").iterdir()} == set(MONTHS[:2])


def test_a_month_is_closed_as_a_run_of_dagster(tmp_path: Path) -> None:
    found = measure(tmp_path, DAGSTER, MONTHS[:1], 100, lambda what: None)

    assert len(found.alone) == len(found.together) == 1
    assert (tmp_path / "output" / MONTHS[0] / "index.html").is_file()
    assert (tmp_path / MONTHS[0] / "output" / MONTHS[0] / "index.html").is_file()


def test_what_is_told_follows_from_what_was_measured() -> None:
    alone = tuple(Run(month, 2.0, 3.0, 100 * MIB) for month in MONTHS)
    together = tuple(
        Run(month, 2.0 + place / 20, 2.0 + place / 20, 100 * MIB) for place, month in enumerate(MONTHS)
    )
    found = Backfilled("Dagster", 500, alone, (*together[:-1], together[-1]._replace(peak_bytes=150 * MIB)))
    told = shown(found)

    assert found.ratio("seconds") == pytest.approx((24 + 3.3) / 24)
    assert found.ratio("cpu_seconds") == pytest.approx((24 + 3.3) / 36)
    assert found.memory_ratio == pytest.approx(1.5)
    assert found.growth == pytest.approx(2.5 / 2.1)
    assert "1.14 × the months alone (CPU 0.76), goal ≤ 1.1 missed" in told
    assert "late months 1.19 × early ones" in told
    assert "12 months of 500 calls" in told
    assert found.figures()["together"][-1]["peak_bytes"] == 150 * MIB


def test_a_month_that_cannot_be_closed_is_told_with_what_it_said(tmp_path: Path) -> None:
    broken = Way(
        "broken", lambda month: ("-c", f"print('no {month} today'); raise SystemExit(2)"), frozenset({0})
    )

    with pytest.raises(
        TallystickError, match=r"2025-01 could not be closed \(broken, exit code 2\):\n.*no 2025"
    ):
        measure(tmp_path, broken, MONTHS[:1], 100, lambda what: None)


def test_the_months_are_partitions() -> None:
    assert set(MONTHS) <= set(PARTITIONS.get_partition_keys())
