"""xAI: read from traces, per-request meters and invoice manifests."""

from pipeline.provider import Provider

PROVIDER = Provider(
    slug="x_ai",
    title="xAI",
    hosts=("api.x.ai", ".api.x.ai"),
    logged_names=("x_ai", "xai"),
    prices_id="x-ai",
    cache_writes=("cache_write_other",),
    model_prefixes=("grok-",),
)
