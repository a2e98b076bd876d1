"""Where a cause sits, in which service, model and scope, how sure its dollars are, and where to begin."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

import polars as pl

from pipeline.money import to_cents
from reports import format as fmt
from reports.bridge import SUMS
from reports.rounding import ZERO, cents
from reports.view import CauseText, Line, Usd, shown

KEYS = ("scope", "service", "feature", "model")
_CELL = ("provider", "account", "scope", "model", "service_tier", "token_kind")
_WORDS = {"service": "service", "model": "model", "scope": "the key, project or account"}

Interval = tuple[Decimal, Decimal]


@dataclass(frozen=True)
class Place:
    """A service, feature, model and scope, and what it holds of a cause."""

    labels: tuple[str, ...]
    """In the order of KEYS."""
    tokens: int
    low: int
    high: int
    usd: Usd
    evidence_count: int


@dataclass(frozen=True)
class Lever:
    """Where to begin with a cause, and what that changes."""

    first: str
    holds: str
    effect: str
    usd: Decimal
    """Size of what the place holds, to compare levers by."""
    saves: Decimal = ZERO
    """What it saves at most, in the cents of the page; nothing where that is not known."""


def places_of(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return tokens and dollars of each step of one team's bridge by place, a step's largest place first."""
    owned = rows.filter(pl.col("step") != "traced")
    order = ["size_usd", "size", *KEYS]
    found = (
        owned.group_by("step", *KEYS)
        .agg(*SUMS, pl.col("evidence_count").max())
        .filter(pl.col("is_something"))
        .with_columns(pl.col("usd").abs().alias("size_usd"), pl.col("tokens").abs().alias("size"))
        .sort(["step", *order], descending=[False, True, True, *(False for _ in KEYS)], nulls_last=True)
    )
    return {str(step): mine for (step,), mine in found.partition_by("step", as_dict=True).items()}


def places(rows: pl.DataFrame, line: Line) -> list[Place]:
    """Return the rows of one team and step as places, in cents that add up to the line of the bridge."""
    every = list(rows.iter_rows(named=True))
    amounts = to_cents([row["usd"] or ZERO for row in every], line.usd.shown)
    return [_place(row, amount) for row, amount in zip(every, amounts, strict=True)]


def _place(row: Mapping[str, Any], amount: Decimal) -> Place:
    return Place(
        labels=tuple(str(row[key]) for key in KEYS),
        tokens=row["tokens"],
        low=row["tokens_low"],
        high=row["tokens_high"],
        usd=Usd(row["usd"], None if row["usd"] is None else amount, row["is_partial"]),
        evidence_count=row["evidence_count"],
    )


def lever(found: list[Place], line: Line, text: CauseText) -> Lever | None:
    """Return where to begin: the service, model or scope with most dollars, then most tokens."""
    if not text.first or not found or not (line.tokens or shown(line)):
        return None
    at = KEYS.index(text.place)
    sums: dict[str, tuple[Decimal, int]] = {}
    for each in found:
        usd, tokens = sums.get(each.labels[at], (ZERO, 0))
        sums[each.labels[at]] = (usd + (each.usd.shown or ZERO), tokens + each.tokens)
    name = min(sums, key=lambda name: (-abs(sums[name][0]), -abs(sums[name][1]), name))
    told = f"{_WORDS[text.place]} {fmt.label(name)}" if name.strip() else f"the {text.place} without a name"
    first = text.first.replace("{place}", told)
    usd = sums[name][0]
    saves = max(usd, ZERO) if text.is_avoidable else ZERO
    return Lever(first, *_told(sums[name], line, text), abs(usd), saves)


def _told(held: tuple[Decimal, int], line: Line, text: CauseText) -> tuple[str, str]:
    """What the place holds of the cause, and what acting on it changes."""
    usd, tokens = held
    if line.usd.shown is None:
        holds = f"It holds {fmt.tokens(tokens)} of {fmt.tokens(line.tokens or 0)} tokens"
        return holds, "their price is not known, nor what it saves."
    return _holds(usd, line.usd.shown), _effect(usd, line, text)


def _holds(usd: Decimal, whole: Decimal) -> str:
    if not usd:
        return "It holds less than a cent"
    if usd * whole < 0 or abs(usd) > abs(whole):
        return f"It holds {fmt.usd(usd)}, which other places offset to {fmt.usd(whole)}"
    return (
        f"It holds all of it, {fmt.usd(usd)}"
        if usd == whole
        else f"It holds {fmt.usd(usd)} of {fmt.usd(whole)}"
    )


def _effect(usd: Decimal, line: Line, text: CauseText) -> str:
    if line.role == "rest":
        return "whether that can be saved is known once its reason is."
    if not text.is_avoidable:
        return "putting it right saves no money by itself, it makes the traces right."
    if usd <= 0:
        return "there is nothing to save in it."
    return f"at most {fmt.usd(usd)} would be saved in a month like this one."


def intervals(bridge: pl.DataFrame) -> dict[tuple[str, str | None], Interval]:
    """Return low and high dollars of each step, by team and (None) of all, as distances from the point.

    Tokens between point and end of a row are taken at the average expected rate of its cell. Bounds add
    up, errors of estimates by the root of their squares, as they do in tokens. Rows without a price add
    nothing.
    """
    with localcontext(prec=50):
        rates = _rates(bridge)
        sums: dict[tuple[str, str | None], list[Decimal]] = {}
        for step, team, is_bound, below, above in _reaches(bridge, rates):
            for key in ((step, team), (step, None)):
                held = sums.setdefault(key, [ZERO] * 4)
                held[0 if is_bound else 2] += below if is_bound else below * below
                held[1 if is_bound else 3] += above if is_bound else above * above
        return {
            key: (bound_low + low.sqrt(), bound_high + high.sqrt())
            for key, (bound_low, bound_high, low, high) in sums.items()
        }


def interval(line: Line, reach: Interval | None) -> Interval | None:
    """Return the ends of a line's dollars in cents; nothing where it is exact or has no price."""
    if line.usd.shown is None or reach is None or not any(reach):
        return None
    return line.usd.shown - cents(reach[0]), line.usd.shown + cents(reach[1])


def _rates(bridge: pl.DataFrame) -> dict[tuple[Any, ...], Decimal]:
    priced = bridge.filter(pl.col("usd").is_not_null())
    sums = priced.group_by(_CELL).agg(pl.col("usd").abs().sum(), pl.col("tokens").abs().sum())
    return {tuple(row[:6]): row[6] / row[7] for row in sums.iter_rows() if row[7]}


def _reaches(
    bridge: pl.DataFrame, rates: Mapping[tuple[Any, ...], Decimal]
) -> Iterator[tuple[str, str, bool, Decimal, Decimal]]:
    """Step, team, whether it is a bound, and dollars below and above the point of each row that has any."""
    wide = bridge.filter(pl.col("tokens_low") != pl.col("tokens_high"))
    columns = ("step", "team", "basis", "tokens", "tokens_low", "tokens_high", *_CELL)
    for step, team, basis, tokens, low, high, *cell in wide.select(columns).iter_rows():
        rate = rates.get(tuple(cell), ZERO)
        yield step, team, basis == "bounded", rate * (tokens - low), rate * (high - tokens)
