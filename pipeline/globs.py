"""Globs of names in the configuration, tried on the distinct names: there are many rows and few names."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

import polars as pl


def fits(names: pl.Series, globs: Sequence[str]) -> pl.Expr:
    """Return whether the column that the series was taken from fits one of the globs; null fits none."""
    known = names.drop_nulls().unique().to_list()
    fitting = [name for name in known if any(fnmatchcase(name, glob) for glob in globs)]
    return pl.col(names.name).is_in(fitting).fill_null(value=False)
