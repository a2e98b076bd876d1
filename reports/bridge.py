"""The bridge as lines that add up on the page: traced, causes, metered, the bill."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import polars as pl

from pipeline.money import to_cents
from reports.rounding import ZERO, agree, cents
from reports.teams import TeamRow
from reports.tieout import Grid
from reports.view import COMPONENTS, Bridge, CauseText, Line, Usd, shown
from schemas.types import BASES, STEPS

SHARE = Line(
    code="share",
    title="Share of what the bills add",
    sentence="Its part of what the bills hold beside metered tokens at the expected rate: other quantities "
    "and prices, fees, credits, tax, rounding. Shared as the allocation says.",
    usd=Usd(ZERO, ZERO),
    role="invoice",
    basis="allocated",
)
_NOT_TIED = "Metered on accounts for which no bill has come, or priced there in another way."
_LINE = ("provider", "account", "scope", "model", "service_tier", "team", "service", "feature", "basis")
_CELL = ("provider", "account", "scope", "model", "service_tier", "token_kind")
_NOTHING: dict[str, Any] = {
    "tokens": 0, "tokens_low": 0, "tokens_high": 0, "usd": ZERO, "is_partial": False,
    "evidence_count": 0, "bases": [],
}  # fmt: skip


def _reach(distance: pl.Expr) -> pl.Expr:
    """How far a sum reaches: bounds add up, errors of estimates by the root of their squares."""
    is_bound = pl.col("basis") == "bounded"
    errors = distance.filter(~is_bound).cast(pl.Float64) ** 2
    return (distance.filter(is_bound).sum() + errors.sum().sqrt().ceil()).cast(pl.Int64)


SUMS = (
    pl.col("tokens").sum(),
    (pl.col("tokens").sum() - _reach(pl.col("tokens") - pl.col("tokens_low"))).alias("tokens_low"),
    (pl.col("tokens").sum() + _reach(pl.col("tokens_high") - pl.col("tokens"))).alias("tokens_high"),
    pl.when(pl.col("usd").is_not_null().any()).then(pl.col("usd").sum()).alias("usd"),
    (pl.col("usd").is_null() & (pl.col("tokens") != 0)).any().alias("is_partial"),
    (pl.col("tokens").abs().sum() > 0).alias("is_something"),
    pl.col("basis").unique().alias("bases"),
)
"""What a group of bridge rows adds up to. Dollars are null only when no row of the group has a price."""


def whole_bridge(bridge: pl.DataFrame, table: Grid, texts: Mapping[str, CauseText], gross: int) -> Bridge:
    """Return the bridge of the month, with the components of its bills."""
    exact = _by_step(_step_after_step(bridge))
    metered = sum((row["usd"] or ZERO for row in exact.values()), ZERO)
    is_tied = bool(table.rows) and agree(metered, table.exact_metered)
    goal = table.total["metered_at_expected_rate"] if is_tied else cents(metered)
    rest = exact["unexplained"]["usd"]
    fixed = {} if rest is None else {"unexplained": cents(rest)}  # as the headline says it
    lines = _lines(exact, texts, fixed, goal)
    return _assemble(lines, _components(table, goal) if table.rows else None, bridge, gross)


def team_bridge(bridge: pl.DataFrame, row: TeamRow, whole: Bridge, texts: Mapping[str, CauseText]) -> Bridge:
    """Return the bridge of one team, in the cents of its row in the table of teams."""
    exact = _by_step([bridge])
    fixed = {"traced": row.traced_usd, "unexplained": row.unexplained_usd}
    named = cents(sum((each["usd"] or ZERO for code, each in exact.items() if code not in fixed), ZERO))
    if not whole.billed:
        return _assemble(_lines(exact, texts, fixed, row.total_usd), None, bridge, row.gross)
    lines = _lines(exact, texts, fixed, sum(fixed.values(), named))
    share = row.total_usd - sum((shown(line) for line in lines.values()), ZERO)
    return _assemble(lines, [replace(SHARE, usd=Usd(share, share))], bridge, row.gross)


def _by_step(parts: Iterable[pl.DataFrame]) -> dict[str, dict[str, Any]]:
    found = {code: row for part in parts for code, row in _sums(part).items()}
    always = {"traced": _NOTHING, "unexplained": _NOTHING}
    kept = {code: row for code, row in found.items() if row["is_something"] or code in always}
    return {code: row for code in STEPS if (row := {**always, **kept}.get(code))}


def _step_after_step(bridge: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield the rows of each step, so that memory is that of one."""
    for step in bridge["step"].unique():
        yield bridge.filter(step=step)


