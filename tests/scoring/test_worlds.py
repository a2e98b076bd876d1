"""A few worlds of fixed seeds closed and scored; `tallystick simulate` does it for many and larger ones.

The bounds are goals of the project, set before anything was measured. A goal that a world misses is marked
as such and counts as a failure once it is reached.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from assets import close as steps
from assets.score import INFERRED, NAMED, Scores, cause_table, score
from assets.simulate import MONTH, Plan, mix_of, read_truth
from pipeline.cause import CELL
from pipeline.period import Month
from pipeline.reconcile import explain_drift
from pipeline.simulator import world


class Found(NamedTuple):
    scores: Scores
    causes: dict[str, tuple[int, int]]
    """Truth and ours by cause."""
    bridge: pl.DataFrame
    metered: pl.DataFrame

    @property
    def gross(self) -> int:
        return sum(abs(truth) for cause, (truth, _) in self.causes.items() if cause != "traced")


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Plan], Found]:
    @cache
    def close(plan: Plan) -> Found:
        folder: Path = tmp_path_factory.mktemp("world")
        made = world.write(folder, seed=plan.seed, month=MONTH, calls=plan.calls, mix=mix_of(plan))
        config = steps.load_settings(made.configuration)
        steps.land(config)
        calls, meters, rules = steps.facts(config, Month.parse(MONTH))
        found = explain_drift(calls, meters, MONTH, rules)
        truth = read_truth(made.truth / "truth.csv")
        table = cause_table(truth, found.bridge)
        causes = {row["cause"]: (row["truth"], row["ours"]) for row in table.iter_rows(named=True)}
        return Found(score(truth, found.bridge), causes, found.bridge, found.buckets)

    return close


both = pytest.mark.parametrize("seed", [1, 2])


def named(**misses: str) -> pytest.MarkDecorator:
    """The four causes; those whose goal is missed, with what was measured."""
    marks = {cause: [pytest.mark.xfail(reason=why)] for cause, why in misses.items()}
    return pytest.mark.parametrize("cause", [pytest.param(c, marks=marks.get(c, [])) for c in NAMED])


@both
def test_a_world_of_3000_calls_is_read_right_and_hardly_misplaced(
    closed: Callable[[Plan], Found], seed: int
) -> None:
    found = closed(Plan(calls=3000, seed=seed))
    assert found.scores["misread"] == 0
    assert 0 < found.scores["misplaced"] <= 0.15


@both
def test_every_cell_of_a_world_adds_up_to_its_metered_tokens(
    closed: Callable[[Plan], Found], seed: int
) -> None:
    found = closed(Plan(calls=3000, seed=seed))
    bridged = found.bridge.group_by(CELL).agg(pl.col("tokens").sum())
    metered = found.metered.group_by(CELL).agg(pl.col("metered_tokens").sum())
    cells = bridged.join(metered, on=CELL, how="full", coalesce=True).fill_null(0)
    assert cells.height > 20
    assert cells.filter(pl.col("tokens") != pl.col("metered_tokens")).is_empty()


@named()
def test_a_cause_that_a_world_lacks_is_hardly_claimed(closed: Callable[[Plan], Found], cause: str) -> None:
    found = closed(Plan(calls=1000, without=cause))
    assert found.scores["misread"] == 0
    assert found.scores[f"false.{cause}"] <= 0.01


@named(
    retries="33 %: one service's timed out attempts were all billed, and 1,000 calls are too few to learn it"
)
def test_the_only_cause_of_a_world_is_found(closed: Callable[[Plan], Found], cause: str) -> None:
    truth, ours = closed(Plan(calls=1000, only=cause)).causes[cause]
    assert truth > 0
    assert abs(ours - truth) <= 0.25 * truth


@named(tokenizer_mismatch="15 %: reasoning of estimated outputs")
def test_no_other_cause_is_inferred_where_there_is_but_one(
    closed: Callable[[Plan], Found], cause: str
) -> None:
    found = closed(Plan(calls=1000, only=cause))
    others = [code for code in INFERRED if code != cause]
    assert all(found.causes.get(code, (0, 0))[0] == 0 for code in others)
    assert sum(found.scores[f"false.{code}"] for code in others) <= 0.05
