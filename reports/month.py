"""What all pages of a month share, worked out once: the whole bridge, each team's, and the evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from reports.bridge import team_bridge, whole_bridge
from reports.closing import SignOff, sign_off
from reports.evidence import Evidence, digest
from reports.places import Interval, Lever, by_place, by_step, intervals, lever, places
from reports.quality import Quality, month_quality
from reports.story import ordered
from reports.teams import TeamRow, team_rows
from reports.tieout import Grid, grid
from reports.view import Bridge, CauseText, MaterialityText, step_texts

Tables = Mapping[str, pl.DataFrame]


@dataclass(frozen=True)
class Own:
    """What one team or pool has of the month."""

    row: TeamRow
    rows: pl.DataFrame
    """Its rows of the bridge."""
    bridge: Bridge
    places: pl.DataFrame
    """Where each step sits, the largest place first."""
    evidence: Evidence
    levers: dict[str, Lever | None]
    """By step: where to begin with it."""

    def cause_path(self, step: str) -> str:
        """Path of the page of one of its causes, from the folder of the month."""
        return f"teams/{self.row.slug}/{step}.html"


@dataclass(frozen=True)
class Month:
    """What all pages of a month share."""

    tables: Tables
    texts: dict[str, CauseText]
    company: str
    materiality: MaterialityText
    close: dict[str, Any] | None
    tieout: Grid
    whole: Bridge
    teams: list[TeamRow]
    owns: dict[str, Own]
    """By team, in the order of the teams."""
    evidence: Evidence
    rates: dict[str, list[dict[str, Any]]]
    """By step: what calibration learned for it, the rate with the most tokens behind it first."""
    kinds: dict[tuple[str, str], list[dict[str, Any]]]
    """By step and team: tokens and dollars of each token kind that has any."""
    intervals: dict[tuple[str, str | None], Interval]
    quality: Quality
    sign_off: SignOff

    @property
    def name(self) -> str:
        """YYYY-MM, or words while nothing was closed."""
        return str(self.close["month"]) if self.close else "This month"


def open_month(
    tables: Tables, causes: Sequence[CauseText], company: str, materiality: MaterialityText
) -> Month:
    """Return the figures that all pages of the month must agree on."""
    close = next(tables["report.close"].sort("month").iter_rows(named=True), None)
    texts = step_texts({cause.code: cause for cause in causes})
    table = grid(tables["recon.tieout"])
    bridge = tables["recon.bridge"]
    whole = whole_bridge(bridge, table, texts, close["gross_drift_tokens"] if close else 0)
    evidence = digest(tables["recon.evidence"])
    teams = team_rows(tables["report.team"], bridge, whole)
    return Month(
        tables=tables,
        texts=texts,
        company=company,
        materiality=materiality,
        close=close,
        tieout=table,
        whole=whole,
        teams=teams,
        owns=_owns(bridge, teams, whole, texts, evidence),
        evidence=evidence,
        rates=_rates(tables["recon.rate"]),
        kinds=_kinds(bridge),
        intervals=intervals(bridge),
        quality=month_quality(tables),
        sign_off=sign_off(tables),
    )


def _owns(
    bridge: pl.DataFrame, teams: list[TeamRow], whole: Bridge, texts: dict[str, CauseText], evidence: Evidence
) -> dict[str, Own]:
    rows = bridge.partition_by("team", as_dict=True)
    found = by_place(bridge)
    held, nowhere = found.partition_by("team", as_dict=True), found.clear()
    proofs, nothing = evidence.by_team(), Evidence(evidence.top.clear(), evidence.counts.clear())
    owns = {}
    for team in teams:
        own = rows.get((team.name,), bridge.clear())
        line = team_bridge(own, team, whole, texts)
        mine = held.get((team.name,), nowhere)
        levers = _levers(line, by_step(mine), texts)
        owns[team.name] = Own(team, own, line, mine, proofs.get(team.name, nothing), levers)
    return owns


def _levers(
    bridge: Bridge, held: dict[str, pl.DataFrame], texts: dict[str, CauseText]
) -> dict[str, Lever | None]:
    return {
        line.code: lever(places(held[line.code], line), line, texts[line.code])
        for line in ordered(bridge)
        if line.code in held
    }


def _rates(rates: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rates.sort(["full_tokens", "rate"], descending=[True, False]).iter_rows(named=True):
        for step in row["steps"].split(","):
            found.setdefault(step.strip(), []).append(row)
    return found


def _kinds(bridge: pl.DataFrame) -> dict[tuple[str, str], list[dict[str, Any]]]:
    usd = pl.when(pl.col("usd").is_not_null().any()).then(pl.col("usd").sum()).alias("usd")
    is_partial = (pl.col("usd").is_null() & (pl.col("tokens") != 0)).any().alias("is_partial")
    keys = ["step", "team", "token_kind"]
    sums = bridge.group_by(keys).agg(pl.col("tokens").sum(), usd, is_partial).sort(keys)
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in sums.filter((pl.col("tokens") != 0) | (pl.col("usd") != 0)).iter_rows(named=True):
        found.setdefault((row["step"], row["team"]), []).append(row)
    return found
