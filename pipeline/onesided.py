"""Models that are only traced or only metered: different models, or one model under two names.

Nothing is matched here. Where both kinds of one-sided models meet in a scope, what a cause says of them is
bounded instead of exact, and a finding asks for an alias.
"""

import polars as pl

PLACE = ["provider", "account", "scope"]

_VENDOR = r"^(.*/|((us|eu|apac|global)\.)?(anthropic|amazon|meta|mistral|cohere)\.)"
_EDITION = r"([-@:](latest|preview|\d{4}-?\d{2}-?\d{2}|v\d+(:\d+)?|\d{4}))+$"


def doubtful_scopes(calls: pl.DataFrame, metered: pl.DataFrame) -> pl.DataFrame:
    """Return the scopes in which some model is only traced and another one only metered."""
    keys = [*PLACE, "model"]
    only_metered = metered.filter(pl.col("tokens") > 0).select(keys).unique().join(calls, on=keys, how="anti")
    return only_traced(calls, metered).select(PLACE).unique().join(only_metered, on=PLACE, how="semi")


def only_traced(calls: pl.DataFrame, metered: pl.DataFrame) -> pl.DataFrame:
    """Return the models of each scope that have calls and are not on its meter."""
    keys = [*PLACE, "model"]
    return calls.select(keys).unique().join(metered, on=keys, how="anti")


def family(model: str) -> pl.Expr:
    """The name of a model without vendor and edition: equal families may be one model."""
    return pl.col(model).str.to_lowercase().str.replace(_VENDOR, "").str.replace(_EDITION, "")
