"""Groups over several text columns as one number a row: much faster where a frame is grouped often."""

from collections.abc import Sequence

import polars as pl

_MOST = 2**62


def numbers(rows: pl.DataFrame, names: Sequence[str]) -> pl.Series:
    """Return a number for each row, equal where all the named text columns are; null equals null.

    Whatever the order of rows, a combination has the same number among the same texts.
    """
    number, size = pl.repeat(0, rows.height, dtype=pl.Int64, eager=True), 1
    for name in names:
        words = rows[name].drop_nulls().unique().sort()
        code = rows[name].cast(pl.Enum(words)).to_physical().cast(pl.Int64).fill_null(-1) + 1
        if size * (len(words) + 1) > _MOST:
            number, size = (number.rank("dense").cast(pl.Int64) - 1), rows.height
        number, size = number * (len(words) + 1) + code, size * (len(words) + 1)
    return number
