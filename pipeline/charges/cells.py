"""What the month's lines are compared with: metered tokens by day with their rates, and the rates to try."""

import polars as pl

from pipeline.charges.search import PriceSearch
from pipeline.charges.tariffs import Tariffs
from pipeline.period import Month
from pipeline.pricing import RateCard
from pipeline.rates.sku import RATE_KEY

_ACCOUNT = ["provider", "account"]


def by_day(days: pl.DataFrame, rates: pl.DataFrame) -> pl.DataFrame:
    """Return metered tokens by account, model, tier, kind, billing day and rate, with the rate's origin.

    `days` are the days of `pipeline.rates.dollars.Priced`, `rates` recon.expected_rate. `billed_on` is null
    where the meter's steps are longer than a day.
    """
    runs = rates.select(*RATE_KEY, "valid_from", "valid_to", "origin")
    on_day = (pl.col("valid_from") <= pl.col("day")) & (pl.col("day") < pl.col("valid_to"))
    told = days.join(runs, on=RATE_KEY, how="left").filter(on_day)
    place = [*_ACCOUNT, "model", "service_tier", "token_kind", "billed_on", "usd_per_token", "origin"]
    cells = told.with_columns(billed_on=pl.when(~pl.col("is_spread")).then("day"))
    return cells.group_by(place).agg(pl.col("tokens").sum()).sort(place, nulls_last=True)


def search_of(card: RateCard, month: Month, metered: pl.DataFrame, billed: pl.DataFrame) -> PriceSearch:
    """Return the search over the card's rates and lists, and the models of the month."""
    named = pl.concat([frame.select("provider", "model") for frame in (metered, billed)]).drop_nulls()
    models: dict[str, list[str]] = {}
    for provider, model in named.unique().sort("provider", "model").rows():
        models.setdefault(provider, []).append(model)
    return PriceSearch(Tariffs(card), month, models)
