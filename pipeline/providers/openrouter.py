"""OpenRouter: read from traces, per-request meters and invoice manifests."""

from pipeline.provider import Provider

PROVIDER = Provider(
    slug="openrouter",
    title="OpenRouter",
    hosts=("openrouter.ai",),
    logged_names=("openrouter",),
    prices_id="openrouter",
    cache_writes=("cache_write_other",),
)
