"""Voyage AI: read from traces, per-request meters and invoice manifests."""

from pipeline.provider import Provider

PROVIDER = Provider(
    slug="voyage",
    title="Voyage AI",
    hosts=("api.voyageai.com",),
    logged_names=("voyage", "voyageai", "voyage_ai"),
    prices_id="voyageai",
    cache_writes=("cache_write_other",),
    model_prefixes=("voyage-",),
)
