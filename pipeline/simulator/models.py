"""Models that the simulated company uses, and the accounts that they are billed on."""

from dataclasses import dataclass

ACCOUNTS = {
    "openai": "hearth-openai",
    "anthropic": "hearth-anthropic",
    "mistral_ai": "hearth-mistral",
    "gcp.gemini": "hearth-gemini",
}
"""Provider -> account; what nobody bills has neither: both read `self_hosted`."""

INVOICED = ("mistral_ai", "gcp.gemini")
"""Providers whose invoice is their only meter; it tells no service tier."""


@dataclass(frozen=True)
class Model:
    """A model: as metered, as asked for, and how long its answers are."""

    name: str
    alias: str
    provider: str
    host: str
    title: str = ""
    reasoning_share: float = 0.0
    per_token: float = 0.013
    """Usual seconds for a token of output."""


GPT5_MINI = Model("gpt-5-mini-2025-08-07", "gpt-5-mini", "openai", "api.openai.com", reasoning_share=0.4)
GPT51 = Model("gpt-5.1-2025-11-13", "gpt-5.1", "openai", "api.openai.com", reasoning_share=0.3)
GPT41 = Model("gpt-4.1-2025-04-14", "gpt-4.1", "openai", "api.openai.com")
GPT41_MINI = Model("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini", "openai", "api.openai.com")
EMBED_SMALL = Model("text-embedding-3-small", "text-embedding-3-small", "openai", "api.openai.com")
EMBED_LARGE = Model("text-embedding-3-large", "text-embedding-3-large", "openai", "api.openai.com")
SONNET = Model(
    "claude-sonnet-4-6",
    "claude-sonnet-4-6",
    "anthropic",
    "api.anthropic.com",
    "Claude Sonnet 4.6",
    per_token=0.018,
)
HAIKU = Model(
    "claude-haiku-4-5-20251001", "claude-haiku-4-5", "anthropic", "api.anthropic.com", "Claude Haiku 4.5"
)
MISTRAL_SMALL = Model("mistral-small-2603", "mistral-small-latest", "mistral_ai", "api.mistral.ai")
MISTRAL_MEDIUM = Model("mistral-medium-2604", "mistral-medium-latest", "mistral_ai", "api.mistral.ai")
GEMINI = Model(
    "gemini-2.5-flash", "gemini-2.5-flash", "gcp.gemini", "generativelanguage.googleapis.com",
    reasoning_share=0.5, per_token=0.006,
)  # fmt: skip
LLAMA = Model("llama-3.3-70b-instruct", "llama-3.3-70b-instruct", "self_hosted", "localhost")
MOCK = Model("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini", "self_hosted", "localhost")

MODELS = (
    GPT5_MINI, GPT51, GPT41, GPT41_MINI, EMBED_SMALL, EMBED_LARGE,
    SONNET, HAIKU, MISTRAL_SMALL, MISTRAL_MEDIUM, GEMINI,
)  # fmt: skip
"""Models that a provider bills."""
