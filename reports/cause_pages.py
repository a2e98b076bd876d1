"""A page for each team and cause: how much, how sure, where it sits, what to do, and the rows behind it."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from shlex import quote
from typing import Any, NamedTuple

from pipeline.money import to_cents
from reports import format as fmt
from reports import story
from reports.closing import SignOff
from reports.compactions import COMPACTION, NOBODY, Compacted, compactions
from reports.evidence import LISTED, NOTHING, Proof
from reports.month import Month, Opened, Own
from reports.places import Interval, Lever, Place, interval, places
from reports.rounding import ZERO
from reports.trend import Trend, trend
from reports.view import CauseText, Line, Usd

PLACES = 15
RATES = 12


@dataclass(frozen=True)
class Kind:
    """What a token kind has of a cause."""

    name: str
    tokens: int
    usd: Usd


@dataclass(frozen=True)
class CausePage:
    """Everything on the page of one cause of one team."""

    title: str
    path: str
    root: str
    team: str
    team_path: str
    is_pool: bool
    company: str
    month: str
    warnings: list[str]
    line: Line
    text: CauseText
    interval: Interval | None
    is_material: bool
    lever: Lever | None
    places: list[Place]
    places_more: list[Place]
    kinds: list[Kind]
    trend: Trend
    """One row: that of the cause."""
    rates: list[dict[str, Any]]
    rates_more: int
    evidence: Proof
    command: str
    compacted: Compacted
    """The conversations that were summarised; shown on the page of that cause."""
    close: dict[str, Any] | None
    sign_off: SignOff

    @property
    def more_usd(self) -> Decimal | None:
        """Dollars of the places that are not listed; null when none of them has a price."""
        known = [place.usd.shown for place in self.places_more if place.usd.shown is not None]
        return sum(known, ZERO) if known else None


class _Found(NamedTuple):
    """What was found for one cause of a team."""

    proof: Proof
    places: list[Place]
    kinds: list[Kind]
    trend: Trend


def cause_pages(month: Month, opened: Opened) -> Iterator[CausePage]:
    """Yield the pages of the causes that a team has, one after the other."""
    own, steps = opened.own, opened.places
    proofs = opened.evidence.by_step(LISTED)
    months = trend(month.tables["recon.history"], own.bridge, month.texts, month.name, own.row.name)
    for line in story.ordered(own.bridge):
        code = line.code
        found = places(steps[code], line) if code in steps else []
        kinds = _kinds(opened.kinds.get(code, []), line)
        yield _page(month, own, line, _Found(proofs.get(code, NOTHING), found, kinds, months.only(code)))


def _page(month: Month, own: Own, line: Line, found: _Found) -> CausePage:
    team, step = own.row.name, line.code
    rates = month.rates.get(step, [])
    total = own.bridge.total.usd.shown or ZERO
    return CausePage(
        title=f"{line.title}, {fmt.label(team)}, {fmt.month_name(month.name)}",
        path=own.cause_path(step),
        root="../../",
        team=team,
        team_path=f"teams/{own.row.slug}.html",
        is_pool=own.row.is_pool,
        company=month.company,
        month=month.name,
        warnings=story.warnings(month.close, own.bridge),
        line=line,
        text=month.texts[step],
        interval=interval(line, month.intervals.get((step, team))),
        is_material=month.materiality.is_reached_by(line.usd.shown or ZERO, total),
        lever=own.levers.get(step),
        places=found.places[:PLACES],
        places_more=found.places[PLACES:],
        kinds=found.kinds,
        trend=found.trend,
        rates=rates[:RATES],
        rates_more=max(0, len(rates) - RATES),
        evidence=found.proof,
        command=_command(month.name, team, step),
        compacted=compactions(month.tables["recon.compaction"], team) if step == COMPACTION else NOBODY,
        close=month.close,
        sign_off=month.sign_off,
    )


def _kinds(rows: list[dict[str, Any]], line: Line) -> list[Kind]:
    """The token kinds of the cause, in cents that add up to its line."""
    amounts = to_cents([row["usd"] or ZERO for row in rows], line.usd.shown)
    return [
        Kind(
            row["token_kind"],
            row["tokens"],
            Usd(row["usd"], amount if row["usd"] is not None else None, row["is_partial"]),
        )
        for row, amount in zip(rows, amounts, strict=True)
    ]


def _command(month: str, team: str, step: str) -> str:
    """What shows all rows; a name that a line of a shell cannot hold is left to the reader."""
    named = quote(team) if fmt.label(team, len(team) or 1) == team and len(team) <= 80 else "<team>"
    return f"tallystick explain {month} --team {named} --cause {step} --limit 1000"
