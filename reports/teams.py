"""The table of teams: who was billed what, pools first and apart, adding up both ways to the cent."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from pipeline.money import to_cents
from reports.rounding import ZERO, agree
from reports.slugs import slugs
from reports.view import Bridge, shown


@dataclass(frozen=True)
class TeamRow:
    """One team or pool in the cents of the page: traced, explained and unexplained add up to billed."""

    name: str
    slug: str
    is_pool: bool
    calls: int
    metered: int
    gross: int
    unpriced: int
    traced_usd: Decimal
    explained_usd: Decimal
    unexplained_usd: Decimal
    total_usd: Decimal
    """Billed, or metered at the expected rate while there is no bill."""
    exact_usd: Decimal


def team_rows(teams: pl.DataFrame, bridge: pl.DataFrame, whole: Bridge) -> list[TeamRow]:
    """Return pools first (`unowned` before all), then teams, most dollars first."""
    metered = bridge.group_by("team").agg(pl.col("usd").sum().alias("metered_usd"))
    rows = list(teams.join(metered, on="team", how="left").sort("team").iter_rows(named=True))
    traced = _column(rows, "traced_usd", shown(whole.traced))
    unexplained = _column(rows, "unexplained_usd", shown(whole.unexplained))
    exact: list[Decimal] = [row["billed_usd" if whole.billed else "metered_usd"] or ZERO for row in rows]
    total = _fit(exact, shown(whole.total))
    names = slugs(row["team"] for row in rows)
    cells = zip(traced, unexplained, total, exact, strict=True)
    found = [_row(row, names[row["team"]], amounts) for row, amounts in zip(rows, cells, strict=True)]
    return sorted(found, key=lambda r: (not r.is_pool, r.name != "unowned", -r.exact_usd, r.name))


def totals(rows: list[TeamRow]) -> TeamRow:
    """Return the sum of the rows."""
    return TeamRow(
        name="",
        slug="",
        is_pool=False,
        calls=sum(row.calls for row in rows),
        metered=sum(row.metered for row in rows),
        gross=sum(row.gross for row in rows),
        unpriced=sum(row.unpriced for row in rows),
        traced_usd=sum((row.traced_usd for row in rows), ZERO),
        explained_usd=sum((row.explained_usd for row in rows), ZERO),
        unexplained_usd=sum((row.unexplained_usd for row in rows), ZERO),
        total_usd=sum((row.total_usd for row in rows), ZERO),
        exact_usd=sum((row.exact_usd for row in rows), ZERO),
    )


def _column(rows: list[dict[str, Any]], name: str, goal: Decimal) -> list[Decimal]:
    return _fit([row[name] for row in rows], goal)


def _fit(exact: list[Decimal], goal: Decimal) -> list[Decimal]:
    """Cents that add up to the goal of the bridge, or to their own sum where the two do not agree."""
    return to_cents(exact, goal if agree(sum(exact, ZERO), goal) else None)


def _row(row: dict[str, Any], slug: str, amounts: tuple[Decimal, Decimal, Decimal, Decimal]) -> TeamRow:
    traced, unexplained, total, exact = amounts
    return TeamRow(
        name=row["team"],
        slug=slug,
        is_pool=row["is_pool"],
        calls=row["call_count"],
        metered=row["metered_tokens"],
        gross=row["gross_drift_tokens"],
        unpriced=row["unpriced_tokens"],
        traced_usd=traced,
        explained_usd=total - traced - unexplained,
        unexplained_usd=unexplained,
        total_usd=total,
        exact_usd=exact,
    )
