"""OpenTelemetry's own instrumentations: counts follow the GenAI conventions, Bedrock's do not."""

from pipeline.dialect import Dialect, Quirk
from pipeline.dialects.conventions import CONVENTIONAL, FALSE_ZERO, PLACEHOLDER

MEASURED = "replayed recordings, 1.3b0 and 2.4b0, November 2026"

OPENAI_V2 = Dialect(
    code="otel_openai_v2",
    title="OpenTelemetry openai-v2",
    scopes=("opentelemetry.instrumentation.openai_v2",),
    cache_breakdown="none",
    shapes=CONVENTIONAL,
    quirks=(FALSE_ZERO,),
    leaves_open=True,
    rank=45,
    source=f"{MEASURED}; never logs cached or reasoning tokens; patch.py BaseStreamWrapper starts at 0/0",
)
GENAI_OPENAI = Dialect(
    code="otel_genai_openai",
    title="OpenTelemetry genai-openai",
    scopes=("opentelemetry.instrumentation.genai.openai",),
    cache_breakdown="read_only",
    shapes=CONVENTIONAL,
    rank=20,
    source=f"{MEASURED}; cached tokens absent when zero",
)
GENAI_ANTHROPIC = Dialect(
    code="otel_genai_anthropic",
    title="OpenTelemetry genai-anthropic",
    scopes=("opentelemetry.instrumentation.genai.anthropic",),
    cache_breakdown="lumped_writes",
    shapes=CONVENTIONAL,
    quirks=(PLACEHOLDER,),
    rank=20,
    source=MEASURED,
)
GENAI_LANGCHAIN = Dialect(
    code="otel_genai_langchain",
    title="OpenTelemetry genai-langchain",
    scopes=("opentelemetry.instrumentation.genai.langchain",),
    cache_convention="inclusive_if_total_says",
    cache_breakdown="lumped_writes",
    shapes=CONVENTIONAL,
    rank=60,
    source="opentelemetry-instrumentation-genai-langchain 1.3b0: LangChain usage_metadata",
)
UTIL_GENAI = Dialect(
    code="otel_util_genai",
    title="OpenTelemetry util-genai",
    scopes=("opentelemetry.util.genai*",),
    cache_convention="inclusive_if_total_says",
    cache_breakdown="none",
    shapes=CONVENTIONAL,
    quirks=(PLACEHOLDER,),
    rank=46,
    source=f"{MEASURED}; openai-v2 under gen_ai_latest_experimental, no cached tokens there either",
)
GENAI_OTHER = Dialect(
    code="otel_genai_other",
    title="OpenTelemetry genai, other libraries",
    scopes=("opentelemetry.instrumentation.genai.*",),
    cache_convention="inclusive_if_total_says",
    cache_breakdown="lumped_writes",
    shapes=CONVENTIONAL,
    quirks=(PLACEHOLDER,),
    rank=22,
    source="the younger packages of python-genai; not measured",
)
BOTOCORE = Dialect(
    code="otel_botocore_bedrock",
    title="OpenTelemetry botocore (Bedrock)",
    scopes=("opentelemetry.instrumentation.botocore.bedrock-runtime",),
    cache_convention="exclusive",
    cache_breakdown="none",
    shapes=CONVENTIONAL,
    quirks=(
        Quirk(
            "estimated_counts",
            model_parts=("cohere.", "mistral."),
            why="bedrock_utils.estimate_token_count writes ceil(len(text) / 6), unmarked",
        ),
    ),
    rank=45,
    source="replayed recordings, 0.66b2: raw inputTokens, cached tokens never logged",
)
GOOGLE = Dialect(
    code="otel_google_genai",
    title="OpenTelemetry google-genai",
    scopes=("opentelemetry.instrumentation.google_genai",),
    cache_breakdown="read_only",
    shapes=CONVENTIONAL,
    rank=20,
    source=f"{MEASURED}; output holds thoughts, input leaves tool-use prompts out",
)

DIALECTS = (
    OPENAI_V2,
    GENAI_OPENAI,
    GENAI_ANTHROPIC,
    GENAI_LANGCHAIN,
    BOTOCORE,
    GOOGLE,
    UTIL_GENAI,
    GENAI_OTHER,
)
