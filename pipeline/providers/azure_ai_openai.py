"""Azure OpenAI: read from traces and invoice manifests."""

from pipeline.provider import Provider

PROVIDER = Provider(
    slug="azure.ai.openai",
    title="Azure OpenAI",
    hosts=(".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"),
    logged_names=(
        "azure.ai.openai",
        "az.ai.openai",
        "azure.ai.inference",
        "az.ai.inference",
        "azure",
        "azure_openai",
    ),
    prices_id="azure",
    cache_writes=("cache_write_other",),
    tiers={"default": "standard", "auto": "standard"},
)
