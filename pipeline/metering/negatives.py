"""Meters that take back more than they count: credit lines with quantities of tokens."""

import polars as pl

from pipeline.findings import assemble, finding
from pipeline.period import Month
from schemas.types import KIND_COLUMNS

_BELOW_ZERO = pl.sum_horizontal([pl.col(name).clip(upper_bound=0).fill_null(0) for name in KIND_COLUMNS])


def without_negatives(cells: pl.DataFrame) -> pl.DataFrame:
    """Return the cells with zero for what is negative: nobody can have used fewer than no tokens."""
    return cells.with_columns(pl.col(KIND_COLUMNS).clip(0))


def negative(cells: pl.DataFrame, month: Month) -> pl.DataFrame:
    """Return a finding per account and model whose lines take back more tokens than they bill."""
    place = ["provider", "account", "model"]
    sums = cells.group_by(place).agg(tokens=_BELOW_ZERO.sum()).filter(pl.col("tokens") < 0).sort(place)
    return assemble(
        [
            finding(
                str(month),
                "negative_quantity",
                "warning",
                f"Lines of {provider} account '{account}' take back {-tokens:,} tokens of model '{model}' "
                f"more than they bill in {month}; they count as none, their dollars count as billed.",
                "If they correct another month, give that invoice the period that it corrects.",
                provider=provider,
                account=account,
                tokens=tokens,
            )
            for provider, account, model, tokens in sums.rows()
        ]
    )
