"""Words of FOCUS for ours: categories of charges, sellers and services, directions of tokens.

Categories and units: FOCUS 1.2, columns ChargeCategory and attribute Unit Format. Directions and cache
actions: SkuPriceDetails of the 1.5 draft.
"""

import polars as pl

from pipeline.providers import PROVIDERS

BOOKS = "USD"
"""Currency of the books, in which all charges are."""

CATEGORIES = {
    "usage": "Usage",
    "fee": "Usage",
    "minimum": "Adjustment",
    "credit": "Credit",
    "discount": "Credit",
    "tax": "Tax",
    "rounding": "Adjustment",
    "adjustment": "Adjustment",
    "prepayment": "Purchase",
}
"""Category of a billed line -> ChargeCategory. A reduction that is a row of its own is a Credit."""

POOLS = {
    "minimums": "Adjustment",
    "credits": "Credit",
    "discounts": "Credit",
    "tax": "Tax",
    "currency": "Adjustment",
    "rounding": "Adjustment",
}
"""Pool of a share that is something else than what its line charges for -> ChargeCategory."""

_DIRECTIONS = {"input": "Input", "cache": "Input", "output": "Output"}
_ACTIONS = {
    "input_uncached": "Uncached",
    "cache_read": "Read",
    "cache_write_5m": "Write",
    "cache_write_1h": "Write",
    "cache_write_other": "Write",
}
_DEVELOPERS = {
    "claude": "Anthropic",
    "codestral": "Mistral AI",
    "command": "Cohere",
    "deepseek": "DeepSeek",
    "gemini": "Google",
    "gemma": "Google",
    "gpt-": "OpenAI",
    "grok": "xAI",
    "llama": "Meta",
    "mistral": "Mistral AI",
    "nova": "Amazon",
    "o1": "OpenAI",
    "o3": "OpenAI",
    "o4": "OpenAI",
    "qwen": "Alibaba",
    "text-embedding-3": "OpenAI",
    "titan": "Amazon",
    "voyage": "Voyage AI",
}
"""How a model's name begins, without the vendor that resellers write before it -> who made the model."""


def direction() -> pl.Expr:
    """TokenDirection of a row's token kind."""
    return _by(pl.col("token_kind").str.split("_").list.first(), _DIRECTIONS)


def cache_action() -> pl.Expr:
    """TokenCacheAction of a row's token kind; null where a kind tells none."""
    return _by(pl.col("token_kind"), _ACTIONS)


def seller(provider: pl.Expr) -> pl.Expr:
    """ProviderName: who sells what a provider meters."""
    return _by(provider, {p.slug: p.seller or p.title for p in PROVIDERS}, default=provider)


def service(provider: pl.Expr) -> pl.Expr:
    """ServiceName of a provider."""
    return _by(provider, {p.slug: p.title for p in PROVIDERS}, default=provider)


def developer(model: pl.Expr) -> pl.Expr:
    """ModelDeveloper, where the name of a model begins as those of one developer do; else null."""
    name = model.str.to_lowercase().str.replace(r"^(?:[a-z]{2,6}\.)?[a-z-]+[./]", "")
    found = pl.lit(None, pl.String)
    for prefix, title in _DEVELOPERS.items():
        found = pl.when(name.str.starts_with(prefix)).then(pl.lit(title)).otherwise(found)
    return found


def _by(word: pl.Expr, names: dict[str, str], default: pl.Expr | None = None) -> pl.Expr:
    rest = pl.lit(None, pl.String) if default is None else default
    return word.replace_strict(names, default=rest, return_dtype=pl.String)
