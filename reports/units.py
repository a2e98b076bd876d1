"""Budgets, what a unit costs, and the calls and traces that cost most, as they stand on a page."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from reports import format as fmt
from reports.anatomy import TITLES as WORKLOADS

UNITS: Mapping[str, tuple[str, str]] = {
    "call": ("A call", "every billed call"),
    "conversation": ("A conversation", "all calls of a conversation in the month"),
    "feature": ("A use of a feature", "all calls of one trace in a feature"),
    "task": ("A task", "all calls of a task, whatever came of it"),
    "resolved_task": ("A resolved task", "all calls of a task that was resolved"),
}
"""Title and sentence of each unit, in the order of the page."""

LISTED = 10
FEATURES = 12


@dataclass(frozen=True)
class Unit:
    """A row of unit figures."""

    title: str
    sentence: str
    figures: Mapping[str, Any]
    """Columns of recon.unit_cost."""


@dataclass(frozen=True)
class Units:
    """Unit figures of a page: of all its calls, by feature, and what all tasks come to per resolved one."""

    rows: tuple[Unit, ...]
    features: tuple[Unit, ...]
    more_features: int
    borne: Decimal | None
    """Dollars of all tasks over resolved ones; null where no outcomes are known or a task has no price."""


@dataclass(frozen=True)
class BudgetRow:
    """A budget and how far it goes."""

    row: Mapping[str, Any]
    """Columns of recon.budget."""
    standing: str
    """In words: beyond it, on the way there, or within."""


@dataclass(frozen=True)
class Costly:
    """The costliest calls or traces."""

    unit: str
    rows: tuple[Mapping[str, Any], ...]
    listed: int
    """How many are in the export."""


def budgets(table: pl.DataFrame, team: str | None) -> tuple[BudgetRow, ...]:
    """Return recon.budget of a page, the furthest beyond first."""
    mine = table if team is None else table.filter(team=team)
    order = mine.sort("left_usd", "team")
    return tuple(BudgetRow(row, _standing(row)) for row in order.iter_rows(named=True))


def _standing(row: Mapping[str, Any]) -> str:
    if row["left_usd"] < 0:
        return f"{fmt.usd(-row['left_usd'])} beyond it"
    if row["over_usd"] is None:
        return "no day is metered yet"
    if row["over_usd"] > 0:
        return f"on its way to {fmt.usd(row['over_usd'])} beyond it"
    return f"within it, {fmt.usd(-row['over_usd'])} to spare"


def units(table: pl.DataFrame, team: str | None) -> Units:
    """Return recon.unit_cost of a page: the company's, or a team's with its features."""
    whole = table.filter(level="all") if team is None else table.filter(level="team", team=team)
    found = {row["unit"]: row for row in whole.iter_rows(named=True)}
    rows = tuple(Unit(*UNITS[unit], found[unit]) for unit in UNITS if unit in found)
    mine = table.filter(
        pl.col("level") == "feature", pl.col("unit") == "feature", pl.col("team") == (team or "")
    )
    order = mine.sort("usd", "tokens", "feature", descending=[True, True, False], nulls_last=True)
    features = tuple(Unit(row["feature"], "", row) for row in order.head(FEATURES).iter_rows(named=True))
    return Units(rows, features, max(0, mine.height - FEATURES), _borne(found))


def _borne(found: Mapping[str, Mapping[str, Any]]) -> Decimal | None:
    tasks, resolved = found.get("task"), found.get("resolved_task")
    if not tasks or not resolved or tasks["usd"] is None or tasks["priced_count"] < tasks["count"]:
        return None
    return Decimal(tasks["usd"] / resolved["count"])


def costliest(table: pl.DataFrame, team: str | None) -> tuple[Costly, ...]:
    """Return the costliest traces and calls of a page; on the index those of all teams together."""
    mine = table if team is None else table.filter(team=team)
    found = []
    for unit in ("trace", "call"):
        rows = mine.filter(unit=unit).sort(
            "usd", "tokens", "team", "rank", descending=[True, True, False, False], nulls_last=True
        )
        shown = [_named(row) for row in rows.head(LISTED).iter_rows(named=True)]
        if shown:
            found.append(Costly(unit, tuple(shown), rows.height))
    return tuple(found)


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    workload = row["workload"]
    return {**row, "workload": WORKLOADS[workload][0] if workload else "several"}
