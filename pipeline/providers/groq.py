"""Groq: read from traces, per-request meters and invoice manifests."""

from pipeline.provider import Provider

PROVIDER = Provider(
    slug="groq",
    title="Groq",
    hosts=("api.groq.com",),
    logged_names=("groq",),
    prices_id="groq",
    cache_writes=("cache_write_other",),
    tiers={"on_demand": "standard", "auto": "standard"},
)
