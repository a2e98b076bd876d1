"""SKU texts of the clouds: the model, token kind and tier that each names, and what none of them is."""

import polars as pl
import pytest

from pipeline.parsing import google_skus
from pipeline.period import Month
from pipeline.pricing import RateCard, expected_rates
from pipeline.providers import PROVIDERS, azure_ai_openai
from pipeline.providers.aws_bedrock import usage_types
from pipeline.providers.aws_bedrock.models import ALIASES, model_id, without_arn
from pipeline.settings import Settings

SONNET = "anthropic.claude-sonnet-4-6"
HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0"
SOLD = "Claude Haiku 4.5 (Amazon Bedrock Edition)"


@pytest.mark.parametrize(
    ("usage_type", "product", "expected"),
    [
        ("USE1-Claude4.6Sonnet-input-tokens", "", (SONNET, "input_uncached", "standard")),
        ("Claude4.6Sonnet-output-tokens", "", (SONNET, "output", "standard")),
        ("EUW1-Claude4.6Sonnet-cache-read-input-token-count", "", (SONNET, "cache_read", "standard")),
        ("USE1-Claude4.6Sonnet-cache-write-input-token-count", "", (SONNET, "cache_write_other", "standard")),
        ("USE1-Claude4.6Sonnet-cache-write-input-token-count-1-hour", "", (SONNET, "cache_write_1h", "standard")),
        ("USE1-Claude4.6Sonnet-cache-write-1h-input-token-count", "", (SONNET, "cache_write_1h", "standard")),
        ("USE1-Claude4.6Sonnet-output-tokens-cross-region-global-batch", "", (f"global.{SONNET}", "output", "batch")),
        ("USE1-Nova2.0Pro-text-input-tokens-priority-cross-region-global", "",
         ("global.Nova2.0Pro", "input_uncached", "priority")),
        ("USE1-Nova2.0Lite-input-tokens-flex", "", ("us.amazon.nova-2-lite-v1:0", "input_uncached", "flex")),
        ("USE1-Nova2.0Lite-input-tokens-cross-region-global", "",
         ("global.amazon.nova-2-lite-v1:0", "input_uncached", "standard")),
        ("USE1-GPT-OSS-Safeguard-20B-input-tokens-priority", "",
         ("GPT-OSS-Safeguard-20B", "input_uncached", "priority")),
        ("USW2-anthropic.claude-opus-4-8-mantle-cache-write-tokens-global-standard", "",
         ("global.anthropic.claude-opus-4-8", "cache_write_other", "standard")),
        ("USW2-anthropic.claude-opus-4-8-mantle-cache-write-tokens-1h-standard", "",
         ("anthropic.claude-opus-4-8", "cache_write_1h", "standard")),
        ("USE1-openai.gpt-oss-120b-mantle-input-tokens-flex", "",
         ("openai.gpt-oss-120b-1:0", "input_uncached", "flex")),
        ("USE1-MP:USE1_InputTokenCount-Units", SOLD, (HAIKU, "input_uncached", "standard")),
        ("USE1-MP:USE1_OutputTokenCount_Global_Batch-Units", SOLD, (f"global.{HAIKU}", "output", "batch")),
        ("USE1-MP:USE1_CacheWrite1hInputTokenCount-Units", SOLD, (HAIKU, "cache_write_1h", "standard")),
        ("USW2-MP:USW2_input_tokens_long_ctx_global_standard-Units", SOLD,
         (f"global.{HAIKU}", "input_uncached", "standard")),
        ("USW2-MP:USW2_cache_write_tokens_30m_standard-Units", "OpenAI GPT-5.6 Sol (Amazon Bedrock Edition)",
         ("openai.gpt-5.6-sol", "cache_write_other", "standard")),
        ("USE1-MP:USE1_InputTokenCount-Units", "Some product", (None, "input_uncached", "standard")),
    ],
)  # fmt: skip
def test_usage_types_of_bedrock(usage_type: str, product: str, expected: tuple) -> None:
    sku = usage_types.sku(usage_type, product)

    assert sku is not None
    assert sku[:3] == expected
    assert sku.cost_type == "tokens"


@pytest.mark.parametrize(
    "usage_type",
    [
        "USE1-Guardrail-ContentPolicyUnitsConsumed", "USE1-BedrockKnowledgeBase-searchunits-token",
        "USE1-NovaLite-input-tokens-custom-model", "USE1-Qwen3-32B-ProvisionedThroughput-NoCommit-ModelUnits",
        "USE1-cohere.rerank-english-v3-search-units", "USE1-BoxUsage:t3.micro", "USE1-MP:USE1_CreatedImage-Units",
        "Tax", "",
    ],
)  # fmt: skip
def test_other_usage_types_count_no_tokens(usage_type: str) -> None:
    assert usage_types.sku(usage_type, "") is None


