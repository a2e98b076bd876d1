"""List price and context band of billed lines, from the rates of the month: one of each, or unknown."""

import polars as pl

from schemas.types import ALL

_LINE = ["provider", "account", "invoice_id", "line_number"]
_SKU = ["provider", "account", "model", "token_kind"]


def list_prices(charges: pl.DataFrame, rates: pl.DataFrame) -> pl.DataFrame:
    """Return lines of recon.charge that count tokens, with `list_usd_per_token` and `context`.

    `rates` is recon.expected_rate. A line takes the rates of its model, kind, tier and day, and of these the
    ones that it was expected to have. Where they are not all the same, the price of the line is not known.
    """
    counted = charges.filter(pl.col("token_kind").is_not_null() & pl.col("model").is_not_null())
    asked = counted.select(*_LINE, "model", "token_kind", "service_tier", "billed_on", "expected_unit_price")
    pairs = asked.join(rates, on=_SKU, how="inner", suffix="_of_rate")
    day, price = pl.col("billed_on"), pl.col("expected_unit_price")
    fits = (
        ((pl.col("service_tier") == ALL) | (pl.col("service_tier") == pl.col("service_tier_of_rate")))
        & (day.is_null() | ((pl.col("valid_from") <= day) & (day < pl.col("valid_to"))))
        & (price.is_null() | (price == pl.col("usd_per_token")))
    )
    found = pairs.filter(fits).group_by(_LINE).agg(_only("list_usd_per_token"), _only("context"))
    return asked.select(_LINE).join(found, on=_LINE, how="left", nulls_equal=True)


def _only(name: str) -> pl.Expr:
    """The one value that all rows have; null where they differ."""
    return pl.when(pl.col(name).n_unique() == 1).then(pl.col(name).first()).alias(name)
