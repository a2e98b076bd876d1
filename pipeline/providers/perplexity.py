"""Perplexity: read from traces, per-request meters and invoice manifests."""

from pipeline.provider import Provider

PROVIDER = Provider(
    slug="perplexity",
    title="Perplexity",
    hosts=("api.perplexity.ai",),
    logged_names=("perplexity",),
    prices_id="perplexity",
    cache_writes=("cache_write_other",),
)
