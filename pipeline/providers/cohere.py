"""Cohere: read from traces, per-request meters and invoice manifests."""

from pipeline.provider import Provider

PROVIDER = Provider(
    slug="cohere",
    title="Cohere",
    hosts=("api.cohere.com", "api.cohere.ai"),
    logged_names=("cohere",),
    prices_id="cohere",
    cache_writes=("cache_write_other",),
)
