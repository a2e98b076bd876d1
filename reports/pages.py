"""The index and the team pages, put together from the tables of one month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from reports import breakdown as parts
from reports import format as fmt
from reports import story
from reports.allocation import Allocation, allocation
from reports.anatomy import Anatomy, anatomy
from reports.bridge import team_bridge, whole_bridge
from reports.charts import NARROW, WIDE, Step, Waterfall, waterfall
from reports.closing import SignOff, sign_off
from reports.quality import Quality, month_quality, team_quality
from reports.rounding import ZERO, agree
from reports.teams import TeamRow, team_rows, totals
from reports.tieout import Grid, billed_by_provider, grid
from reports.units import BudgetRow, Costly, Units, budgets, costliest, units
from reports.variance import Change, change
from reports.view import Breakdown, Bridge, CauseText, MaterialityText, shown, step_texts

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
    charts: tuple[Waterfall, Waterfall]
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
    budgets: tuple[BudgetRow, ...]
    units: Units
    costliest: tuple[Costly, ...]
    causes: list[story.Cause]
    quality: Quality
    close: dict[str, Any] | None
    sign_off: SignOff
    is_pool: bool


@dataclass(frozen=True)
class Month:
    """What all pages of a month share."""

    tables: Mapping[str, pl.DataFrame]
    texts: dict[str, CauseText]
    company: str
    materiality: MaterialityText
    close: dict[str, Any] | None
    tieout: Grid
    whole: Bridge
    teams: list[TeamRow]

    @property
    def name(self) -> str:
        """YYYY-MM, or words while nothing was closed."""
        return str(self.close["month"]) if self.close else "This month"


def open_month(
    tables: Mapping[str, pl.DataFrame],
    causes: Sequence[CauseText],
    company: str,
    materiality: MaterialityText,
) -> Month:
    """Return the figures that all pages of the month must agree on."""
    close = next(tables["report.close"].sort("month").iter_rows(named=True), None)
    texts = step_texts({cause.code: cause for cause in causes})
    table = grid(tables["recon.tieout"])
    gross = close["gross_drift_tokens"] if close else 0
    whole = whole_bridge(tables["recon.bridge"], table, texts, gross)
    teams = team_rows(tables["report.team"], tables["recon.bridge"], whole)
    return Month(tables, texts, company, materiality, close, table, whole, teams)


def index_page(month: Month) -> Page:
    """Return the page of the whole company."""
    bridge = month.tables["recon.bridge"]
    metered = shown(month.whole.metered)
    causes = story.month_causes(month.whole, month.tables["recon.evidence"], month.texts)
    providers = parts.breakdown(bridge, ["provider"], metered, 1000)
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
        quality=month_quality(month.tables),
        is_pool=False,
        **_compared(month, None),
        **_shared(month, month.whole, bridge, causes),
    )


def team_page(month: Month, row: TeamRow) -> Page:
    """Return the page of one team or pool."""
    mine = pl.col("team") == row.name
    bridge = month.tables["recon.bridge"].filter(mine)
    own = team_bridge(bridge, row, month.whole, month.texts)
    causes = story.month_causes(own, month.tables["recon.evidence"].filter(mine), month.texts)
    return Page(
        title=f"{fmt.label(row.name)}, {fmt.month_name(month.name)}",
        team=row.name,
        path=f"teams/{row.slug}.html",
        root="../",
        headline=story.headline(month.name, fmt.label(row.name), own),
        warnings=story.warnings(month.close, own),
        providers=None,
        services=parts.breakdown(bridge, ["service", "feature"], shown(own.metered), SERVICES),
        teams=[],
        teams_total=None,
        allocation=allocation(month.tables["recon.allocation"], {}, row.name),
        anatomy=anatomy(month.tables["recon.anatomy"].filter(mine)),
        quality=team_quality(month.tables, row.name),
        is_pool=row.is_pool,
        **_compared(month, row.name),
        **_shared(month, own, bridge, causes),
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
        "charts": (waterfall(steps, WIDE), waterfall(steps, NARROW)),
        "chart_in_tokens": in_tokens,
        "tieout": month.tieout,
        "models": parts.with_parts(models, bridge, keys, "token_kind"),
        "causes": causes,
        "close": month.close,
        "sign_off": sign_off(month.tables),
    }


def _compared(month: Month, team: str | None) -> dict[str, Any]:
    return {
        "change": change(month.tables["recon.variance"], month.name, team),
        "budgets": budgets(month.tables["recon.budget"], team),
        "units": units(month.tables["recon.unit_cost"], team),
        "costliest": costliest(month.tables["recon.costliest"], team),
    }


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
