"""Mistral: read from traces, per-request meters and invoice manifests."""

from pipeline.provider import Provider

PROVIDER = Provider(
    slug="mistral_ai",
    title="Mistral",
    hosts=("api.mistral.ai", "codestral.mistral.ai"),
    logged_names=("mistral_ai", "mistralai", "mistral"),
    prices_id="mistral",
    cache_writes=("cache_write_other",),
)
