"""Google's Vertex AI: read from traces, per-request meters, FOCUS bills and invoice manifests."""

from pipeline.parsing import google_skus
from pipeline.provider import Provider

_NAMES = (
    "africa-south1 asia-east1 asia-east2 asia-northeast1 asia-northeast3 asia-south1 asia-southeast1 "
    "australia-southeast1 europe-central2 europe-north1 europe-southwest1 europe-west1 europe-west2 "
    "europe-west3 europe-west4 europe-west6 europe-west8 europe-west9 me-central1 me-central2 me-west1 "
    "northamerica-northeast1 southamerica-east1 us-central1 us-east1 us-east4 us-east5 us-south1 us-west1 "
    "us-west4"
)
_REGIONS = tuple(_NAMES.split())

PROVIDER = Provider(
    slug="gcp.vertex_ai",
    title="Vertex AI",
    hosts=("aiplatform.googleapis.com", *(f"{region}-aiplatform.googleapis.com" for region in _REGIONS)),
    logged_names=("gcp.vertex_ai", "vertex_ai", "vertexai", "vertex", "google_vertexai"),
    tiers={"on_demand": "standard", "default": "standard"},
    billing_timezone="America/Los_Angeles",  # Cloud Billing dates usage in US Pacific time
    prices_id="google",
    seller="Google Cloud",
    issuers=("google cloud", "google", "google cloud platform", "gcp"),
    services=(),
    shared_services=("vertex ai", "cloud vertex ai"),
    sku=google_skus.sku,
    token_units=google_skus.TOKEN_UNITS,
    cache_writes=("cache_write_other",),
)
