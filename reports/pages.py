"""The index and the team pages, put together from the tables of one month."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import polars as pl

from reports import breakdown as parts
from reports import format as fmt
from reports import story
from reports.allocation import Allocation, allocation
from reports.anatomy import Anatomy, anatomy
from reports.closing import SignOff
from reports.evidence import NOTHING, Proof
from reports.items import Items, open_items
from reports.month import Month, Own, open_month
from reports.places import interval
from reports.quality import Quality, team_quality
from reports.rounding import ZERO, agree
from reports.teams import TeamRow, totals
from reports.tieout import Grid, billed_by_provider
from reports.trend import Trend, trend
from reports.units import BudgetRow, Costly, Units, budgets, costliest, units
from reports.variance import Change, change
from reports.view import Breakdown, Bridge, Line, MaterialityText, shown
from reports.waterfall import Step, Waterfall, waterfall

__all__ = ["Month", "Page", "index_page", "month_causes", "open_month", "team_page"]

MODELS = 12
SERVICES = 15
LABEL = 32


@dataclass(frozen=True)
class Page:
    """Everything on one page."""

    title: str
    team: str | None
    """None on the index."""
    path: str
    root: str
    """Path from the page to the folder of the month."""
    company: str
    month: str
    headline: str
    verdict: str
    warnings: list[str]
    main_cause: story.Cause | None
    bridge: Bridge
    waterfall: Waterfall
    chart_in_tokens: bool
    tieout: Grid
    models: Breakdown
    services: Breakdown | None
    providers: Breakdown | None
    teams: list[TeamRow]
    teams_total: TeamRow | None
    allocation: Allocation
    anatomy: Anatomy
    change: Change
    trend: Trend
    budgets: tuple[BudgetRow, ...]
    units: Units
    costliest: tuple[Costly, ...]
    causes: list[story.Cause]
    quality: Quality
    items: Items
    materiality: MaterialityText
    close: dict[str, Any] | None
    sign_off: SignOff
    is_pool: bool


def index_page(month: Month) -> Page:
    """Return the page of the whole company."""
    bridge = month.tables["recon.bridge"]
    providers = parts.breakdown(bridge, ["provider"], shown(month.whole.metered), 1000)
    return Page(
        title=f"{month.company}, {fmt.month_name(month.name)}",
        team=None,
        path="index.html",
        root="",
        headline=_headline(month),
        warnings=[*story.warnings(month.close, month.whole), *_disagreements(month)],
        providers=parts.with_billed(providers, billed_by_provider(month.tieout)),
        services=None,
        teams=month.teams,
        teams_total=totals(month.teams),
        allocation=allocation(month.tables["recon.allocation"], {row.name: row.slug for row in month.teams}),
        anatomy=anatomy(month.tables["recon.anatomy"]),
        quality=month.quality,
        items=open_items(month.tables["report.open_item"], None),
        is_pool=False,
        **_compared(month, month.whole, None),
        **_shared(month, month.whole, bridge, month_causes(month)),
    )


def team_page(month: Month, row: TeamRow) -> Page:
    """Return the page of one team or pool."""
    own = month.owns[row.name]
    proofs = own.evidence.by_step(story.EXAMPLES)
    causes = [_of_team(month, own, line, proofs) for line in story.ordered(own.bridge)]
    return Page(
        title=f"{fmt.label(row.name)}, {fmt.month_name(month.name)}",
        team=row.name,
        path=f"teams/{row.slug}.html",
        root="../",
        headline=story.headline(month.name, fmt.label(row.name), own.bridge),
        warnings=story.warnings(month.close, own.bridge),
        providers=None,
        services=parts.breakdown(own.rows, ["service", "feature"], shown(own.bridge.metered), SERVICES),
        teams=[],
        teams_total=None,
        allocation=allocation(month.tables["recon.allocation"], {}, row.name),
        anatomy=anatomy(month.tables["recon.anatomy"].filter(pl.col("team") == row.name)),
        quality=team_quality(month.quality, month.tables, row.name, own.rows),
        items=open_items(month.tables["report.open_item"], row.name),
        is_pool=row.is_pool,
        **_compared(month, own.bridge, row.name),
        **_shared(month, own.bridge, own.rows, causes),
    )


def _shared(month: Month, own: Bridge, bridge: pl.DataFrame, causes: list[story.Cause]) -> dict[str, Any]:
    keys = ["provider", "model"]
    models = parts.breakdown(bridge, keys, shown(own.metered), MODELS)
    in_tokens = own.total.usd.shown is None
    steps = _steps(own, in_tokens=in_tokens)
    return {
        "company": month.company,
        "month": month.name,
        "verdict": story.verdict(own, month.materiality),
        "main_cause": story.main_cause(own, causes, month.materiality),
        "bridge": own,
        "waterfall": waterfall(steps),
        "chart_in_tokens": in_tokens,
        "tieout": month.tieout,
        "models": parts.with_parts(models, bridge, keys, "token_kind"),
        "causes": causes,
        "close": month.close,
        "sign_off": month.sign_off,
        "materiality": month.materiality,
    }


def _compared(month: Month, own: Bridge, team: str | None) -> dict[str, Any]:
    return {
        "change": change(month.tables["recon.variance"], month.name, team),
        "trend": trend(month.tables["recon.history"], own, month.texts, month.name, team),
        "budgets": budgets(month.tables["recon.budget"], team),
        "units": units(month.tables["recon.unit_cost"], team),
        "costliest": costliest(month.tables["recon.costliest"], team),
    }


def month_causes(month: Month) -> list[story.Cause]:
    """The causes of the index: the teams that have each, and where the largest of its places is."""
    proofs = month.evidence.by_step(story.EXAMPLES)
    holders: dict[str, list[story.Holder]] = {}
    for own in month.owns.values():
        for line in story.ordered(own.bridge):
            held = story.Holder(own.row.name, own.cause_path(line.code), line, own.levers.get(line.code))
            holders.setdefault(line.code, []).append(held)
    return [
        story.with_holders(_cause(month, line, None, month.whole, proofs), holders.get(line.code, []))
        for line in story.ordered(month.whole)
    ]


def _of_team(month: Month, own: Own, line: Line, proofs: dict[str, Proof]) -> story.Cause:
    cause = _cause(month, line, own.row.name, own.bridge, proofs)
    return replace(cause, path=own.cause_path(line.code), lever=own.levers.get(line.code))


def _cause(
    month: Month, line: Line, team: str | None, bridge: Bridge, proofs: dict[str, Proof]
) -> story.Cause:
    proof = proofs.get(line.code, NOTHING)
    return story.Cause(
        line=line,
        advice=month.texts[line.code].advice,
        evidence=proof.rows,
        evidence_more=proof.count - len(proof.rows),
        interval=interval(line, month.intervals.get((line.code, team))),
        is_material=month.materiality.is_reached_by(shown(line), shown(bridge.total)),
    )


def _steps(bridge: Bridge, *, in_tokens: bool) -> list[Step]:
    lines = [*bridge.lines, bridge.metered]
    if in_tokens:
        return [
            Step(
                fmt.label(line.title, LABEL),
                Decimal(line.tokens or 0),
                (fmt.tokens if line.role == "total" else fmt.signed_tokens)(line.tokens or 0),
                line.role,
            )
            for line in lines
        ]
    lines += [line for line in bridge.invoice if shown(line)]
    lines += [bridge.billed] if bridge.billed else []
    return [
        Step(
            fmt.label(line.title, LABEL),
            shown(line),
            (fmt.usd if line.role == "total" else fmt.signed_usd)(line.usd.shown),
            line.role,
            "" if line.tokens is None else f", {fmt.integer(line.tokens)} tokens",
        )
        for line in lines
    ]


def _headline(month: Month) -> str:
    """What was published with the close; the same words from the same figures when it left them out."""
    published = str(month.close["headline"]) if month.close else ""
    return published or story.headline(month.name, month.company, month.whole)


def _disagreements(month: Month) -> list[str]:
    """Sums that must be one and are not: always a bug, never hidden."""
    teams = month.tables["report.team"]
    pairs = (
        ("traced", "traced_usd", shown(month.whole.traced)),
        ("unexplained", "unexplained_usd", shown(month.whole.unexplained)),
        *((("billed", "billed_usd", shown(month.whole.billed)),) if month.whole.billed else ()),
    )
    sums = [(word, sum(teams[column], ZERO), other) for word, column, other in pairs]
    return [
        f"The teams add up to {fmt.usd(found)} {word}, the bridge to {fmt.usd(other)}. "
        "Please report this as a bug in Tallystick, with the close id at the end of this page."
        for word, found, other in sums
        if not agree(found, other)
    ]
