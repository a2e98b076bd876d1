"""Whose expense an amount is: the shares of each bill, and where none is billed, what its calls cost."""

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from pipeline.journal_lines import Part
from pipeline.journal_settings import Journal
from pipeline.money import quantize, split

Bill = tuple[str, str, str | None]
"""Provider, account and invoice; without an invoice what is awaited."""

Shares = Mapping[tuple[str, str], Decimal]
"""Team and category -> dollars; tax and rounding are of no team, which is empty."""

_OWN = ("tax", "rounding")
"""Pools with an account of their own."""

_KEY = ["provider", "account", "invoice_id", "team", "category"]


class Books(NamedTuple):
    """Where the expense of a month goes."""

    rules: Journal
    bills: Mapping[Bill, Shares]
    traced: Mapping[tuple[str, str], Shares]
    """Expected dollars of accounts by team."""

    def part(self, team: str, category: str, provider: str, usd: Decimal) -> Part:
        """Return an amount on its account and cost centre."""
        account = self.rules.account_of(team, category, provider)
        centre = self.rules.cost_centre_of(team) if team else None
        return Part(account, usd, centre, team, category)

    def charged(self, bill: Bill) -> list[Part]:
        """Return what a bill charges, by team and category; it adds up to the bill."""
        shares = self.bills.get(bill, {})
        return [self.part(team, category, bill[0], usd) for (team, category), usd in shares.items()]

    def credited(self, bill: Bill, usd: Decimal) -> list[Part]:
        """Return an amount in proportion to the credits of a bill, by team."""
        shares = self.bills.get(bill, {})
        weights = {
            team: -part for (team, category), part in shares.items() if category == "credit" and part < 0
        }
        return self._spread(bill[0], "credit", usd, weights)

    def expected(self, provider: str, account: str, usd: Decimal) -> list[Part]:
        """Return an amount in proportion to what is awaited, else to what the calls of the account cost."""
        awaited = self.bills.get((provider, account, None), {})
        for shares in (awaited, self.traced.get((provider, account), {})):
            weights: dict[str, Decimal] = defaultdict(Decimal)
            for (team, _), part in shares.items():
                weights[team] += max(part, Decimal(0)) if team else Decimal(0)
            if any(weights.values()):
                return self._spread(provider, "usage", usd, weights)
        return [self.part("", "usage", provider, usd)]

    def like(self, earlier: pl.DataFrame, provider: str, usd: Decimal) -> list[Part]:
        """Return an amount in proportion to the expense lines of an earlier entry."""
        expense = earlier.filter(pl.col("category").is_not_null()).sort("line_number")
        weights = {team: debit - credit for team, debit, credit in expense["team", "debit", "credit"].rows()}
        return self._spread(provider, "usage", usd, weights)

    def _spread(
        self, provider: str, category: str, usd: Decimal, weights: Mapping[str, Decimal]
    ) -> list[Part]:
        known = {team: max(weight, Decimal(0)) for team, weight in weights.items()} or {"": Decimal(1)}
        parts = split(quantize(usd), list(known.values()))
        return [
            self.part(team, category, provider, part) for team, part in zip(known, parts, strict=True) if part
        ]


def books(rules: Journal, allocation: pl.DataFrame, bridge: pl.DataFrame) -> Books:
    """Return the shares of the executing view; `bridge` tells whose the usage of unbilled accounts is."""
    is_own = pl.col("pool").is_in(_OWN)
    shares = (
        allocation.filter(view="executing")
        .with_columns(
            category=pl.when(is_own).then("pool").otherwise("category"),
            team=pl.when(is_own | pl.col("category").is_in(_OWN)).then(pl.lit("")).otherwise("team"),
        )
        .group_by(_KEY)
        .agg(pl.col("usd").sum())
        .sort(_KEY)
    )
    bills: dict[Bill, dict[tuple[str, str], Decimal]] = defaultdict(dict)
    for provider, account, invoice_id, team, category, usd in shares.rows():
        bills[provider, account, invoice_id][team, category] = usd
    cost = bridge.group_by("provider", "account", "team").agg(pl.col("usd").sum()).sort(pl.all())
    traced: dict[tuple[str, str], dict[tuple[str, str], Decimal]] = defaultdict(dict)
    for provider, account, team, usd in cost.rows():
        traced[provider, account][team, "usage"] = usd or Decimal(0)
    return Books(rules, bills, traced)
