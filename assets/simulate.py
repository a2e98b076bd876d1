"""Closes simulated months and scores them against their truth: what `tallystick simulate` does."""

import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import ceil
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from assets import close as steps
from assets.score import CAUSES, Figure, Scores, cause_table, dropped, score
from pipeline.errors import ConfigError
from pipeline.period import Month
from pipeline.reconcile import Rules, explain_drift
from pipeline.simulator import world
from pipeline.simulator.mix import Mix

MONTH = "2026-10"
BALANCED = "variance"
"""The balance of a close."""

BALANCES = (BALANCED, "none", "sequence", "equal", "independent")
"""The same claims, balanced in these ways, side by side."""

GRAINS = ("day", "hour", "minute")


@dataclass(frozen=True)
class Plan:
    """A world to simulate, and what to try on it."""

    calls: int = 3000
    seed: int = 1
    grain: str = "day"
    without: str | None = None
    only: str | None = None
    drop: str | None = None
    keep: Path | None = None

    def __post_init__(self) -> None:
        """Refuse a cause or a time step that there is none of."""
        for option in ("without", "only", "drop"):
            cause = getattr(self, option)
            if cause is not None and cause not in CAUSES:
                raise ConfigError(
                    f"There is no cause '{cause}' (--{option}). The causes are: {', '.join(CAUSES)}."
                )
        if self.grain not in GRAINS:
            raise ConfigError(
                f"There is no time step '{self.grain}'. The time steps are: {', '.join(GRAINS)}."
            )

    @property
    def command(self) -> str:
        """The command that replays this world alone."""
        words = [f"tallystick simulate --seed {self.seed} --calls {self.calls} --grain {self.grain}"]
        options = {"without": self.without, "only": self.only, "drop": self.drop}
        return " ".join([*words, *(f"--{name} {cause}" for name, cause in options.items() if cause)])

    @property
    def goals(self) -> dict[str, "Goal"]:
        """The goals of this size; a world with a chosen cause has none."""
        if self.without or self.only or self.calls < 3000:
            return {}
        if self.calls < 30_000:
            return {"misplaced": Goal(0, 0.15)}
        return _GOALS | {"misplaced": Goal(0, 0.05 if self.grain == "day" else 0.04)}


class Goal(NamedTuple):
    """The range in which the median over seeds is to lie, ends included."""

    low: float
    high: float

    def is_met(self, figure: float | None) -> bool | None:
        """Say whether a figure lies inside; None where there is no figure."""
        return None if figure is None else self.low <= figure <= self.high


_GOALS = {
    "by_team": Goal(0, 0.03),
    "unexplained": Goal(0, 0.01),
    "inferred": Goal(0, 0.08),
    "own.retries": Goal(0, 0.15),
    "own.cancellations": Goal(0, 0.15),
    "own.tokenizer_mismatch": Goal(0, 0.15),
    "own.summary_compaction": Goal(0, 0.15),
    "coverage": Goal(0.85, 0.97),
}
"""At 30,000 calls and more; of misplaced tokens the goal depends on the time step."""


class Outcome(NamedTuple):
    """What became of one world."""

    plan: Plan
    scores: dict[str, Scores]
    """Balance -> figures."""
    causes: pl.DataFrame
    """What `cause_table` returns for the month as it is closed."""
    dropped: pl.DataFrame | None
    """What `dropped` returns for the cause that was left out of the close, if there is one."""

    @property
    def missed(self) -> list[str]:
        """Codes of the figures outside their goals."""
        figures = self.scores[BALANCED]
        return [code for code, goal in self.plan.goals.items() if goal.is_met(figures[code]) is False]


