"""What prepaid credit does to costs: it pays for usage that no invoice charges for; buying it is no usage."""

from decimal import Decimal

import polars as pl

from pipeline.money import TINY, split

_USD = pl.Decimal(38, 12)
_ACCOUNT = ["provider", "account"]


def prepaid_cost(rows: pl.DataFrame, prepaid: pl.DataFrame) -> pl.Series:
    """Return the part of each row's `usd` that credit pays.

    `rows` are shares with `ChargeCategory`, `prepaid` is recon.prepaid. What a month draws for an account
    without an invoice pays for its charges in proportion to them; a credit is never paid for.
    """
    drawn = (
        prepaid.filter((pl.col("entry") == "drawn") & pl.col("invoice_id").is_null())
        .group_by(_ACCOUNT)
        .agg(drawn=-pl.col("usd").sum())
    )
    numbered = rows.select(*_ACCOUNT, "invoice_id", "ChargeCategory", "usd").with_row_index("row")
    paid = numbered.filter(
        pl.col("invoice_id").is_null() & (pl.col("ChargeCategory") != "Credit") & (pl.col("usd") > 0)
    ).join(drawn, on=_ACCOUNT)
    found = [Decimal(0)] * rows.height
    for _, part in paid.group_by(_ACCOUNT, maintain_order=True):
        amounts = part["usd"].to_list()
        covered = min(part["drawn"][0], sum(amounts, Decimal(0)))
        for row, share in zip(part["row"], split(covered, amounts, TINY), strict=True):
            found[row] = share
    return pl.Series("x_PrepaidCost", found, dtype=_USD)
