"""`tallystick bench`: every table is printed, and what it tells follows from what was measured."""

import json
from collections import namedtuple
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assets import bench, bench_machine, bench_scale
from assets.bench_measure import Asked
from assets.cli import app
from pipeline.errors import ConfigError


def told(tmp_path: Path, *asked: str) -> tuple[str, list[dict]]:
    path = tmp_path / "bench.json"
    done = CliRunner().invoke(app, ["bench", *asked, "--runs", "1", "--json", str(path)])
    assert done.exit_code == 0, done.output
    figures = json.loads(path.read_text("utf-8"))
    assert figures["machine"] == bench_machine.machine()
    return done.stdout, figures["benchmarks"]


def test_a_benchmark_tells_its_ratio_beside_its_goal(tmp_path: Path) -> None:
    shown, (row,) = told(tmp_path, "--only", "attribution", "--calls", "300")
    assert row["benchmark"] == "attribution"
    assert row["ratio"] == pytest.approx(row["seconds"] / row["baseline_seconds"])
    assert 250 < row["rows"] < 350
    assert row["peak_bytes"] > 50 * 2**20
    assert "≤ 10" in shown


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[dict]]:
    return told(tmp_path_factory.mktemp("landing"), "--only", "landing", "--spans", "2000")


def test_landing_is_told_beside_its_baselines(landing) -> None:
    shown, tables = landing
    plain, protobuf, with_text = tables
    for table, spans in ((plain, 2000), (protobuf, 2000), (with_text, 400)):
        by_code = {timing["code"]: timing for timing in table["timings"]}
        assert {timing["spans"] for code, timing in by_code.items() if code != "parse only"} == {spans}
        seconds = {code: timing["seconds"] for code, timing in by_code.items()}
        assert table["ratio"] == pytest.approx(seconds["duckdb"] / seconds["landing"])
        assert table["share_of_limit"] == pytest.approx(seconds["parse only"] / seconds["landing"])
        assert f"{table['benchmark']}: {table['ratio']:.1f} × DuckDB" in shown
        assert all(timing["peak_bytes"] > 50 * 2**20 for timing in by_code.values())
        assert all(timing["cpu_seconds"] > 0 for timing in by_code.values())
    assert [table["goal"] for table in tables] == [5, 5, 1]
    assert {"duckdb", "polars", "pandas"} <= {timing["code"] for timing in plain["timings"]}
    assert protobuf["timings"][0]["size_bytes"] < plain["timings"][0]["size_bytes"]
    assert protobuf["timings"][1] == plain["timings"][1]


def test_it_is_told_how_many_spans_were_counted_and_how_fast(landing) -> None:
    """Of 400 spans 200 are calls, of which those numbered 1, 101, 201 and 301 log no usage."""
    shown, (_, _, with_text) = landing
    counting = with_text["counting"]
    assert (counting["llm_spans"], counting["counted_spans"]) == (200, 4)
    assert counting["share"] == pytest.approx(4 / 200)
    assert counting["tokens"] == counting["landed_tokens"] > 4 * (160 + 60) * 0.9
    assert counting["seconds"] > 0
    assert "counting: 4 of 200 LLM spans (2.0%)" in shown
    assert f"{counting['tokens'] / counting['seconds']:,.0f} tokens/s" in shown


def test_time_per_span_is_told_over_three_sizes(tmp_path: Path) -> None:
    shown, (scale,) = told(tmp_path, "--only", "scale", "--spans", "1000")
    timings = scale["timings"]
    each = [timing["seconds"] / timing["spans"] for timing in timings]
    assert [timing["spans"] for timing in timings] == [100, 1000, 10_000]
    assert scale["spread"] == pytest.approx(max(each) / min(each) - 1)
    assert scale["peak_bytes"] == max(timing["peak_bytes"] for timing in timings)
    assert "goal < 15%" in shown
    assert "goal ≤ 1.5 GiB" in shown


def test_small_files_are_told(tmp_path: Path) -> None:
    shown, (files,) = told(tmp_path, "--only", "files", "--spans", "1000")
    ours, duckdb = files["timings"]
    assert files["files"] == 10
    assert ours["spans"] == duckdb["spans"] == 1 + 2 + 3 + 1 + 2 + 3 + 1 + 2 + 3 + 1
    assert ours["files_per_second"] == pytest.approx(10 / ours["seconds"])
    assert "small files: 10 dumps" in shown


def test_a_disk_without_room_is_told_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(bench_scale.shutil, "disk_usage", lambda folder: usage(5 * 10**9))
    asked = Asked(100, 1_000_000, 1, lambda what: None)
    with pytest.raises(ConfigError, match=r"5\.0 GB free; 10,000,000 spans .* need 1\d\.\d GB.*--spans"):
        next(bench.run(asked, None))


def test_what_is_not_measured_is_refused_with_what_is() -> None:
    done = CliRunner().invoke(app, ["bench", "--only", "speed"])
    assert done.exit_code == 2
    assert all(code in done.output for code in bench.CODES)


def test_the_machine_is_told_with_its_versions() -> None:
    shape = bench_machine.machine()
    assert shape["cores"] >= 1
    assert shape["memory_bytes"] > 2**30
    assert f"duckdb {shape['duckdb']}, polars {shape['polars']}" in bench_machine.told(shape)
    assert "of unknown model" in bench_machine.told(shape | {"cpu": None})


def test_the_pages_of_a_month_do_not_grow_with_its_evidence(tmp_path: Path) -> None:
    shown, (row,) = told(tmp_path, "--only", "reports", "--calls", "400")
    quarter, whole, full = row["months"]
    assert [month["teams"] for month in row["months"]] == [1, 4, 4]
    assert full["evidence_rows"] == 10 * whole["evidence_rows"] == 40 * quarter["evidence_rows"]
    assert quarter["pages"] < whole["pages"] == full["pages"]
    assert full["html_bytes"] == pytest.approx(whole["html_bytes"], rel=0.01)
    assert full["largest_bytes"] < 300_000
    assert row["seconds"] == max(month["seconds"] for month in row["months"])
    assert "goal ≤ 30 s" in shown
