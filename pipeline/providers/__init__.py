"""The providers, in the order in which they are tried."""

from pipeline.provider import Provider
from pipeline.providers import (
    anthropic,
    aws_bedrock,
    azure_ai_openai,
    cohere,
    deepseek,
    fireworks,
    gcp_gemini,
    gcp_vertex_ai,
    groq,
    mistral_ai,
    openai,
    openrouter,
    perplexity,
    together,
    voyage,
    x_ai,
)

PROVIDERS: tuple[Provider, ...] = (
    openai.PROVIDER,
    anthropic.PROVIDER,
    aws_bedrock.PROVIDER,
    azure_ai_openai.PROVIDER,
    gcp_gemini.PROVIDER,
    gcp_vertex_ai.PROVIDER,
    cohere.PROVIDER,
    deepseek.PROVIDER,
    fireworks.PROVIDER,
    groq.PROVIDER,
    mistral_ai.PROVIDER,
    openrouter.PROVIDER,
    perplexity.PROVIDER,
    together.PROVIDER,
    voyage.PROVIDER,
    x_ai.PROVIDER,
)
