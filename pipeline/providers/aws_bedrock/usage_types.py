"""Usage types of Bedrock on AWS bills: which model, token kind, tier and route they name.

Three spellings, all in use (AWS price list, offers AmazonBedrock, AmazonBedrockService and
AmazonBedrockFoundationModels, November 2026):

- `USE1-Claude4.6Sonnet-input-tokens-cross-region-global-batch`, by a billing name, in 1K tokens;
- `USW2-anthropic.claude-opus-4-8-mantle-cache-write-tokens-global-standard`, by model id, in 1K tokens;
- `USE1-MP:USE1_InputTokenCount_Global-Units` and `USW2-MP:USW2_input_tokens_long_ctx_standard-Units`, sold
  through the Marketplace, in 1M tokens; the model is only in the product's name.
"""

import re

from pipeline.provider import Sku
from pipeline.providers.aws_bedrock.models import model_id

EDITION = "(amazon bedrock edition)"
"""How the names of Marketplace products that are models of Bedrock end."""

TOKEN_UNITS = {"units": "1M tokens"}
"""What a bare unit means where the usage type counts tokens: the Marketplace sells units of a million."""

_KINDS = {
    "input-tokens": "input_uncached",
    "input-token-count": "input_uncached",
    "text-input-tokens": "input_uncached",
    "output-tokens": "output",
    "output-token-count": "output",
    "text-output-tokens": "output",
    "response-token-count": "output",
    "cache-read-tokens": "cache_read",
    "cache-read-input-tokens": "cache_read",
    "cache-read-input-token-count": "cache_read",
    "cached-input-tokens": "cache_read",
    "cache-write-tokens": "cache_write_other",
    "cache-writes-tokens": "cache_write_other",
    "cache-write-tokens-30m": "cache_write_other",
    "cache-write-input-tokens": "cache_write_other",
    "cache-write-input-token-count": "cache_write_other",
    "cache-write-tokens-1h": "cache_write_1h",
    "cache-write-1h-tokens": "cache_write_1h",
    "cache-write-1h-input-token-count": "cache_write_1h",
    "cache-write-input-token-count-1h": "cache_write_1h",
    "cache-write-input-token-count-1-hour": "cache_write_1h",
    "cache-write1h-input-token-count": "cache_write_1h",
    "input-image-token-count": "input_image",
}
_COUNT = "|".join(sorted(_KINDS, key=len, reverse=True))
_TIERS = ("standard", "batch", "flex", "priority", "latency-optimized")
_ROUTES = ("cross-region-global", "global", "long-ctx", "long-context")
_REST = rf"(?P<rest>(?:-(?:{'|'.join((*_TIERS, *_ROUTES))}))*)"
_REGION = r"(?:(?:US|EU|AP|CA|SA|ME|AF|IL|UG|MX)[A-Z]{0,2}\d{0,2}-)?"
_BY_NAME = re.compile(rf"^{_REGION}(?P<model>[\w.:-]+?)(?:-mantle)?-(?P<count>{_COUNT}){_REST}$", re.I)
_MARKETPLACE = re.compile(rf"^{_REGION}MP:(?:[A-Z]+\d*_)?(?P<words>\w+?)-Units$")
_BARE = re.compile(rf"^(?P<count>{_COUNT}){_REST}$")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def sku(usage_type: str, product: str) -> Sku | None:
    """Return what a usage type names; null when it is no usage type of tokens.

    A global route has a price of its own, which the list files under `global.<model>`: so does this.
    Custom models and other words that are not known make no token kind: their price is another.
    """
    found, name = _BY_NAME.match(usage_type), ""
    if found:
        name = found["model"]
    elif sold := _MARKETPLACE.match(usage_type):
        found = _BARE.match(_HUMP.sub("_", sold["words"]).lower().replace("_", "-"))
        name = product[: -len(EDITION)].strip() if product.lower().endswith(EDITION) else ""
    if not found:
        return None
    rest = found["rest"].lower()
    tier = next((word for word in _TIERS if f"-{word}" in rest), "standard")
    model = model_id(name, is_global="global" in rest) if name else None
    return Sku(model, _KINDS[found["count"].lower()], tier, "tokens")