def test_ids_of_bedrock_have_one_spelling() -> None:
    arn = "arn:aws:bedrock:eu-west-1:111122223333:inference-profile/eu.anthropic.claude-sonnet-4-6"

    assert ALIASES[without_arn(arn)] == SONNET
    assert ALIASES["us.anthropic.claude-opus-4-6-v1"] == "anthropic.claude-opus-4-6"
    assert ALIASES["global.anthropic.claude-opus-4-6-v1"] == "global.anthropic.claude-opus-4-6"
    assert model_id("Claude9Fable", is_global=True) == "global.Claude9Fable"


def test_no_alias_takes_a_price_away() -> None:
    names = sorted({*ALIASES, *ALIASES.values()})
    keys = pl.DataFrame({"model": names}).with_columns(
        provider=pl.lit("aws.bedrock"), service_tier=pl.lit("standard"), token_kind=pl.lit("output")
    )
    rates = expected_rates(keys, Month(2026, 10), RateCard(Settings(), PROVIDERS))
    price = dict(rates.select("model", "usd_per_token").rows())

    known = {name: target for name, target in ALIASES.items() if price[name] is not None}
    assert {name for name, target in known.items() if price[name] != price[target]} == set()
    assert len(known) > 100


@pytest.mark.parametrize(
    ("meter", "expected"),
    [
        ("gpt 4o 1120 Inp glbl Tokens", ("gpt-4o-2024-11-20", "input_uncached", "standard")),
        ("gpt 4o 1120 cached Inp glbl Tokens", ("gpt-4o-2024-11-20", "cache_read", "standard")),
        ("gpt 4.1 nano cached Inp glbl Tokens", ("gpt-4.1-nano-2025-04-14", "cache_read", "standard")),
        ("o3 0416 Outp glbl Tokens", ("o3-2025-04-16", "output", "standard")),
        ("5.5 ShortCo inp Dz 1M Tokens", ("gpt-5.5", "input_uncached", "standard")),
        ("GPT 5 outpt Glbl 1M Tokens", ("gpt-5-2025-08-07", "output", "standard")),
        ("V4 Pro Outp DZ Tokens", ("v4-pro", "output", "standard")),
        ("Phi-4-Input Tokens", ("phi-4", "input_uncached", "standard")),
    ],
)
def test_meters_of_azure(meter: str, expected: tuple) -> None:
    sku = azure_ai_openai.sku(meter, "")

    assert sku is not None
    assert sku[:3] == expected


@pytest.mark.parametrize("meter", ["Standard Text Records", "P6 LRS Disk", "gpt4omini-rt tokens", ""])
def test_other_meters_of_azure_count_no_tokens_that_can_be_told(meter: str) -> None:
    assert azure_ai_openai.sku(meter, "") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Generate content input token count gemini 2.5 flash short input text",
         ("gemini-2.5-flash", "input_uncached", "standard")),
        ("Generate content output token count gemini 2.5 flash short input text",
         ("gemini-2.5-flash", "output", "standard")),
        ("Generate content input token count gemini 2.5 flash input audio",
         ("gemini-2.5-flash", "input_audio", "standard")),
        ("Generate content cached input token count gemini 2.5 pro short input",
         ("gemini-2.5-pro", "cache_read", "standard")),
        ("GenerateContent text input token count for Gemini 2.0 Flash",
         ("gemini-2.0-flash", "input_uncached", "standard")),
        ("Generate_content text output token count for gemini 3 flash batch",
         ("gemini-3-flash-preview", "output", "batch")),
        ("Generate_content image output token count for Gemini 3 Pro Image",
         ("gemini-3-pro-image", "output_image", "standard")),
        ("Generate_content cached image input token count for gemini 3 flash",
         ("gemini-3-flash-preview", "cache_read", "standard")),
        ("Generate content input token count gemini 3.7 flash image flex caching",
         ("gemini-3.7-flash", "cache_read", "flex")),
        ("Generate content input token count gemini 3.1 flash lite preview text",
         ("gemini-3.1-flash-lite-preview", "input_uncached", "standard")),
        ("EmbedContent input token count for gemini-embedding-001",
         ("gemini-embedding-001", "input_uncached", "standard")),
    ],
)  # fmt: skip
def test_skus_of_google(text: str, expected: tuple) -> None:
    sku = google_skus.sku(text, "Gemini API")

    assert sku is not None
    assert sku[:3] == expected


def test_other_skus_of_google() -> None:
    storage = google_skus.sku("Generate content cached text storage token hours gemini 2.5 pro", "")

    assert storage is not None
    assert (storage.token_kind, storage.cost_type) == (None, "fee")
    assert google_skus.sku("Grounding with Google Search", "") is None
