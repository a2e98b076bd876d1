"""The simulated company: six teams, their services, and how each is instrumented."""

from pipeline.simulator.models import (
    EMBED_LARGE,
    EMBED_SMALL,
    GPT5_MINI,
    GPT41,
    GPT41_MINI,
    GPT51,
    HAIKU,
    LLAMA,
    MISTRAL_MEDIUM,
    MISTRAL_SMALL,
    MOCK,
    SONNET,
)
from pipeline.simulator.service import Service

COMPANY = "Hearth & Harbour"
TEAMS = ("support", "search", "commerce", "platform", "data", "growth")

SERVICES = (
    Service("support-chat", "support", ("genai_openai",), (GPT5_MINI,), 14, "proj_support", 3800, 520, "chat",
            stream=0.9, entry="web-app", features=("help-center", "order-status"), has_http_spans=True,
            cancels=0.07, untold=(("stream_without_include_usage", 0.02),), caches="automatic", window=8000,
            compacts="unseen"),
    Service("support-triage", "support", ("genai_anthropic",), (HAIKU,), 9, "wrkspc_support", 6800, 180,
            entry="mailroom", features=("triage",), stream=0.3, cancels=0.02, refusals=0.006, caches="5m"),
    Service("search-answers", "search", ("openllmetry_openai",), (GPT41_MINI,), 11, "proj_search", 9600, 380,
            entry="web-app", stream=0.8, features=("site-search",), has_http_spans=True, cancels=0.08,
            untold=(("stream_without_include_usage", 0.05),), caches="automatic", lost=0.012),
    Service("search-embeddings", "search", ("openllmetry_openai",), (EMBED_SMALL,), 7, "proj_search", 420, 0,
            entry="web-app", features=("site-search",), operation="embeddings", retries=0.02,
            workload="embedding"),
    Service("shop-assistant", "commerce", ("vercel",), (GPT41,), 8, "proj_shop", 3400, 420, "chat",
            stream=1.0, entry="web-app", features=("cart-helper", "gift-finder"), cancels=0.06,
            caches="automatic"),
    Service("product-copy", "commerce", ("openllmetry_openai", "openinference_openai"), (GPT5_MINI,), 5,
            "proj_shop", 1900, 1300, features=("catalogue",), stream=0.2, cancels=0.02, caches="automatic"),
    Service("code-review", "platform", ("openllmetry_anthropic", "anthropic_sdk"), (SONNET,), 5,
            "wrkspc_platform", 11000, 1200, "agent", stream=0.5, features=("pull-requests",), cancels=0.03,
            caches="mixed"),
    Service("ops-copilot", "platform", ("anthropic_sdk",), (SONNET,), 5, "wrkspc_platform", 8200, 640, "chat",
            stream=0.6, entry="back-office", features=("runbooks",), cancels=0.05, refusals=0.004,
            caches="mixed", window=22_000, compacts="server", has_http_spans=True),
    Service("research-agent", "data", ("pydantic_ai",), (GPT51,), 8, "proj_data", 5200, 900, "agent",
            entry="back-office", features=("market-research",), caches="automatic", retries=0.05,
            repeats=0.5),
    Service("report-writer", "data", ("openllmetry_anthropic",), (HAIKU,), 5, "wrkspc_data", 9200, 2100,
            stream=0.6, features=("weekly-report",), cancels=0.04, has_http_spans=True, caches="mixed",
            untold=(("false_zero", 0.08), ("stream_read_inside_with", 0.05)), lost=0.012),
    Service("doc-extract", "data", ("openai_v2",), (GPT41_MINI,), 6, "proj_data", 14000, 620, stream=0.3,
            features=("invoices", "contracts"), has_http_spans=True, cancels=0.03, caches="automatic",
            untold=(("stream_without_include_usage", 0.03),), hour_profile="night", lost=0.012),
    Service("campaign-writer", "growth", ("openinference_anthropic",), (SONNET, HAIKU), 4, "wrkspc_growth",
            3600, 1500, stream=0.8, entry="back-office", features=("newsletter",), cancels=0.09, caches="5m",
            has_http_spans=True),
    Service("translator", "growth", ("genai_openai",), (MISTRAL_MEDIUM, MISTRAL_SMALL), 5, "", 2900, 2600,
            stream=0.4, features=("localisation",), cancels=0.05, has_http_spans=True),
    Service("llm-gateway", "platform", ("litellm",), (GPT5_MINI, GPT41_MINI), 7, "proj_gateway", 3100, 900,
            stream=0.6, cache_hits=0.12, caches="automatic", untold=(("stream_without_include_usage", 0.4),),
            shared_by=("growth", "commerce", "search")),
    Service("digest", "growth", ("openllmetry_openai",), (GPT51,), 2, "proj_growth", 12500, 1100, tier="flex",
            features=("daily-digest",), hour_profile="night", retries=0.09),
    Service("qa-suite", "platform", ("openllmetry_openai",), (MOCK,), 3, "", 2400, 240, environment="ci",
            features=("regression",), retries=0.0, workload="evaluation"),
    Service("local-llama", "data", ("genai_openai",), (LLAMA,), 2, "", 2500, 340, features=("labelling",),
            retries=0.0),
    Service("search-reindex", "search", (), (EMBED_LARGE,), 1.5, "proj_search_index", 11800, 0,
            operation="embeddings", hour_profile="night", retries=0.0, workload="embedding"),
    Service("answer-evals", "data", (), (GPT41,), 1.5, "proj_evals", 6400, 420, tier="batch", retries=0.0,
            hour_profile="night", workload="evaluation"),
)  # fmt: skip
"""The usual services, with a mix of faults like that of public reports, turned down to the size of a demo."""

ENTRIES = {"web-app": "commerce", "mailroom": "support", "back-office": "platform"}
"""Services that start traces and call no model -> their team."""
