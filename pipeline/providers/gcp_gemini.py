"""Google's Gemini API: read from traces, per-request meters and invoice manifests."""

from pipeline.provider import Provider

PROVIDER = Provider(
    slug="gcp.gemini",
    title="Gemini API",
    hosts=("generativelanguage.googleapis.com",),
    logged_names=("gcp.gemini", "gemini", "gcp.gen_ai", "google", "google_genai"),
    tiers={"on_demand": "standard", "default": "standard"},
    billing_timezone="America/Los_Angeles",  # Cloud Billing dates usage in US Pacific time
    prices_id="google",
    cache_writes=("cache_write_other",),
)
