"""`tallystick simulate` as a user runs it, and the figures over several worlds."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from assets.score import FIGURES, Figure
from assets.simulate import BALANCED, Plan, mix_of, simulate, summarise
from pipeline.errors import ConfigError

HIGH = Figure("a", "a", "A.")
FAR = Figure("b", "b", "B.", bad="far")


def tallystick(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("tallystick")), *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def test_one_world_is_scored_and_printed_in_full(tmp_path: Path) -> None:
    options = ("--calls", "400", "--seed", "3", "--keep", "worlds", "--json", "figures.json")
    done = tallystick("simulate", *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "misplaced, of gross drift" in done.stdout
    assert f"{FIGURES[0].title}: {FIGURES[0].sentence}" in done.stdout
    (world,) = json.loads((tmp_path / "figures.json").read_text("utf-8"))
    assert world["command"] == "tallystick simulate --seed 3 --calls 400 --grain day"
    assert world["figures"][BALANCED]["misread"] == 0
    assert_truth_is_that_of(tmp_path / "worlds" / "seed-3-calls-400-day", world["causes"])
    assert not list(tmp_path.glob("output*"))


def assert_truth_is_that_of(folder: Path, causes: list[dict[str, object]]) -> None:
    rows = pl.read_csv(folder / "truth" / "truth.csv").filter(pl.col("month") == "2026-10")
    known = dict(rows.group_by("cause").agg(pl.col("tokens").sum()).rows())
    assert {row["cause"]: row["truth"] for row in causes if row["cause"] in known} == known
    assert len(known) > 5


def test_a_cause_that_does_not_exist_is_refused_with_those_that_do(tmp_path: Path) -> None:
    done = tallystick("simulate", "--without", "retry", folder=tmp_path)
    assert done.returncode == 2
    assert "There is no cause 'retry' (--without)" in done.stderr
    assert "retries, cancellations" in done.stderr
    for option in ("only", "drop"):
        with pytest.raises(ConfigError, match=rf"There is no cause 'retry' \(--{option}\)"):
            Plan(**{option: "retry"})


def test_a_time_step_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match="There is no time step 'week'"):
        Plan(grain="week")


def test_a_folder_with_other_things_in_it_is_not_replaced(tmp_path: Path) -> None:
    mine = tmp_path / "seed-1-calls-400-day"
    mine.mkdir()
    (mine / "notes.txt").write_text("keep")
    with pytest.raises(ConfigError, match="Choose another folder"):
        simulate(Plan(calls=400, keep=tmp_path))
    assert (mine / "notes.txt").read_text() == "keep"


def test_the_command_that_replays_a_world_says_all_that_makes_it() -> None:
    plan = Plan(calls=3000, seed=17, grain="hour", without="sampling", drop="retries")
    assert plan.command == (
        "tallystick simulate --seed 17 --calls 3000 --grain hour --without sampling --drop retries"
    )


def test_goals_depend_on_size_and_time_step_and_need_all_causes() -> None:
    assert Plan(calls=400).goals == {}
    assert Plan(calls=3000).goals == {"misplaced": (0, 0.15)}
    assert Plan(calls=30_000).goals["misplaced"] == (0, 0.05)
    assert Plan(calls=30_000, grain="hour").goals["misplaced"] == (0, 0.04)
    assert Plan(calls=30_000).goals["coverage"] == (0.85, 0.97)
    assert Plan(calls=30_000, without="sampling").goals == {}


def test_a_world_can_lack_a_cause_or_have_but_one() -> None:
    usual = mix_of(Plan(seed=5))
    assert mix_of(Plan(seed=5, without="sampling")) == usual.without("sampling")
    alone = mix_of(Plan(seed=5, only="retries", grain="minute"))
    assert (alone.retries, alone.grain) == (usual.retries, "minute")
    assert (alone.cancellations, alone.uninstrumented, alone.duplicate_spans) == (0, 0, 0)


def test_nine_of_ten_worlds_are_no_worse_than_the_90th_percentile() -> None:
    values = [0.01 * number for number in (7, 3, 10, 1, 9, 2, 8, 4, 6, 5)]
    assert summarise(HIGH, values) == pytest.approx((0.055, 0.09, 0.10))
    assert summarise(HIGH, [None, 0.2]) == (0.2, 0.2, 0.2)
    assert summarise(HIGH, [None]) == (None, None, None)


def test_the_worst_coverage_is_the_farthest_from_what_is_promised() -> None:
    """Promised is 90 %: 60 % is farther than 100 %."""
    assert summarise(FAR, [0.88, 0.6, 1.0]) == (0.88, 0.6, 0.6)
