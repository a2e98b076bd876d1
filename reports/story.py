"""The two-minute answer: the headline, what to do now, and what stands in the way of trusting it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.headline import sentence, uncompared
from reports import format as fmt
from reports.places import Interval, Lever
from reports.rounding import cents
from reports.view import Bridge, Line, MaterialityText, shown

EXAMPLES = 3
HOLDERS = 6


@dataclass(frozen=True)
class Holder:
    """A team that has a part of a cause, and the page that tells of it."""

    team: str
    path: str
    line: Line
    lever: Lever | None


@dataclass(frozen=True)
class Cause:
    """A cause of the month with its text and a few rows of its evidence."""

    line: Line
    advice: str
    evidence: list[dict[str, Any]]
    evidence_more: int
    interval: Interval | None
    """Ends of its dollars; null where they are exact or unknown."""
    is_material: bool
    path: str | None = None
    """Its own page; null on the index."""
    lever: Lever | None = None
    holders: tuple[Holder, ...] = ()
    """On the index: the teams that have it, most dollars first."""
    more_holders: int = 0


def headline(month: str, who: str, bridge: Bridge, *, is_traced: bool = True) -> str:
    """Return one sentence: what was billed, or metered while there is no bill, and what is unexplained.

    `is_traced`: whether any trace of the month was read; else nothing of it was compared.
    """
    whose = f"{fmt.month_name(month)}: {who}"
    if not bridge.billed and not bridge.metered.tokens:
        return f"{whose} has no bill and no metered tokens."
    opening = f"{whose} was billed" if bridge.billed else f"{whose} has no bill yet; metered tokens come to"
    total, rest = bridge.total.usd.shown, bridge.unexplained
    if total is None:
        count = fmt.tokens(bridge.metered.tokens or 0)
        return f"{whose} has no bill yet, and its {count} metered tokens have no known price."
    if not is_traced:
        return uncompared(opening, total)
    if rest.tokens and rest.usd.shown is None:
        return (
            f"{opening} {fmt.usd(total)}; {fmt.tokens(rest.tokens)} unexplained tokens have no known price."
        )
    return sentence(opening, total, shown(rest))


def verdict(bridge: Bridge, materiality: MaterialityText) -> str:
    """Return whether the unexplained, signs ignored, is material, with the bounds."""
    amount, total = bridge.gross_unexplained_usd, shown(bridge.total)
    bounds = f"{fmt.usd(materiality.usd)} and {materiality.percent.normalize():f}{fmt.SPACE}%"
    if bridge.unexplained.usd.shown is None and bridge.unexplained.tokens:
        return f"The unexplained tokens have no known price, so their size cannot be held against {bounds}."
    if not amount:
        return "No dollar is unexplained."
    share = fmt.percent(cents(amount), total)
    size = f"Signs ignored, {fmt.usd(amount)} is unexplained ({share} of the total)"
    if materiality.is_reached_by(amount, total):
        return f"{size}: material, for it reaches the bounds of {bounds}."
    return f"{size}: not material, for that would take {bounds}."


def main_cause(bridge: Bridge, causes: Sequence[Cause], materiality: MaterialityText) -> Cause | None:
    """Return the largest cause that somebody can act on; the unexplained only when it is material."""
    is_material = materiality.is_reached_by(bridge.gross_unexplained_usd, shown(bridge.total))
    fit = [c for c in causes if c.advice and (c.line.role == "step" or is_material)]
    return fit[0] if fit else None


def with_holders(cause: Cause, holders: Sequence[Holder]) -> Cause:
    """Return a cause of the index with the teams that have it, and with the lever of its largest place."""
    found = sorted(holders, key=lambda h: (-abs(shown(h.line)), -abs(h.line.tokens or 0), h.team))
    named = [h for h in found if shown(h.line) or h.line.usd.shown is None] or found[:1]
    levers = [
        replace(held.lever, holds=f"{held.lever.holds} in team {fmt.label(held.team)}")
        for held in found
        if held.lever
    ]
    return replace(
        cause,
        lever=max(levers, key=lambda lever: (lever.usd, lever.first), default=None),
        holders=tuple(named[:HOLDERS]),
        more_holders=max(0, len(found) - len(named[:HOLDERS])),
    )


def ordered(bridge: Bridge) -> list[Line]:
    """Return the causes that are not nothing, most dollars first, then most tokens."""
    rest = [bridge.unexplained] if bridge.unexplained.tokens or shown(bridge.unexplained) else []
    return sorted(
        [*bridge.steps, *rest], key=lambda line: (-abs(shown(line)), -abs(line.tokens or 0), line.code)
    )


def warnings(close: Mapping[str, Any] | None, bridge: Bridge) -> list[str]:
    """Return what must be known before any figure is used, as sentences."""
    found = []
    if close is None:
        found.append("Nothing was closed: there are no figures for this month.")
    elif close["status"] == "incomplete":
        found.append(
            "This month is incomplete: figures may still change. "
            f"{_set_aside(close)}Data quality says what is missing and what to do."
        )
    elif close["status"] == "preliminary":
        found.append(
            "This month is preliminary: bills, exports or prices are still awaited, and figures will change."
        )
    found += _one_sided(close, bridge)
    if bridge.metered.usd.is_partial or (bridge.metered.usd.shown is None and bridge.metered.tokens):
        found.append(
            "Some tokens have no known price. They are counted in tokens and left out of the dollars; "
            "see Data quality for the models."
        )
    return found


def _one_sided(close: Mapping[str, Any] | None, bridge: Bridge) -> list[str]:
    """What cannot be said because one side of the comparison is missing, or no cause has any part of it."""
    if close is None:
        return []
    has_meter = close["metered_tokens"] or close["billed_usd"] is not None
    if not has_meter and not close["span_count"]:
        return ["Nothing of this month was read: no trace, no usage export and no bill."]
    if not close["span_count"]:
        return ["No trace of this month was read: whatever was billed could not be compared with any call."]
    if not has_meter:
        return [
            "No usage export, request log or bill of this month was read: what the traces hold could not be "
            "compared with anything."
        ]
    if bridge.unexplained.tokens and not bridge.steps:
        return ["No cause was found for any of the drift: all of it is unexplained."]
    return []


def nothing(bridge: Bridge) -> str:
    """Return why there is no cause, as a sentence for the place of the causes."""
    if bridge.traced.tokens or bridge.metered.tokens:
        return "Traced and metered agree: there is nothing to explain."
    return "No token was both traced and metered: there is no difference to explain."


def missing(close: Mapping[str, Any] | None) -> str:
    """Return what to do first where one side of the comparison is missing; empty where both are there."""
    if close is None:
        return ""
    has_meter = close["metered_tokens"] or close["billed_usd"] is not None
    wanted = [] if close["span_count"] else ["`traces`"]
    wanted += [] if has_meter else ["`usage`, `requests` or `invoice`"]
    if not wanted:
        return ""
    kinds = " and one of kind ".join(wanted)
    return (
        f"Bring what is missing: a source of kind {kinds}, or its files of this month if there is one, "
        "and close again. Until then nothing can be compared."
    )


def _set_aside(close: Mapping[str, Any]) -> str:
    count = close["rows_quarantined"]
    if not count:
        return ""
    of_all = f"{fmt.plural(count, 'record')} of {fmt.integer(close['rows_read'])}"
    return f"{of_all} could not be read and {'waits' if count == 1 else 'wait'} in quarantine. "
