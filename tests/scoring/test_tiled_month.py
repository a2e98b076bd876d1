"""The month that is benchmarked: a simulated one repeated, so that traced and metered still meet."""

import polars as pl
import pytest

from assets import bench_attribution as bench
from assets import close
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
