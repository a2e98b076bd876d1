"""What the meter counts of a contract in a month, from what is landed."""

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache

import polars as pl

from pipeline.contract_settings import Contract
from pipeline.metering.coverage import covered_days, days_of
from pipeline.metering.restatement import PLACE
from pipeline.meters import Meters
from pipeline.period import Month
from pipeline.pricing import RateCard
from pipeline.rates.dollars import daily
from pipeline.rates.floors import Volume
from pipeline.rates.sku import RATE_KEY, Sku
from pipeline.rates.terms import prices_sku


class MeteredVolumes:
    """Volumes of contracts by month; `meters` gives the meter of a month, `closing` is the month closed."""

    def __init__(self, meters: Callable[[Month], Meters], card: RateCard, closing: Month) -> None:
        self._meters = lru_cache(maxsize=None)(meters)
        self._days = lru_cache(maxsize=None)(self._daily)
        self._card = card
        self._closing = closing

    def __call__(self, contract: Contract, month: Month) -> Volume:
        """Return the volume: tokens, or dollars at list price where the floor is in dollars.

        It is whole where every account and kind of endpoint that is metered in the month, or in the month
        that is closed, is covered on all days, and every token has a price if dollars are asked for.
        """
        mine = of_contract(self._days(month), contract)
        is_whole = self._is_covered(contract, month)
        if contract.floor is None or contract.floor.monthly_usd is None:
            return Volume(Decimal(mine["tokens"].sum()), is_whole)
        amount = Decimal(0)
        for *key, day, tokens in mine.select(*RATE_KEY, "day", "tokens").iter_rows():
            usd = self._card.list_price(Sku(*key), day).usd_per_token
            is_whole = is_whole and usd is not None
            amount += tokens * (usd or 0)
        return Volume(amount, is_whole)

    def _daily(self, month: Month) -> pl.DataFrame:
        keys = [*RATE_KEY, "day"]
        return daily(self._meters(month).served, month).group_by(keys).agg(pl.col("tokens").sum()).sort(keys)

    def _is_covered(self, contract: Contract, month: Month) -> bool:
        is_mine = pl.col("provider") == contract.provider
        if contract.account is not None:
            is_mine &= pl.col("account") == contract.account
        now, then = (self._meters(it).coverage.filter(is_mine) for it in (self._closing, month))
        wanted = pl.concat([now, then]).select(PLACE).unique()
        counts = covered_days(then).filter(pl.col("day").is_in(days_of(month))).group_by(PLACE).len()
        whole = counts.filter(pl.col("len") == len(days_of(month)))
        return wanted.height > 0 and wanted.join(whole, on=PLACE, how="anti").is_empty()


def of_contract(days: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Return the rows, with RATE_KEY and day, that a contract covers."""
    keys = days.select(RATE_KEY).unique()
    fitting = [prices_sku(contract, Sku(*key)) for key in keys.iter_rows()]
    held = pl.lit(value=True)
    if contract.valid_from is not None:
        held &= pl.col("day") >= contract.valid_from
    if contract.valid_to is not None:
        held &= pl.col("day") < contract.valid_to
    return days.join(keys.filter(pl.Series(fitting, dtype=pl.Boolean)), on=RATE_KEY, how="semi").filter(held)
