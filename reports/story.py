"""The two-minute answer: the headline, what to do now, and what stands in the way of trusting it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipeline.headline import sentence
from reports import format as fmt
from reports.rounding import cents
from reports.view import Bridge, CauseText, Line, MaterialityText, shown

EXAMPLES = 3


@dataclass(frozen=True)
class Cause:
    """A cause of the month with its text and a few rows of its evidence."""

    line: Line
    advice: str
    evidence: list[dict[str, Any]]
    evidence_more: int


def headline(month: str, who: str, bridge: Bridge) -> str:
    """Return one sentence: what was billed, or metered while there is no bill, and what is unexplained."""
    whose = f"{fmt.month_name(month)}: {who}"
    if not bridge.billed and not bridge.metered.tokens:
        return f"{whose} has no bill and no metered tokens."
    opening = f"{whose} was billed" if bridge.billed else f"{whose} has no bill yet; metered tokens come to"
    total, rest = bridge.total.usd.shown, bridge.unexplained
    if total is None:
        count = fmt.tokens(bridge.metered.tokens or 0)
        return f"{whose} has no bill yet, and its {count} metered tokens have no known price."
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


def month_causes(bridge: Bridge, evidence: pl.DataFrame, texts: Mapping[str, CauseText]) -> list[Cause]:
    """Return the causes that are not nothing, most dollars first, then most tokens."""
    rest = [bridge.unexplained] if bridge.unexplained.tokens or shown(bridge.unexplained) else []
    lines = sorted(
        [*bridge.steps, *rest], key=lambda line: (-abs(shown(line)), -abs(line.tokens or 0), line.code)
    )
    return [_cause(line, evidence.filter(pl.col("step") == line.code), texts[line.code]) for line in lines]


def _cause(line: Line, evidence: pl.DataFrame, text: CauseText) -> Cause:
    order = ["size_usd", "size", "trace_id", "span_id", "reason", "team"]
    rows = (
        evidence.with_columns(pl.col("usd").abs().alias("size_usd"), pl.col("tokens").abs().alias("size"))
        .sort(order, descending=[True, True, *(False for _ in order[2:])], nulls_last=True)
        .head(EXAMPLES)
    )
    return Cause(line, text.advice, list(rows.iter_rows(named=True)), evidence.height - rows.height)


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
    if bridge.metered.usd.is_partial or (bridge.metered.usd.shown is None and bridge.metered.tokens):
        found.append(
            "Some tokens have no known price. They are counted in tokens and left out of the dollars; "
            "see Data quality for the models."
        )
    return found


def _set_aside(close: Mapping[str, Any]) -> str:
    count = close["rows_quarantined"]
    if not count:
        return ""
    of_all = f"{fmt.plural(count, 'record')} of {fmt.integer(close['rows_read'])}"
    return f"{of_all} could not be read and {'waits' if count == 1 else 'wait'} in quarantine. "
