"""Families of models that count text alike: which vocabulary counts them here, and what they add unseen.

Sources: OpenAI's tiktoken model table; Anthropic's page on tool use (tokens of the tool-use system prompt);
measured constants of Nova and of Llama 4 on Groq; Anthropic's notes on the tokenizer of Opus 4.7 and later.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import polars as pl


class Family(NamedTuple):
    """Models with one tokenizer and one template."""

    code: str
    pattern: str
    """Searched in the lower-case name of the model."""
    encoding: str = "o200k_base"
    """Vocabulary that counts here: the family's own, or the nearest that is public."""


FAMILIES: tuple[Family, ...] = (
    Family("gpt_oss", r"gpt-oss"),
    Family("openai_completion", r"text-davinci|code-davinci|text-curie", "p50k_base"),
    Family("openai_completion", r"davinci|babbage|turbo-instruct", "cl100k_base"),
    Family("openai_embedding", r"text-embedding-(3|ada)", "cl100k_base"),
    Family("openai_reasoning", r"gpt-5|codex-mini|(^|[/.])o[134]($|-)"),
    Family("openai", r"gpt-4o|gpt-4\.[15]|chatgpt-4o"),
    Family("openai_cl100k", r"gpt-4|gpt-3\.?5", "cl100k_base"),
    Family("claude_2", r"claude-(v?[12]([.:-]|$)|instant)"),
    Family("claude_4_7", r"claude-(opus-4[-.][7-9]($|\D)|(opus|sonnet|haiku|fable|mythos)-[5-9]($|\D))"),
    Family("claude", r"claude"),
    Family("gemini", r"gemini|gemma"),
    Family("mistral", r"mistral|mixtral|codestral|ministral|magistral|pixtral|devstral"),
    Family("nova", r"nova-(micro|lite|pro|premier)|nova-\d"),
    Family("titan", r"titan"),
    Family("llama", r"llama"),
    Family("cohere", r"cohere|command|embed-(english|multilingual|v)"),
    Family("deepseek", r"deepseek"),
    Family("grok", r"grok"),
    Family("qwen", r"qwen|qwq"),
)
"""In order, first match wins; what matches none is `other` and counted with o200k_base."""

OTHER = Family("other", "")

_REASONING = re.compile(
    r"gpt-5(?!.*chat)|codex-mini|(^|[/.])o[134]($|-)|gpt-oss|gemini-(2\.5|[3-9])|deepseek-(r1|reasoner)"
    r"|grok-(3-mini|[4-9])|magistral|qwq|thinking|reasoning"
)

_TOOL_PROMPTS: tuple[tuple[str, int], ...] = (
    (r"claude-opus-5", 286),
    (r"claude-opus-4[-.]8", 290),
    (r"claude-opus-4[-.]7", 675),
    (r"claude-(opus|sonnet)-4[-.]6", 497),
    (r"claude-(opus|sonnet|haiku)-4[-.]5", 496),
    (r"claude-sonnet-5", 354),
    (r"claude-3(-5)?-haiku", 264),
    (r"claude-3-sonnet", 159),
    (r"claude-3-opus", 530),
    (r"claude-3-5-sonnet-20240620", 294),
    (r"claude-3-", 346),
    (r"claude-(v?[12]([.:-]|$)|instant)", 0),
    (r"claude", 313),
    (r"llama-?4", 654),
)
"""Tokens that a provider adds unseen to a request with tools, automatic choice; a forced choice adds more."""


@lru_cache(maxsize=4096)
def family_of(model: str | None) -> Family:
    """Return the family of a model name, vendor prefixes and dates included."""
    name = (model or "").lower()
    return next((family for family in FAMILIES if re.search(family.pattern, name)), OTHER)


@lru_cache(maxsize=4096)
def is_reasoning_model(model: str | None) -> bool:
    """Return whether a model of this name thinks by default, and bills it as output."""
    return _REASONING.search((model or "").lower()) is not None


@lru_cache(maxsize=4096)
def tool_prompt(model: str | None) -> int:
    """Return the tokens that the provider adds to a request with tools, 0 where no rule is known."""
    name = (model or "").lower()
    return next((tokens for pattern, tokens in _TOOL_PROMPTS if re.search(pattern, name)), 0)


def with_family(calls: pl.DataFrame) -> pl.DataFrame:
    """Return calls with `family`, `is_reasoning_model`, `tool_prompt`, by the model that answered."""
    name = pl.coalesce("response_model", "request_model", "model")
    models = calls.select(name.alias("_name")).unique()
    facts = models.with_columns(
        _column(models, "family", (family_of(model).code for model in models["_name"]), pl.String()),
        _column(models, "is_reasoning_model", map(is_reasoning_model, models["_name"]), pl.Boolean()),
        _column(models, "tool_prompt", map(tool_prompt, models["_name"]), pl.Int64()),
    )
    return calls.with_columns(_name=name).join(
        facts, on="_name", how="left", nulls_equal=True, maintain_order="left"
    ).drop("_name")  # fmt: skip


def _column(frame: pl.DataFrame, name: str, values: Iterable[object], dtype: pl.DataType) -> pl.Series:
    return pl.Series(name, list(values), dtype=dtype)
