"""OpenInference (Arize): prompt counts include cached tokens everywhere; most spans have no response id."""

from pipeline.dialect import Dialect, Shape
from pipeline.dialects.conventions import CONVENTIONAL, PLACEHOLDER

MEASURED = "replayed recordings, November 2026"

OPENAI = Dialect(
    code="openinference_openai",
    title="OpenInference openai",
    scopes=("openinference.instrumentation.openai",),
    cache_breakdown="read_only",
    shapes=(
        *CONVENTIONAL,
        Shape("call", name_prefixes=("ChatCompletion", "Response", "Completion", "CreateEmbeddings")),
    ),
    rank=35,
    source=f"{MEASURED}, 0.1.66",
)
ANTHROPIC = Dialect(
    code="openinference_anthropic",
    title="OpenInference anthropic",
    scopes=("openinference.instrumentation.anthropic",),
    cache_breakdown="lumped_writes",
    shapes=(
        *CONVENTIONAL,
        Shape(
            "call", name_prefixes=("messages.", "beta.messages.", "completions.", "Messages", "AsyncMessages")
        ),
    ),
    quirks=(PLACEHOLDER,),
    rank=30,
    source=f"{MEASURED}, 3.1.0; cached tokens absent when zero",
)
BEDROCK = Dialect(
    code="openinference_bedrock",
    title="OpenInference bedrock",
    scopes=("openinference.instrumentation.bedrock",),
    cache_breakdown="lumped_writes",
    shapes=(
        Shape("aggregate", name_prefixes=("bedrock.invoke_agent",), requires_usage=True),
        *CONVENTIONAL,
        Shape("call", name_prefixes=("bedrock.invoke_model", "bedrock.converse")),
    ),
    rank=30,
    source=f"{MEASURED}, 0.1.61: the prompt count includes cached tokens",
)
GOOGLE = Dialect(
    code="openinference_google",
    title="OpenInference google-genai",
    scopes=("openinference.instrumentation.google_genai", "openinference.instrumentation.vertexai"),
    cache_breakdown="read_only",
    shapes=(*CONVENTIONAL, Shape("call", name_prefixes=("GenerateContent", "AsyncGenerateContent"))),
    rank=30,
    source=f"{MEASURED}, 1.4.14: completion holds thoughts, prompt holds tool-use prompts",
)
LANGCHAIN = Dialect(
    code="openinference_langchain",
    title="OpenInference langchain",
    scopes=("openinference.instrumentation.langchain",),
    cache_convention="inclusive_if_total_says",
    cache_breakdown="lumped_writes",
    shapes=CONVENTIONAL,
    rank=60,
    source="openinference-instrumentation-langchain 0.1.80: adds cached tokens to the prompt itself",
)
OTHER = Dialect(
    code="openinference_other",
    title="OpenInference, other libraries",
    scopes=("openinference*",),
    cache_convention="inclusive_if_total_says",
    cache_breakdown="lumped_writes",
    shapes=CONVENTIONAL,
    rank=55,
    source="not measured; OpenInference's conventions",
)

DIALECTS = (OPENAI, ANTHROPIC, BEDROCK, GOOGLE, LANGCHAIN, OTHER)
