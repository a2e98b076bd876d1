"""Models of Bedrock: one id for the names on bills, inference profiles and ARNs."""

import re

_BILLED = {
    "Claude2.0": "anthropic.claude-v2",
    "Claude2.1": "anthropic.claude-v2:1",
    "Claude3Haiku": "anthropic.claude-3-haiku-20240307-v1:0",
    "Claude3Sonnet": "anthropic.claude-3-sonnet-20240229-v1:0",
    "Claude4Sonnet": "anthropic.claude-sonnet-4-20250514-v1:0",
    "Claude4.5Haiku": "anthropic.claude-haiku-4-5-20251001-v1:0",
    "Claude4.5Opus": "anthropic.claude-opus-4-5-20251101-v1:0",
    "Claude4.5Sonnet": "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "Claude4.6Opus": "anthropic.claude-opus-4-6",
    "Claude4.6Sonnet": "anthropic.claude-sonnet-4-6",
    "Llama3-2-1B": "meta.llama3-2-1b-instruct-v1:0",
    "Llama4-Maverick-17B": "meta.llama4-maverick-17b-instruct-v1:0",
    "Gemma-3-4B-IT": "google.gemma-3-4b-it",
    "MistralSmall": "mistral.mistral-small-2402-v1:0",
    "Nova2.0Lite": "us.amazon.nova-2-lite-v1:0",
    "NovaLite": "amazon.nova-lite-v1:0",
    "NovaMicro": "amazon.nova-micro-v1:0",
    "NovaPremier": "amazon.nova-premier-v1:0",
    "NovaPro": "amazon.nova-pro-v1:0",
    "Qwen3-32B": "qwen.qwen3-32b-v1:0",
    "Qwen3-VL-235B-A22B": "qwen.qwen3-vl-235b-a22b-v1:0",
    "TitanEmbeddingV2-Text": "amazon.titan-embed-text-v2:0",
    "gpt-oss-120b": "openai.gpt-oss-120b-1:0",
    "gpt-oss-20b": "openai.gpt-oss-20b-1:0",
    "openai.gpt-oss-120b": "openai.gpt-oss-120b-1:0",
    "openai.gpt-oss-20b": "openai.gpt-oss-20b-1:0",
}
"""Billing name of the price list -> model id; Nova 2 is sold through profiles only."""

_SOLD = {
    "Claude 3 Haiku": "anthropic.claude-3-haiku-20240307-v1:0",
    "Claude 3 Sonnet": "anthropic.claude-3-sonnet-20240229-v1:0",
    "Claude 3.5 Haiku": "anthropic.claude-3-5-haiku-20241022-v1:0",
    "Claude Haiku 4.5": "anthropic.claude-haiku-4-5-20251001-v1:0",
    "Claude Opus 4": "anthropic.claude-opus-4-20250514-v1:0",
    "Claude Opus 4.1": "anthropic.claude-opus-4-1-20250805-v1:0",
    "Claude Opus 4.5": "anthropic.claude-opus-4-5-20251101-v1:0",
    "Claude Opus 4.6": "anthropic.claude-opus-4-6",
    "Claude Opus 4.7": "anthropic.claude-opus-4-7",
    "Claude Opus 4.8": "anthropic.claude-opus-4-8",
    "Claude Opus 5": "anthropic.claude-opus-5",
    "Claude Opus 5.5": "anthropic.claude-opus-5-5",
    "Claude Sonnet 4": "anthropic.claude-sonnet-4-20250514-v1:0",
    "Claude Sonnet 4.5": "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "Claude Sonnet 4.6": "anthropic.claude-sonnet-4-6",
    "Claude Sonnet 5": "anthropic.claude-sonnet-5",
    "OpenAI GPT-5.6 Luna": "openai.gpt-5.6-luna",
    "OpenAI GPT-5.6 Sol": "openai.gpt-5.6-sol",
    "OpenAI GPT-5.6 Terra": "openai.gpt-5.6-terra",
}
"""Name of the Marketplace product, without its ending -> model id."""

_VERSIONED = ("anthropic.claude-opus-4-6", "anthropic.claude-sonnet-4-6")
"""Ids that are also written with a version behind them."""

_IDS = {name.lower(): model for name, model in {**_BILLED, **_SOLD}.items()}
_KNOWN = sorted({*_IDS.values()})
_REGIONAL = ("us", "us-gov", "eu", "apac", "jp", "au", "ca")
_ARN = re.compile(r"^arn:[\w-]+:bedrock:[^:]*:\d*:(?:foundation-model|inference-profile)/(?P<id>.+)$")

ALIASES = {
    **{
        profile: model
        for area in _REGIONAL
        for model in _KNOWN
        if (profile := f"{area}.{model.removeprefix('us.')}") != model
    },
    **{
        f"{area}{model}{version}": f"{'global.' if area == 'global.' else ''}{model}"
        for model in _VERSIONED
        for version in ("-v1", "-v1:0")
        for area in ("", "global.", *(f"{area}." for area in _REGIONAL))
    },
}
"""Ids of the inference profiles of an area, and spellings with a version -> id. An area costs what a region
does; the global profile is cheaper and stays apart."""


def model_id(name: str, *, is_global: bool = False) -> str:
    """Return the id of a model by its name on a bill; what no table knows stays itself."""
    known = _IDS.get(name.lower(), name)
    if not is_global or known.startswith("global."):
        return known
    return f"global.{known.removeprefix('us.')}"


def without_arn(name: str) -> str:
    """Return the id inside the ARN of a model or of an inference profile of AWS's own; else the name itself.

    The ARN of an application's profile names no model: it stays, for [models.aliases] to say which.
    """
    found = _ARN.match(name)
    return found["id"] if found else name
