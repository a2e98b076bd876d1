"""The order of a month's rows changes no byte of what is made of them, over a company with every fault."""

from pathlib import Path

import polars as pl

from assets.close import facts, land, load_settings
from pipeline.calls import Calls
from pipeline.period import Month
from pipeline.reconcile import explain_drift
from pipeline.simulator import world
from pipeline.simulator.mix import Mix


def shuffled(calls: Calls) -> Calls:
    frames = {name: frame for name, frame in calls._asdict().items() if isinstance(frame, pl.DataFrame)}
    return calls._replace(
        **{name: frame.sample(fraction=1, shuffle=True, seed=3) for name, frame in frames.items()}
    )


def test_shuffled_rows_give_the_same_bridge_and_rates(tmp_path: Path) -> None:
    world.write(tmp_path, seed=13, month="2026-10", calls=12_000, mix=Mix.draw(13))
    config = load_settings(tmp_path / "tallystick.toml")
    land(config)
    calls, meters, rules = facts(config, Month.parse("2026-10"))
    one = explain_drift(calls, meters, "2026-10", rules)
    other = explain_drift(shuffled(calls), meters, "2026-10", rules)
    assert one.bridge.equals(other.bridge)
    assert one.rates.equals(other.rates)
    assert one.claims.sort(pl.all()).equals(other.claims.sort(pl.all()))
