"""Quantities of bill lines in whole tokens."""

import polars as pl

_TOKENS_PER_UNIT = {
    "token": 1,
    "tokens": 1,
    "1000 tokens": 1_000,
    "1k tokens": 1_000,
    "1k token": 1_000,
    "1m tokens": 1_000_000,
    "1m token": 1_000_000,
    "1000000 tokens": 1_000_000,
    "million tokens": 1_000_000,
    "1 million tokens": 1_000_000,
    "thousand tokens": 1_000,
}


def tokens_per_unit() -> pl.Expr:
    """How many tokens one unit of `quantity_unit` is; null when it is no unit of tokens."""
    unit = pl.col("quantity_unit").str.to_lowercase().str.replace_all("_", " ")
    unit = unit.str.replace_all(",", "", literal=True).str.strip_chars()
    return unit.replace_strict(_TOKENS_PER_UNIT, default=None, return_dtype=pl.Int64)


def is_token_unit(word: str) -> bool:
    """Return whether a word is a unit of tokens."""
    return word.lower().replace("_", " ").replace(",", "").strip() in _TOKENS_PER_UNIT


def in_tokens() -> pl.Expr:
    """The quantity in tokens, as a decimal; null when the unit is none of tokens."""
    return (pl.col("quantity") * tokens_per_unit().cast(pl.Decimal(38, 0))).cast(pl.Decimal(38, 12))
