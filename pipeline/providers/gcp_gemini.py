"""Google's Gemini API: read from traces, per-request meters, FOCUS bills and invoice manifests."""

from pipeline.parsing import google_skus
from pipeline.provider import Provider

PROVIDER = Provider(
    slug="gcp.gemini",
    title="Gemini API",
    hosts=("generativelanguage.googleapis.com",),
    logged_names=("gcp.gemini", "gemini", "gcp.gen_ai", "google", "google_genai"),
    tiers={"on_demand": "standard", "default": "standard"},
    billing_timezone="America/Los_Angeles",  # Cloud Billing dates usage in US Pacific time
    prices_id="google",
    seller="Google Cloud",
    issuers=("google cloud", "google", "google cloud platform", "gcp"),
    services=("gemini api", "generative language api"),
    sku=google_skus.sku,
    token_units=google_skus.TOKEN_UNITS,
    cache_writes=("cache_write_other",),
)