def run(plans: Sequence[Plan], workers: int) -> Iterator[Outcome]:
    """Yield what became of each world, as they end; in this process where one worker is enough."""
    if min(workers, len(plans)) <= 1:
        yield from map(simulate, plans)
        return
    with _one_thread(), ProcessPoolExecutor(min(workers, len(plans)), get_context("spawn")) as pool:
        for done in as_completed([pool.submit(simulate, plan) for plan in plans]):
            yield done.result()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let every worker compute on one thread: there are as many workers as cores."""
    before = os.environ.get("POLARS_MAX_THREADS")
    os.environ["POLARS_MAX_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["POLARS_MAX_THREADS"]
        else:
            os.environ["POLARS_MAX_THREADS"] = before


def simulate(plan: Plan) -> Outcome:
    """Write a world, land it, reconcile it in every balance, and score each against the truth."""
    try:
        return _simulate(plan)
    except Exception as error:
        error.add_note(f"This came up in the world of `{plan.command}`.")
        raise


def _simulate(plan: Plan) -> Outcome:
    with _folder(plan) as folder:
        made = world.write(folder, seed=plan.seed, month=MONTH, calls=plan.calls, mix=mix_of(plan))
        config = steps.load_settings(made.configuration)
        steps.land(config)
        calls, meters, rules = steps.facts(config, Month.parse(MONTH))
        truth = read_truth(made.truth / "truth.csv")

    def bridge(rules: Rules) -> pl.DataFrame:
        return explain_drift(calls, meters, MONTH, rules).bridge

    bridges = {name: bridge(rules._replace(balance=name)) for name in BALANCES}
    lacking = None
    if plan.drop:
        left = tuple(cause for cause in rules.causes if cause.code != plan.drop)
        lacking = dropped(truth, bridges[BALANCED], bridge(rules._replace(causes=left)), plan.drop)
    scores = {name: score(truth, frame) for name, frame in bridges.items()}
    return Outcome(plan, scores, cause_table(truth, bridges[BALANCED]), lacking)


def read_truth(path: Path) -> pl.DataFrame:
    """Return the month's rows of a `truth.csv`."""
    rows = pl.read_csv(path, schema_overrides={"day": pl.String, "month": pl.String})
    return rows.filter(pl.col("month") == MONTH)


@contextmanager
def _folder(plan: Plan) -> Iterator[Path]:
    """Yield an empty folder for the world: one that is kept, or one that goes at the end."""
    if plan.keep is None:
        with tempfile.TemporaryDirectory(prefix="tallystick-") as name:
            yield Path(name)
        return
    folder = plan.keep / f"seed-{plan.seed}-calls-{plan.calls}-{plan.grain}"
    if folder.exists():
        if not (folder / "truth").is_dir():
            raise ConfigError(f"{folder} holds other things than a world. Choose another folder with --keep.")
        shutil.rmtree(folder)
    yield folder


def mix_of(plan: Plan) -> Mix:
    """Return what goes wrong in the world: drawn from its seed, then without what the plan leaves out."""
    mix = replace(Mix.draw(plan.seed), grain=plan.grain)
    if plan.only:
        mix = mix.without(*(cause for cause in CAUSES if cause != plan.only))
    return mix.without(plan.without) if plan.without else mix


class Summary(NamedTuple):
    """A figure over all seeds; None where no world has it."""

    median: float | None
    p90: float | None
    worst: float | None


def summarise(figure: Figure, values: Sequence[float | None]) -> Summary:
    """Return median, 90th percentile and worst: the value that nine of ten worlds are no worse than."""
    known = sorted(
        (value for value in values if value is not None), key=lambda value: _badness(figure, value)
    )
    if not known:
        return Summary(None, None, None)
    return Summary(statistics.median(known), known[ceil(0.9 * len(known)) - 1], known[-1])


def _badness(figure: Figure, value: float) -> float:
    return abs(value - 0.9) if figure.bad == "far" else value


def as_json(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return everything that was measured, one object a world, in the order of the seeds."""
    return [
        {
            "seed": outcome.plan.seed,
            "calls": outcome.plan.calls,
            "grain": outcome.plan.grain,
            "without": outcome.plan.without,
            "only": outcome.plan.only,
            "drop": outcome.plan.drop,
            "command": outcome.plan.command,
            "missed": outcome.missed,
            "figures": outcome.scores,
            "causes": outcome.causes.to_dicts(),
            "dropped": None if outcome.dropped is None else outcome.dropped.to_dicts(),
        }
        for outcome in sorted(outcomes, key=lambda outcome: outcome.plan.seed)
    ]
