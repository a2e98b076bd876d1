"""What all pages of a month share, worked out once: the whole bridge, each team's, and the evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from reports.bridge import team_bridge, whole_bridge
from reports.closing import SignOff, sign_off
from reports.compactions import COMPACTION, compactions
from reports.evidence import Evidence, digest
from reports.places import Interval, Lever, intervals, lever, places, places_of
from reports.quality import Quality, month_quality
from reports.story import ordered
from reports.teams import TeamRow, team_rows
from reports.tieout import Grid, grid
from reports.view import Bridge, CauseText, MaterialityText, step_texts

Tables = Mapping[str, pl.DataFrame]


@dataclass(frozen=True)
class Own:
    """What the pages of all teams need of one team or pool: no frame, so that memory stays flat."""

    row: TeamRow
    bridge: Bridge
    levers: dict[str, Lever | None]
    """By step: where to begin with it."""

    def cause_path(self, step: str) -> str:
        """Path of the page of one of its causes, from the folder of the month."""
        return f"teams/{self.row.slug}/{step}.html"


@dataclass(frozen=True)
class Opened:
    """What the pages of one team need beside: made for them, and gone with them."""

    own: Own
    rows: pl.DataFrame
    """Its rows of the bridge."""
    places: dict[str, pl.DataFrame]
    """By step: where it sits, the largest place first."""
    evidence: Evidence
    kinds: dict[str, list[dict[str, Any]]]
    """By step: tokens and dollars of each token kind that has any."""


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
    intervals: dict[tuple[str, str | None], Interval]
    quality: Quality
    sign_off: SignOff

    @property
    def name(self) -> str:
        """YYYY-MM, or words while nothing was closed."""
        return str(self.close["month"]) if self.close else "This month"

    @property
    def is_traced(self) -> bool:
        """Whether any trace of the month was read."""
        return self.close is None or bool(self.close["span_count"])

    def opened(self, team: str) -> Opened:
        """Return what the pages of one team need."""
        rows = self.tables["recon.bridge"].filter(team=team)
        return Opened(self.owns[team], rows, places_of(rows), self.evidence.of(team), _kinds(rows))


def open_month(
    tables: Tables, causes: Sequence[CauseText], company: str, materiality: MaterialityText
) -> Month:
    """Return the figures that all pages of the month must agree on."""
    close = next(tables["report.close"].sort("month").iter_rows(named=True), None)
    texts = step_texts({cause.code: cause for cause in causes})
    table = grid(tables["recon.tieout"])
    bridge = tables["recon.bridge"]
    whole = whole_bridge(bridge, table, texts, close["gross_drift_tokens"] if close else 0)
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
        owns=_owns(tables, teams, whole, texts),
        evidence=digest(tables["recon.evidence"]),
        rates=_rates(tables["recon.rate"]),
        intervals=intervals(bridge),
        quality=month_quality(tables),
        sign_off=sign_off(tables),
    )


def _owns(tables: Tables, teams: list[TeamRow], whole: Bridge, texts: dict[str, CauseText]) -> dict[str, Own]:
    owns = {}
    for team in teams:
        rows = tables["recon.bridge"].filter(team=team.name)
        line = team_bridge(rows, team, whole, texts)
        levers = _levers(line, places_of(rows), texts)
        if held := levers.get(COMPACTION):
            first = compactions(tables["recon.compaction"], team.name).first
            levers[COMPACTION] = replace(held, effect=f"{held.effect} {first}".strip())
        owns[team.name] = Own(team, line, levers)
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


def _kinds(rows: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    usd = pl.when(pl.col("usd").is_not_null().any()).then(pl.col("usd").sum()).alias("usd")
    is_partial = (pl.col("usd").is_null() & (pl.col("tokens") != 0)).any().alias("is_partial")
    keys = ["step", "token_kind"]
    sums = rows.group_by(keys).agg(pl.col("tokens").sum(), usd, is_partial).sort(keys)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in sums.filter((pl.col("tokens") != 0) | (pl.col("usd") != 0)).iter_rows(named=True):
        found.setdefault(row["step"], []).append(row)
    return found
