"""Token leaves as polars expressions: sums over kinds, and wide rows made long."""

from collections.abc import Sequence

import polars as pl

from schemas.types import KIND_COLUMNS

TOTAL = pl.sum_horizontal([pl.col(name).fill_null(0) for name in KIND_COLUMNS]).cast(pl.Int64)
"""Sum of all leaves of a wide row; unknown leaves count nothing."""

HAS_USAGE = pl.any_horizontal([pl.col(name).is_not_null() for name in KIND_COLUMNS])
"""Whether any leaf of a wide row is known."""


def unpivot(frame: pl.DataFrame, keep: Sequence[str]) -> pl.DataFrame:
    """Return one row per known leaf: the kept columns, `token_kind` and `tokens`; unknown leaves vanish."""
    return (
        frame.select([*keep, *KIND_COLUMNS])
        .unpivot(on=list(KIND_COLUMNS), index=list(keep), variable_name="token_kind", value_name="tokens")
        .filter(pl.col("tokens").is_not_null())
        .with_columns(pl.col("token_kind").str.strip_suffix("_tokens"))
    )
