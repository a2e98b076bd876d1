"""Together AI: read from traces, per-request meters and invoice manifests."""

from pipeline.provider import Provider

PROVIDER = Provider(
    slug="together",
    title="Together AI",
    hosts=("api.together.xyz", "api.together.ai"),
    logged_names=("together", "together_ai", "togetherai", "together-ai"),
    prices_id="together",
    cache_writes=("cache_write_other",),
)
