"""What is printed of worlds whose figures are given."""

import io

import polars as pl
import pytest
from rich.console import Console

from assets import scoreboard
from assets.score import CAUSES, FIGURES, cause_table
from assets.simulate import BALANCES, Outcome, Plan


@pytest.fixture
def no_causes(truth_of, bridge_of) -> pl.DataFrame:
    truth, bridge = truth_of("cause | tokens"), bridge_of("step | tokens")
    return cause_table(truth, bridge)


def outcome(causes: pl.DataFrame, seed: int, **told: float) -> Outcome:
    known = {figure.code: None for figure in FIGURES} | {f"false.{cause}": None for cause in CAUSES}
    return Outcome(Plan(seed=seed), dict.fromkeys(BALANCES, known | told), causes, None)


def printed(outcomes: list[Outcome]) -> str:
    console = Console(file=io.StringIO(), width=scoreboard.WIDTH, highlight=False, soft_wrap=True)
    scoreboard.show(console, outcomes)
    return console.file.getvalue()


def test_a_world_that_misses_its_goal_is_told_with_its_command_and_the_worst_comes_first(no_causes) -> None:
    """The goal at 3,000 calls is 15 %."""
    worlds = [outcome(no_causes, seed, misplaced=off) for seed, off in ((1, 0.16), (2, 0.15), (3, 0.4))]
    text = printed(worlds)
    assert "2 of 3 worlds miss a goal" in text
    third, first = (text.index(f"simulate --seed {seed} --calls 3000 --grain day") for seed in (3, 1))
    assert third < first
    assert "--seed 2" not in text
    assert scoreboard.missed(worlds) == ["misplaced, of gross drift"]
    assert "missed" in text


def test_the_median_decides_over_a_goal(no_causes) -> None:
    worlds = [outcome(no_causes, seed, misplaced=off) for seed, off in ((1, 0.02), (2, 0.03), (3, 0.4))]
    assert scoreboard.missed(worlds) == []
    assert " met " in printed(worlds)


def test_a_goal_without_a_figure_is_neither_met_nor_missed(no_causes) -> None:
    assert scoreboard.missed([outcome(no_causes, 1)]) == []
    assert " met " not in printed([outcome(no_causes, 1)])


def test_what_is_claimed_of_a_cause_that_no_world_had_is_shown(no_causes) -> None:
    both = [outcome(no_causes, seed, **{"false.sampling": 0.012, "false.retries": 0.0}) for seed in (1, 2)]
    text = printed(both)
    assert "sampling, false" in text
    assert "1.2 %" in text
    assert "retries, false" not in text


def test_own_errors_of_all_worlds_together_are_weighted_by_the_size_of_the_cause(no_causes) -> None:
    # A world with 900 tokens of retries errs by 10 %, one with 100 by 90 %: 180 of 1,000. The median is 50 %.
    sizes = ((1, 0.1, 900.0), (2, 0.9, 100.0))
    worlds = [
        outcome(no_causes, seed, **{"own.retries": own, "size.retries": size}) for seed, own, size in sizes
    ]
    row = next(line for line in printed(worlds).splitlines() if "retries, own error" in line)
    assert "50.0 %" in row
    assert "18.0 %" in row
