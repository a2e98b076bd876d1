"""Anthropic's own spans: the SDK, Claude Code, and the copy that the Claude platform exports."""

from pipeline.dialect import Dialect, Shape
from pipeline.dialects.conventions import CONVENTIONAL

SDK = Dialect(
    code="anthropic_sdk",
    title="Anthropic SDK",
    scopes=("com.anthropic.sdk.*",),
    shapes=(*CONVENTIONAL, Shape("call", name_prefixes=("anthropic.messages", "anthropic.beta.messages"))),
    rank=10,
    source="replayed recordings, 2.12.0; on by default, counts writes by lifetime and retries",
)
PLATFORM = Dialect(
    code="claude_platform",
    title="Claude platform (server side)",
    scopes=("com.anthropic.claude-platform",),
    shapes=(
        Shape("server", kinds=("server",), why="the provider's own record of the client's request"),
        Shape("duplicate", requires_usage=True, why="model runs inside the server's span"),
    ),
    rank=15,
    source="platform.claude.com/docs/en/api/opentelemetry/spans",
)
CODE = Dialect(
    code="claude_code",
    title="Claude Code",
    span_names=("claude_code.",),
    cache_convention="exclusive",
    cache_breakdown="lumped_writes",
    shapes=(
        Shape("call", name_prefixes=("claude_code.llm_request",)),
        Shape("aggregate", requires_usage=True, why="interactions hold their requests"),
    ),
    rank=15,
    source="captured span of 2.1.266: input_tokens leaves cached tokens out; scope not documented",
)

DIALECTS = (SDK, PLATFORM, CODE)
