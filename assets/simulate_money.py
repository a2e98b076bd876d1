"""Closes simulated months of bills and scores them: what `tallystick simulate --money` does."""

import csv
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from assets import close as steps
from assets.score_money import Closed, MoneyScore, Row, score_money
from pipeline.errors import ConfigError
from pipeline.period import Month
from pipeline.settings import Settings
from pipeline.simulator.money import world
from pipeline.warehouse import Warehouse
from schemas.tables import BY_NAME

MONTH = "2026-10"
HAS_CONTRACTS = "contracts" in Settings.model_fields
"""Whether the configuration takes contracts yet."""

_TABLES = ("recon.tieout", "recon.price_effect", "recon.charge", "recon.finding", "report.team")


class MoneyPlan(NamedTuple):
    """A world of bills to close."""

    seed: int
    keep: Path | None = None

    @property
    def command(self) -> str:
        """The command that replays this world alone."""
        return f"tallystick simulate --money --seed {self.seed}"


class MoneyOutcome(NamedTuple):
    """What became of one world."""

    plan: MoneyPlan
    score: MoneyScore
    has_effects: bool
    """Whether the close names what makes a price differ."""


def run_money(plans: Sequence[MoneyPlan], workers: int) -> Iterator[MoneyOutcome]:
    """Yield what became of each world, as they end; in this process where one worker is enough."""
    if min(workers, len(plans)) <= 1:
        yield from map(simulate_money, plans)
        return
    with ProcessPoolExecutor(min(workers, len(plans)), get_context("spawn")) as pool:
        for done in as_completed([pool.submit(simulate_money, plan) for plan in plans]):
            yield done.result()


def simulate_money(plan: MoneyPlan) -> MoneyOutcome:
    """Write a world, close it, and score it against its answer key."""
    try:
        with _folder(plan) as folder:
            made = world.write(folder, seed=plan.seed, month=MONTH, has_contracts=HAS_CONTRACTS)
            closed = _close(steps.load_settings(made.configuration))
            score = score_money(
                read_key(made.truth / "tieout.csv"), read_key(made.truth / "faults.csv"), closed
            )
    except Exception as error:
        error.add_note(f"This came up in the world of `{plan.command}`.")
        raise
    return MoneyOutcome(plan, score, closed.effects is not None)


def _close(config: Settings) -> Closed:
    month = Month.parse(MONTH)
    steps.land(config)
    steps.reconcile(config, month)
    with Warehouse.open(config.warehouse_file) as warehouse:
        tables = [
            warehouse.read(BY_NAME[name], "month = $month", month=MONTH).to_dicts()
            if name in BY_NAME
            else None
            for name in _TABLES
        ]
    tieout, effects, charges, findings, teams = tables
    return Closed(tieout or [], effects, charges, findings or [], teams or [])


def read_key(path: Path) -> list[Row]:
    """Return the rows of a file of the answer key, with Decimal amounts."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {**row, "usd": Decimal(row["usd"]), "tolerance": Decimal(row["tolerance"])}
            for row in csv.DictReader(file)
        ]


@contextmanager
def _folder(plan: MoneyPlan) -> Iterator[Path]:
    if plan.keep is None:
        with tempfile.TemporaryDirectory(prefix="tallystick-") as name:
            yield Path(name)
        return
    folder = plan.keep / f"money-seed-{plan.seed}"
    if folder.exists():
        raise ConfigError(f"{folder} is there already. Remove it, or choose another folder with --keep.")
    yield folder


def as_money_json(outcomes: Sequence[MoneyOutcome]) -> list[dict[str, Any]]:
    """Return all marks, one object a world, in the order of the seeds; amounts are text."""
    return [
        {
            "seed": outcome.plan.seed,
            "command": outcome.plan.command,
            "is_perfect": outcome.score.is_perfect,
            "team_gap": str(outcome.score.team_gap),
            "components": [_plain(mark) for mark in outcome.score.marks],
            "faults": [_plain(verdict) for verdict in outcome.score.verdicts],
            "invented": [_plain(item) for item in outcome.score.invented],
        }
        for outcome in sorted(outcomes, key=lambda outcome: outcome.plan.seed)
    ]


def _plain(row: Any) -> dict[str, Any]:
    return {
        name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in row._asdict().items()
    }
