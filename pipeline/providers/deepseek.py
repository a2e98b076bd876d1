"""DeepSeek: read from traces, per-request meters and invoice manifests."""

from pipeline.provider import Provider

PROVIDER = Provider(
    slug="deepseek",
    title="DeepSeek",
    hosts=("api.deepseek.com",),
    logged_names=("deepseek",),
    prices_id="deepseek",
    cache_writes=("cache_write_other",),
    model_prefixes=("deepseek-chat", "deepseek-reasoner"),
)
