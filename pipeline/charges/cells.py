"""What the month's lines are compared with: metered tokens by day with their rates, and the rates to try."""

from collections.abc import Sequence

import polars as pl

from pipeline.charges.search import PriceSearch
from pipeline.charges.tariffs import Tariffs
from pipeline.metering.zones import local_day
from pipeline.period import Month
from pipeline.provider import Provider
from pipeline.settings import Settings
from pipeline.tokens import unpivot

_ACCOUNT = ["provider", "account"]
_KEYS = ["provider", "model", "service_tier", "token_kind"]
_DAY = pl.duration(hours=25)
"""The longest day; a bucket that is longer tells no day."""


def by_day(metered: pl.DataFrame, rates: pl.DataFrame) -> pl.DataFrame:
    """Return metered tokens by account, model, tier, kind and billing day, with rate and its origin.

    `metered` is core.metered, `rates` recon.expected_rate. The day is null where buckets are longer.
    """
    is_day = pl.col("bucket_end_at") - pl.col("bucket_start_at") <= _DAY
    days = metered.with_columns(billed_on=pl.when(is_day).then(local_day(pl.col("bucket_start_at"))))
    cells = unpivot(days, [*_ACCOUNT, "model", "service_tier", "billed_on"])
    place = [*_ACCOUNT, "model", "service_tier", "token_kind", "billed_on"]
    sums = cells.group_by(place).agg(pl.col("tokens").sum()).sort(place, nulls_last=True)
    return sums.join(rates.select(*_KEYS, "usd_per_token", "origin"), on=_KEYS, how="left")


def search_of(
    settings: Settings,
    providers: Sequence[Provider],
    month: Month,
    metered: pl.DataFrame,
    billed: pl.DataFrame,
) -> PriceSearch:
    """Return the search over the configuration's rates and lists, and the models of the month."""
    named = pl.concat([frame.select("provider", "model") for frame in (metered, billed)]).drop_nulls()
    models: dict[str, list[str]] = {}
    for provider, model in named.unique().sort("provider", "model").rows():
        models.setdefault(provider, []).append(model)
    return PriceSearch(Tariffs(settings, providers), month, models)
