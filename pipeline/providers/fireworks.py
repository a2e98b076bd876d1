"""Fireworks AI: read from traces, per-request meters and invoice manifests."""

from pipeline.provider import Provider

PROVIDER = Provider(
    slug="fireworks",
    title="Fireworks AI",
    hosts=("api.fireworks.ai",),
    logged_names=("fireworks", "fireworks_ai"),
    prices_id="fireworks",
    cache_writes=("cache_write_other",),
)
