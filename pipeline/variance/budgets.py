"""recon.budget: what teams may spend, have spent, and are on their way to by the end of the month."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, localcontext

import polars as pl

from pipeline.budget_settings import Budget, budgets_of, strangers
from pipeline.findings import assemble, finding
from pipeline.metering.zones import local_day
from pipeline.money import quantize
from pipeline.period import Month
from pipeline.tokens import TOTAL
from schemas.variance import Budget as BudgetRow

_SCHEMA = pl.Schema(BudgetRow.empty().schema)
_NOTHING = Decimal(0)
_ACCOUNT = ["provider", "account"]


def budget_rows(budgets: Sequence[Budget], month: Month, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return recon.budget: a row for each team whose budget holds on the first day of the month.

    Spent is the team's part of the bills, and of accounts without any bill its metered tokens at the expected
    rate. The projection carries it on in a straight line from the last day that a meter tells of.
    """
    billed = dict(tables["report.team"].select("team", "billed_usd").rows())
    awaited = _awaited(tables["recon.bridge"], tables["recon.tieout"])
    last = _last_day(tables["core.metered"], month)
    days = (last - month.first_day).days + 1 if last else None
    length = (month.next.first_day - month.first_day).days
    rows = []
    for team, usd in sorted(budgets_of(budgets, month).items()):
        waiting, unpriced = awaited.get(team, (_NOTHING, 0))
        spent = billed.get(team, _NOTHING) + waiting
        projected = None if days is None else _carried_on(spent, days, length)
        over = None if projected is None else projected - usd
        rows.append(
            (str(month), team, usd, billed.get(team, _NOTHING), waiting, unpriced, spent, last, days, length,
             projected, usd - spent, over)
        )  # fmt: skip
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _awaited(bridge: pl.DataFrame, tieout: pl.DataFrame) -> dict[str, tuple[Decimal, int]]:
    """Team -> dollars, and tokens without a price, of metered accounts that no bill tells of yet."""
    waiting = bridge.join(tieout.filter(component="billed"), on=_ACCOUNT, how="anti")
    sums = waiting.group_by("team").agg(
        pl.col("usd").sum(),
        pl.col("tokens").filter(pl.col("usd").is_null()).sum().alias("unpriced"),
    )
    return {team: (usd or _NOTHING, unpriced) for team, usd, unpriced in sums.rows()}


def _last_day(metered: pl.DataFrame, month: Month) -> date | None:
    """The last day of the month, in the provider's billing zone, on which a meter counts tokens."""
    end = local_day(pl.col("bucket_end_at") - pl.duration(microseconds=1))
    days = metered.filter(TOTAL > 0).select(end.alias("day"))["day"]
    last = days.max()
    return min(max(last, month.first_day), month.last_day) if isinstance(last, date) else None


def _carried_on(spent: Decimal, days: int, length: int) -> Decimal:
    with localcontext(prec=60):
        return quantize(spent * length / days)


def budget_findings(
    budgets: Sequence[Budget], month: Month, rows: pl.DataFrame, teams: set[str]
) -> pl.DataFrame:
    """A finding per team beyond its budget, or on its way there, and per budget of a team without usage."""
    name, parts = str(month), []
    for row in rows.iter_rows(named=True):
        budget, spent, projected = row["budget_usd"], row["allocated_usd"], row["projected_usd"]
        if spent > budget:
            parts.append(
                finding(
                    name, "over_budget", "warning",
                    f"Team '{row['team']}' has spent {spent:,.2f} USD of a budget of {budget:,.2f} USD: "
                    f"{spent - budget:,.2f} USD too much.",
                    "See what moved its cost under 'Month over month' on its page, and agree on a budget.",
                    team=row["team"], usd=spent - budget,
                )
            )  # fmt: skip
        elif projected is not None and projected > budget:
            parts.append(
                finding(
                    name, "over_budget_soon", "note",
                    f"Team '{row['team']}' has spent {spent:,.2f} USD in {row['days_elapsed']} of "
                    f"{row['days_in_month']} days; at this pace it ends the month at {projected:,.2f} USD, "
                    f"{projected - budget:,.2f} USD beyond its budget.",
                    "See what moved its cost under 'Month over month' on its page.",
                    team=row["team"], usd=projected - budget,
                )
            )  # fmt: skip
    held = [budget for budget in budgets if budget.holds_in(month)]
    parts += [
        finding(
            name, "budget_without_team", "note",
            f"Team '{team}' has a budget, and nothing of the month is its own.",
            "Compare the name in [[budgets]] with the teams of teams.csv.", team=team,
        )
        for team in strangers(held, teams)
    ]  # fmt: skip
    return assemble(parts)