def _sums(rows: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Step -> what its rows add up to.

    A span that backs several token kinds of a line is one piece of evidence.
    """
    lines = rows.group_by("step", *_LINE).agg(pl.col("evidence_count").max())
    counts = dict(lines.group_by("step").agg(pl.col("evidence_count").sum()).rows())
    sums = rows.group_by("step").agg(*SUMS).iter_rows(named=True)
    return {row["step"]: row | {"evidence_count": int(counts[row["step"]])} for row in sums}


def _gross_rest(bridge: pl.DataFrame) -> Decimal:
    """Dollars of the unexplained, cell by cell, signs ignored."""
    rest = bridge.filter(pl.col("step") == "unexplained")
    return sum(rest.group_by(_CELL).agg(pl.col("usd").sum())["usd"].abs(), ZERO)


def _lines(
    exact: dict[str, dict[str, Any]],
    texts: Mapping[str, CauseText],
    fixed: Mapping[str, Decimal],
    goal: Decimal,
) -> dict[str, Line]:
    """Lines in cents that add up to the goal."""
    free = [code for code, row in exact.items() if code not in fixed and row["usd"] is not None]
    rest = goal - sum(fixed.values(), ZERO)
    amounts = to_cents([exact[code]["usd"] for code in free], rest)
    on_page = {**fixed, **dict(zip(free, amounts, strict=True))}
    return {code: _line(texts[code], row, on_page.get(code, ZERO)) for code, row in exact.items()}


def _line(text: CauseText, row: dict[str, Any], amount: Decimal) -> Line:
    roles = {"traced": "total", "unexplained": "rest"}
    has_price = row["usd"] is not None
    return Line(
        code=text.code,
        title=text.title,
        sentence=text.sentence,
        usd=Usd(row["usd"], amount if has_price else None, has_price and row["is_partial"]),
        role=roles.get(text.code, "step"),
        tokens=row["tokens"],
        low=row["tokens_low"],
        high=row["tokens_high"],
        basis=", ".join(basis for basis in BASES if basis in row["bases"]),
        evidence_count=row["evidence_count"],
    )


def _components(table: Grid, metered: Decimal) -> list[Line]:
    lines = []
    if off := table.total["metered_at_expected_rate"] - metered:
        lines.append(Line("not_tied", "Metered, not in the bills", _NOT_TIED, Usd(off, off), "invoice"))
    for code in table.components[:-1]:
        if code != "metered_at_expected_rate":
            title, sentence = COMPONENTS[code]
            amount = table.total[code]
            lines.append(Line(code, title, sentence, Usd(amount, amount), "invoice", basis="exact"))
    return lines


def _assemble(lines: dict[str, Line], invoice: list[Line] | None, bridge: pl.DataFrame, gross: int) -> Bridge:
    every = list(lines.values())
    known = [line.usd.exact for line in every if line.usd.exact is not None]
    amount = sum((shown(line) for line in every), ZERO)
    metered = Line(
        code="metered",
        title="Metered",
        sentence="What the provider's usage export counts, at the expected rate.",
        usd=Usd(sum(known, ZERO), amount, _has_unpriced_meter(bridge)) if known else Usd(None, None),
        role="total",
        tokens=sum(line.tokens or 0 for line in every),
        basis="exact",
    )
    total = amount + sum((shown(line) for line in invoice or ()), ZERO)
    title, sentence = COMPONENTS["billed"]
    return Bridge(
        traced=lines["traced"],
        steps=tuple(line for line in every if line.role == "step"),
        unexplained=lines["unexplained"],
        metered=metered,
        invoice=tuple(invoice or ()),
        billed=None if invoice is None else Line("billed", title, sentence, Usd(total, total), "total"),
        gross_tokens=gross,
        gross_unexplained_usd=_gross_rest(bridge),
    )


def _has_unpriced_meter(bridge: pl.DataFrame) -> bool:
    """Whether tokens without a price were metered: what was only traced, and billed by nobody, needs none."""
    cells = bridge.filter(pl.col("usd").is_null()).group_by(_CELL).agg(pl.col("tokens").sum())
    return bool((cells["tokens"] != 0).any())
