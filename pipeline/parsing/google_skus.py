"""SKU descriptions of Google Cloud for Gemini: which model, token kind and tier they name.

Two orders of words are in use: `Generate content input token count gemini 2.5 flash short input text`, with
modality and context length behind the model, and `Generate_content text output token count for gemini 3 flash
batch`, with the modality in front. What is counted stands right before `token count`, never in a later word:
the first one above may also read `output token count ... short input text`, and is output.
"""

import re

from pipeline.provider import Sku

TOKEN_UNITS = {"count": "tokens"}
"""The unit of Google's usage of tokens."""

_SKU = re.compile(
    r"^(?:(?:bidi )?generate ?content|embed ?content|batch embed ?contents?)"
    r"(?: (?P<modality>text|image|audio|video))?"
    r"(?P<cached> cached)?(?: (?P<inner>text|image|audio|video))? (?P<side>input|output) token count"
    r"(?P<for> for)? (?P<model>gemini[ -][\d.]+(?:[ -](?:pro|flash|lite|nano|ultra|live|preview|tts))*"
    r"|gemini-embedding-\d+)(?P<rest>(?: [\w.]+)*)$"
)
_TIERS = ("batch", "flex", "priority")
_ALIASES = {"gemini-3-flash": "gemini-3-flash-preview", "gemini-3-pro": "gemini-3-pro-preview"}
_STORAGE = re.compile(r"token (?:count )?(?:storage )?hours?|cach\w* .*storage|storage .*hours?")
_PLAIN = {"input": "input_uncached", "output": "output"}


def sku(description: str, product: str) -> Sku | None:
    """Return what a SKU description names; null when it counts no tokens of Gemini.

    Storage of cached content is billed in token-hours: a fee. Video is text to the meter's kinds.
    """
    words = " ".join(description.lower().replace("_", " ").split())
    if "gemini" in words and _STORAGE.search(words):
        return Sku(None, None, None, "fee")
    found = _SKU.match(words)
    if found is None:
        return None
    rest = found["rest"].split()
    model = found["model"].replace(" ", "-")
    if found["for"] and rest[:1] == ["image"]:
        model, rest = f"{model}-image", rest[1:]
    front = found["modality"] or found["inner"]
    modality = front or next((word for word in rest if word in ("audio", "image")), "text")
    tier = next((word for word in _TIERS if word in rest), "standard")
    cached = found["cached"] or "caching" in rest
    return Sku(_ALIASES.get(model, model), _kind(found["side"], modality, bool(cached)), tier, "tokens")


def _kind(side: str, modality: str, cached: bool) -> str:
    if cached and side == "input":
        return "cache_read"
    return f"{side}_{modality}" if modality in ("audio", "image") else _PLAIN[side]
