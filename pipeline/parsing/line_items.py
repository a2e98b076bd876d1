"""SKU texts of cost exports: which model, token kind and tier they name."""

import re
from collections.abc import Collection

_KINDS = {
    "input": "input_uncached",
    "embedding": "input_uncached",
    "embeddings": "input_uncached",
    "embeddings input": "input_uncached",
    "cached input": "cache_read",
    "cached audio input": "cache_read",
    "cached image input": "cache_read",
    "cache write": "cache_write_other",
    "cache writes": "cache_write_other",
    "input cache write": "cache_write_other",
    "cache write input": "cache_write_other",
    "output": "output",
    "audio input": "input_audio",
    "audio output": "output_audio",
    "image input": "input_image",
    "image output": "output_image",
}
_LINE_ITEM = re.compile(
    r"^(?:(?P<model>.*?),\s*)?(?:(?P<tier>batch|flex|priority)\s+)?"
    rf"(?P<kind>{'|'.join(sorted((k.replace(' ', '[ _]') for k in _KINDS), key=len, reverse=True))})"
    r"(?:[ _]tokens?)?(?:\s*\(?(?P<tier_after>batch|flex|priority)\)?)?$",
    re.IGNORECASE,
)
_FEE = re.compile(
    r"web.?search|file.?search|code.?interpreter|container|storage|session|image generation", re.IGNORECASE
)
_FEE_UNITS = frozenset(
    ("duration_seconds", "duration_minutes", "duration_hours", "gibibyte_hours", "images", "characters")
)


def line_item(words: str | None, unit: str | None, models: Collection[str]) -> dict[str, str | None]:
    """Return model, token kind, tier and cost type that a SKU text names; an unknown text names none.

    Spellings seen: `gpt-4o-2024-08-06, Input`, `gpt-5-nano, input_tokens`, `gpt-5.6-luna, cached input`,
    bare `input_tokens`, and the bare name of one of the `models`.
    """
    if found := _LINE_ITEM.match(words or ""):
        kind = _KINDS[found["kind"].lower().replace("_", " ")]
        tier = found["tier"] or found["tier_after"]
        return {
            "model": found["model"] or None,
            "token_kind": kind,
            "service_tier": tier.lower() if tier else None,
            "cost_type": "tokens",
        }
    is_fee = unit in _FEE_UNITS or bool(_FEE.search(words or ""))
    return {
        "model": words if words in models else None,
        "token_kind": None,
        "service_tier": None,
        "cost_type": "fee" if is_fee else "unknown",
    }
