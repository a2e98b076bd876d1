"""Expected dollars: the metered tokens of each day at its rate, and the part of each step of the bridge."""

from typing import NamedTuple

import polars as pl

from pipeline.errors import BalanceError
from pipeline.money import TINY, proportional
from pipeline.period import Month
from pipeline.pricing import RateCard, expected_rates
from pipeline.rates.served import in_days
from pipeline.rates.sku import RATE_KEY
from pipeline.tokens import unpivot
from schemas.recon import Bridge
from schemas.types import ALL

CELL = ["provider", "account", "scope", "model", "service_tier", "token_kind"]
_USD = pl.Decimal(38, 12)
_PRODUCT = (pl.col("tokens") * pl.col("usd_per_token")).cast(_USD)


class Priced(NamedTuple):
    """A month in expected dollars."""

    rates: pl.DataFrame
    """recon.expected_rate."""
    metered: pl.DataFrame
    """Tokens and dollars by cell and rate; the dollars of a cell are null where a part has no known price."""
    bridge: pl.DataFrame
    """recon.bridge with its dollars, which add up to those of each cell."""
    days: pl.DataFrame
    """Tokens by cell, context, geography, day and rate."""


def priced(bridge: pl.DataFrame, served: pl.DataFrame, month: Month, card: RateCard) -> Priced:
    """Return the bridge in dollars: the sum of a cell is its tokens of each day at the rate of that day.

    `bridge` has the tokens of the steps, `served` those of the meter by time step, context and geography. A
    step takes its part of the cell's dollars in proportion to its signed tokens, to a millionth of a
    millionth; where a cell has one rate that is its tokens at the rate. Steps of a cell without metered
    tokens, which add up to none, go at the rate of the month's last day.

    Raises:
        BalanceError: the steps of a cell do not add up to its metered tokens; always a bug.
    """
    days = daily(served, month)
    keys = pl.concat([_plain(bridge), days.select(RATE_KEY)])
    rates = expected_rates(keys, month, card)
    rated = with_rates(days, rates)
    metered = (
        rated.group_by(*CELL, "usd_per_token")
        .agg(pl.col("tokens").sum())
        .with_columns(usd=_PRODUCT)
        .with_columns(usd=pl.when(pl.col("usd").is_not_null().all().over(CELL)).then("usd"))
        .sort(*CELL, "usd_per_token", nulls_last=True)
    )
    return Priced(rates, metered, _shared(bridge, metered, last_rates(rates, month)), rated)


def daily(served: pl.DataFrame, month: Month) -> pl.DataFrame:
    """Return metered tokens by cell, context, geography and billing day; steps without tokens vanish."""
    place = [*CELL[:-1], "context", "geography"]
    long = unpivot(served, [*place, "bucket_start_at", "bucket_end_at"]).filter(pl.col("tokens") != 0)
    keys = [*place, "token_kind", "day", "is_spread"]
    return in_days(long, month).group_by(keys).agg(pl.col("tokens").sum()).sort(keys)


def with_rates(rows: pl.DataFrame, rates: pl.DataFrame) -> pl.DataFrame:
    """Add `usd_per_token` of each row's `day`; `rates` is recon.expected_rate of the month of the days."""
    runs = rates.select(*RATE_KEY, "valid_from", "valid_to", "usd_per_token")
    on_day = (pl.col("valid_from") <= pl.col("day")) & (pl.col("day") < pl.col("valid_to"))
    found = rows.join(runs, on=RATE_KEY, how="left", maintain_order="left").filter(on_day)
    if found.height != rows.height:
        raise BalanceError(f"{rows.height:,} rows have {found.height:,} rates; each day must have one")
    return found.drop("valid_from", "valid_to")


def last_rates(rates: pl.DataFrame, month: Month) -> pl.DataFrame:
    """Return the rates of the month's last day where neither length nor place is told, one row a key."""
    is_plain = (pl.col("context") == ALL) & (pl.col("geography") == ALL)
    return rates.filter(is_plain & (pl.col("valid_to") == month.next.first_day)).select(
        *RATE_KEY[:5], "usd_per_token"
    )


def _plain(bridge: pl.DataFrame) -> pl.DataFrame:
    """Every cell as it is priced where neither length nor place is told."""
    return bridge.select(*RATE_KEY[:5], pl.lit(ALL).alias("context"), pl.lit(ALL).alias("geography"))


def _shared(bridge: pl.DataFrame, metered: pl.DataFrame, last: pl.DataFrame) -> pl.DataFrame:
    """The bridge with the dollars of each step."""
    cells = metered.group_by(CELL).agg(
        rates=pl.len(),
        rate=pl.col("usd_per_token").first(),
        cell_tokens=pl.col("tokens").sum(),
        cell_usd=pl.when(pl.col("usd").is_not_null().all()).then(pl.col("usd").sum()),
    )
    _whole(bridge, cells)
    rows = (
        bridge.join(cells, on=CELL, how="left", maintain_order="left")
        .join(last, on=list(RATE_KEY[:5]), how="left", maintain_order="left")
        .with_columns(
            usd_per_token=pl.when(pl.col("rates").is_null())
            .then("usd_per_token")
            .when(pl.col("rates") == 1)
            .then("rate")
        )
        .with_columns(usd=_PRODUCT)
        .with_row_index("row")
    )
    mixed = rows.filter((pl.col("rates") > 1) & pl.col("cell_usd").is_not_null())
    parts = [_parts(cell) for _, cell in mixed.group_by(CELL, maintain_order=True)]
    shares = pl.concat([pl.DataFrame(schema={"row": pl.get_index_type(), "share": _USD}), *parts])
    return (
        rows.join(shares, on="row", how="left", maintain_order="left")
        .with_columns(usd=pl.coalesce("usd", "share"))
        .select(Bridge.empty().columns)
    )


def _parts(cell: pl.DataFrame) -> pl.DataFrame:
    units = proportional(int(cell["cell_usd"][0] / TINY), cell["tokens"].to_list())
    shares = pl.Series("share", [unit * TINY for unit in units], dtype=_USD)
    return cell.select("row").with_columns(shares)


def _whole(bridge: pl.DataFrame, cells: pl.DataFrame) -> None:
    sums = bridge.group_by(CELL).agg(pl.col("tokens").sum()).filter(pl.col("tokens") != 0)
    both = sums.join(cells.select(*CELL, "cell_tokens"), on=CELL, how="full", coalesce=True)
    bad = both.filter(~pl.col("tokens").eq_missing(pl.col("cell_tokens"))).sort(CELL)
    if bad.height:
        raise BalanceError(f"the steps of {bad.height} cells do not add up to their meter: {bad.row(0)}")
