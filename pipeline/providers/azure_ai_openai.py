"""Azure OpenAI: its meters on FOCUS bills, its words for models and tiers."""

import re

from pipeline.provider import Provider, Sku

_MODELS = {
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-4.1-nano": "gpt-4.1-nano-2025-04-14",
    "gpt-4o-0513": "gpt-4o-2024-05-13",
    "gpt-4o-0806": "gpt-4o-2024-08-06",
    "gpt-4o-1120": "gpt-4o-2024-11-20",
    "gpt-4o-mini-0718": "gpt-4o-mini-2024-07-18",
    "gpt-5": "gpt-5-2025-08-07",
    "5.4": "gpt-5.4-2026-03-05",
    "5.5": "gpt-5.5",
    "gpt-oss-120b": "gpt-oss-120b",
    "o3-0416": "o3-2025-04-16",
    "o3-pro": "o3-pro-2025-06-10",
    "o4-mini-0416": "o4-mini-2025-04-16",
}
"""Model as meters abbreviate it, words joined by hyphens -> model; what is not here stays as written."""

_SIDES = {
    **dict.fromkeys(("inp", "inpt", "input"), "input_uncached"),
    **dict.fromkeys(("outp", "outpt", "opt", "output"), "output"),
}
_CACHED = ("cached", "cchd", "cd")
_PLACES = ("gl", "glbl", "global", "dz", "dzone", "data", "zone", "regnl", "rgnl", "regional")
_TIERS = {"batch": "batch", "pp": "priority", "priority": "priority"}
_LENGTHS = ("shortco", "longco", "1k", "1m")
_METER = re.compile(r"(?P<words>.+?)[ -](?:1[KM] )?Tokens?$", re.IGNORECASE)
_CAPACITY = re.compile(r"\b(?:PTU|provisioned)\b", re.IGNORECASE)


def sku(meter: str, service: str) -> Sku | None:
    """Return what the name of a meter says; null when it counts no tokens and is no provisioned throughput.

    `gpt 4o 1120 cached Inp glbl Tokens`, `5.5 ShortCo inp Dz 1M Tokens`, `GPT 5 outpt Glbl 1M Tokens` (Azure
    retail prices, services Cognitive Services and Foundry Models). Abbreviations differ from model to model.
    """
    found = _METER.match(meter.strip())
    if found is None:
        return Sku(None, None, None, "fee") if _CAPACITY.search(meter) else None
    words = re.sub(r"-(?=(?:input|output)\b)", " ", found["words"].lower()).split()
    side = next((_SIDES[word] for word in words if word in _SIDES), None)
    if side is None:
        return None
    is_cached = any(word in _CACHED for word in words)
    known = {*_SIDES, *_CACHED, *_PLACES, *_TIERS, *_LENGTHS}
    model = "-".join(word for word in words if word not in known)
    tier = next((_TIERS[word] for word in words if word in _TIERS), "standard")
    kind = "cache_read" if is_cached and side == "input_uncached" else side
    return Sku(_MODELS.get(model, model) or None, kind, tier, "tokens")


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
    seller="Microsoft",
    issuers=("microsoft", "microsoft azure", "azure"),
    services=("azure openai", "azure openai service", "foundry models"),
    shared_services=("cognitive services", "azure ai services", "foundry tools", "azure ai foundry"),
    sku=sku,
    token_units={"1k": "1K tokens", "1m": "1M tokens"},
    cache_writes=("cache_write_other",),
    tiers={"default": "standard", "auto": "standard"},
)
