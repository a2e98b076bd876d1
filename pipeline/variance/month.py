"""The tables of a month that look at units, budgets and the month before, and what to say about them."""

from collections.abc import Mapping

import polars as pl

from pipeline.findings import assemble
from pipeline.period import Month
from pipeline.pricing import RateCard
from pipeline.settings import Settings
from pipeline.variance.budgets import budget_findings, budget_rows
from pipeline.variance.calls import costed
from pipeline.variance.costliest import costliest
from pipeline.variance.earlier import Earlier
from pipeline.variance.lines import history, variance
from pipeline.variance.outcomes import NO_OUTCOMES, ROWS, outcome_findings, tasks_of
from pipeline.variance.units import unit_costs

Tables = Mapping[str, pl.DataFrame]


def month_over_month(
    settings: Settings, month: Month, frames: Tables, tables: Tables, judged: tuple[pl.DataFrame, RateCard]
) -> dict[str, pl.DataFrame]:
    """Return recon.variance, .history, .budget, .unit_cost, .costliest, and recon.finding with more findings.

    `frames` may hold what `Earlier.of` and `outcomes` take; `tables` are those of the month so far, `judged`
    the billed calls with a workload each and the card that prices them.
    """
    calls, card = judged
    priced = costed(calls, month, card)
    tasks = tasks_of(priced, frames.get(ROWS, NO_OUTCOMES), settings.outcomes.resolved)
    earlier, bridge = Earlier.of(frames), tables["recon.bridge"]
    budgets = budget_rows(settings.budgets, month, tables)
    found = [
        budget_findings(settings.budgets, month, budgets, set(tables["report.team"]["team"])),
        outcome_findings(str(month), frames, tasks),
    ]
    return {
        "recon.variance": variance(bridge, month, earlier),
        "recon.history": history(bridge, month, earlier),
        "recon.budget": budgets,
        "recon.unit_cost": unit_costs(priced, tasks, str(month)),
        "recon.costliest": costliest(priced, settings.costliest.per_team, str(month)),
        "recon.finding": assemble([tables["recon.finding"], *found]),
    }
