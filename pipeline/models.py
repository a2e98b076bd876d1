"""Models and service tiers in one spelling: explicit tables, never a guess."""

from collections.abc import Callable, Mapping

import polars as pl

from pipeline.providers import PROVIDERS
from pipeline.settings import Settings

_ALIASES: Mapping[str, Mapping[str, str]] = {p.slug: p.model_aliases for p in PROVIDERS}
_TIERS: Mapping[str, Mapping[str, str]] = {p.slug: p.tiers for p in PROVIDERS}
_DEFAULT_TIERS: Mapping[str, str] = {p.slug: p.default_tier for p in PROVIDERS}


def with_model(frame: pl.DataFrame, settings: Settings, known: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return the frame with `model` as the provider meters it.

    A model that `known` (provider, model) holds stays; else the configuration's alias; else the provider's
    alias table, unless the meter of that provider is known and does not hold the target; else itself.
    """
    names = known.select("provider", "model").unique().rows() if known is not None else []
    metered = frozenset(names)
    providers = frozenset(provider for provider, _ in names)

    def resolve(provider: str, model: str | None) -> str | None:
        if model is None or (provider, model) in metered:
            return model
        if model in settings.models.aliases:
            return settings.models.aliases[model]
        target = _ALIASES.get(provider, {}).get(model, model)
        return target if provider not in providers or (provider, target) in metered else model

    return _by_provider(frame, "model", resolve)


def with_tier(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with `service_tier` as standard, batch, flex, priority or the provider's own word.

    Null is the provider's default tier.
    """

    def resolve(provider: str, tier: str | None) -> str:
        if not tier:
            return _DEFAULT_TIERS.get(provider, "standard")
        return _TIERS.get(provider, {}).get(tier.lower(), tier.lower())

    return _by_provider(frame, "service_tier", resolve)


def _by_provider(
    frame: pl.DataFrame, column: str, resolve: Callable[[str, str | None], str | None]
) -> pl.DataFrame:
    """Replace a column by what a rule makes of each pair of provider and word that occurs."""
    pairs = frame.select("provider", column).unique()
    resolved = pl.Series("resolved", [resolve(*pair) for pair in pairs.rows()], dtype=pl.String)
    return (
        frame.join(
            pairs.with_columns(resolved),
            on=["provider", column],
            how="left",
            nulls_equal=True,
            maintain_order="left",
        )
        .with_columns(pl.col("resolved").alias(column))
        .drop("resolved")
    )
