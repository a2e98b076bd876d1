"""The month that is benchmarked: a simulated one repeated, so that traced and metered still meet."""

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from assets import bench, bench_data, close
from assets.cli import app
from pipeline.period import Month
from pipeline.reconcile import explain_drift
from pipeline.simulator import world

MONTH = "2026-10"


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> tuple:
    made = world.write(tmp_path_factory.mktemp("bench"), seed=4, month=MONTH, calls=300)
    config = close.load_settings(made.configuration)
    close.land(config)
    return close.facts(config, Month.parse(MONTH))


def test_three_tiles_hold_three_times_the_tokens_and_the_calls(facts) -> None:
    """Of the steps those that are arithmetic on records; what is inferred may move with its size."""
    calls, meters, rules = facts
    once = totals(explain_drift(calls, meters, MONTH, rules).bridge)
    three = bench.tile_calls(calls, 3), bench.tile_meters(meters, 3)
    thrice = totals(explain_drift(*three, MONTH, rules).bridge)
    assert three[0].calls.height == 3 * calls.calls.height
    assert once["traced"] > 0
    for step in ("traced", "uninstrumented"):
        assert thrice.get(step, 0) == 3 * once.get(step, 0)
    assert sum(thrice.values()) == 3 * sum(once.values())


def totals(bridge: pl.DataFrame) -> dict[str, int]:
    return dict(bridge.group_by("step").agg(pl.col("tokens").sum()).rows())


def test_no_two_tiles_share_an_id_or_a_time_and_a_trace_stays_together(facts) -> None:
    calls = facts[0].calls
    tiled = bench.tile_calls(facts[0], 2).calls
    assert tiled["call_id"].n_unique() == 2 * calls["call_id"].n_unique()
    assert tiled["trace_id"].n_unique() == 2 * calls["trace_id"].n_unique()
    first, second = (tiled.filter(pl.col("trace_id").str.starts_with(f"{tile}-")) for tile in (0, 1))
    apart = second.sort("call_id")["ended_at"] - first.sort("call_id")["ended_at"]
    assert apart.dt.total_milliseconds().unique().to_list() == [3000]
    assert tiled["response_id"].null_count() == 2 * calls["response_id"].null_count()


def test_a_benchmark_tells_its_ratio_beside_its_goal(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    done = CliRunner().invoke(
        app, ["bench", "--only", "attribution", "--calls", "300", "--runs", "1", "--json", str(path)]
    )
    assert done.exit_code == 0, done.output
    assert {"attribution"} == {row["benchmark"] for row in json.loads(path.read_text("utf-8"))}
    (row,) = json.loads(path.read_text("utf-8"))
    assert row["ratio"] == pytest.approx(row["seconds"] / row["baseline_seconds"])
    assert 250 < row["rows"] < 350
    assert row["peak_bytes"] > 50 * 2**20
    assert "≤ 10" in done.stdout


def test_landing_is_told_beside_its_baselines(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    asked = ["bench", "--only", "landing", "--spans", "2000", "--runs", "1", "--json", str(path)]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    plain, with_text = json.loads(path.read_text("utf-8"))
    for told, spans in ((plain, 2000), (with_text, 400)):
        by_code = {timing["code"]: timing for timing in told["timings"]}
        assert {timing["spans"] for code, timing in by_code.items() if code != "parse only"} == {spans}
        assert told["ratio"] == pytest.approx(by_code["duckdb"]["seconds"] / by_code["landing"]["seconds"])
        assert all(timing["peak_bytes"] > 50 * 2**20 for timing in by_code.values())
    assert (plain["goal"], with_text["goal"]) == (5, 1)


def test_the_same_dump_is_made_again(tmp_path: Path) -> None:
    for name in "ab":
        bench_data.write_dump(tmp_path / name, 300, with_text=True)
    lines = [json.loads(line) for line in (tmp_path / "a").read_bytes().splitlines()]
    spans = [s for line in lines for part in line["resourceSpans"] for s in part["scopeSpans"][0]["spans"]]
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert len({span["spanId"] for span in spans}) == 300
    assert sum(len(span["attributes"]) == 18 for span in spans) == 147
