"""Quantities of bill lines in whole tokens."""

from decimal import Decimal

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


def token_step() -> pl.Expr:
    """The smallest step in tokens in which an export writes quantities of a unit, by the digits it uses.

    Null on lines that count no tokens. One digit too few on every line cannot be told from round numbers.
    """
    digits = pl.col("quantity").cast(pl.String).str.split(".").list.get(1, null_on_oob=True)
    used = digits.fill_null("").str.strip_chars_end("0").str.len_chars()
    most = used.max().over("provider", "account", "quantity_unit")
    steps = {count: Decimal(10) ** -count for count in range(13)}
    step = most.replace_strict(steps, default=None, return_dtype=pl.Decimal(38, 12))
    tokens = (step * tokens_per_unit().cast(pl.Decimal(38, 0))).cast(pl.Decimal(38, 12))
    return pl.when(pl.col("token_kind").is_not_null() & pl.col("quantity").is_not_null()).then(tokens)
