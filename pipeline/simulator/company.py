"""The simulated company: models, six teams, their services, and how each is instrumented."""

from dataclasses import dataclass

COMPANY = "Hearth & Harbour"
ACCOUNTS = {"openai": "hearth-openai", "anthropic": "hearth-anthropic", "mistral_ai": "hearth-mistral"}
"""Provider -> account; what nobody bills has neither: both read `self_hosted`."""

TEAMS = ("support", "search", "commerce", "platform", "data", "growth")


@dataclass(frozen=True)
class Model:
    """A model: as metered, as asked for, and how long its answers are."""

    name: str
    alias: str
    provider: str
    host: str
    title: str = ""
    reasoning_share: float = 0.0


GPT5_MINI = Model("gpt-5-mini-2025-08-07", "gpt-5-mini", "openai", "api.openai.com", reasoning_share=0.4)
GPT51 = Model("gpt-5.1-2025-11-13", "gpt-5.1", "openai", "api.openai.com", reasoning_share=0.3)
GPT41 = Model("gpt-4.1-2025-04-14", "gpt-4.1", "openai", "api.openai.com")
GPT41_MINI = Model("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini", "openai", "api.openai.com")
EMBED_SMALL = Model("text-embedding-3-small", "text-embedding-3-small", "openai", "api.openai.com")
EMBED_LARGE = Model("text-embedding-3-large", "text-embedding-3-large", "openai", "api.openai.com")
SONNET = Model(
    "claude-sonnet-4-6", "claude-sonnet-4-6", "anthropic", "api.anthropic.com", "Claude Sonnet 4.6"
)
HAIKU = Model(
    "claude-haiku-4-5-20251001", "claude-haiku-4-5", "anthropic", "api.anthropic.com", "Claude Haiku 4.5"
)
MISTRAL_SMALL = Model("mistral-small-2603", "mistral-small-latest", "mistral_ai", "api.mistral.ai")
MISTRAL_MEDIUM = Model("mistral-medium-2604", "mistral-medium-latest", "mistral_ai", "api.mistral.ai")
LLAMA = Model("llama-3.3-70b-instruct", "llama-3.3-70b-instruct", "self_hosted", "localhost")
MOCK = Model("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini", "self_hosted", "localhost")

MODELS = (
    GPT5_MINI, GPT51, GPT41, GPT41_MINI, EMBED_SMALL, EMBED_LARGE,
    SONNET, HAIKU, MISTRAL_SMALL, MISTRAL_MEDIUM,
)  # fmt: skip
"""Models that a provider bills."""


@dataclass(frozen=True)
class Service:
    """A service: who owns it, what it asks of which model, what watches it, and what goes wrong there."""

    name: str
    team: str
    dialects: tuple[str, ...]
    """Instrumentations, outermost first; none: nothing watches it."""
    models: tuple[Model, ...]
    share: float
    """Part of all calls."""
    project: str
    prompt: int
    """Median tokens of instructions and context in a first request."""
    answer: int
    """Median tokens of an answer."""
    shape: str = "single"
    """single, chat (conversations) or agent (several calls in one trace)."""
    stream: float = 0.0
    """Part of the calls that stream."""
    tier: str = "standard"
    entry: str | None = None
    """Service whose root span starts the traces."""
    features: tuple[str, ...] = ("",)
    operation: str = "chat"
    environment: str = "production"
    has_http_spans: bool = False
    hour_profile: str = "office"
    cancels: float = 0.0
    """Chance that the client gives up, for a call of median length."""
    retries: float = 0.04
    """Chance that an attempt fails and is sent again, for a call of median length."""
    untold: tuple[tuple[str, float], ...] = ()
    """Outcomes without usage and their chance among completed calls."""
    cache_hits: float = 0.0
    refusals: float = 0.0
    caches: str = "none"
    """none, automatic (OpenAI), 5m, 1h or mixed (Anthropic)."""
    window: int | None = None
    """Context size at which a conversation is summarised."""
    compacts: str = ""
    """How: `unseen` (a request outside the SDK) or `server` (an iteration of the provider)."""
    is_lossy: bool = False
    """Whether its exporter loses batches."""
    shared_by: tuple[str, ...] = ()
    """Teams whose calls pass through a shared service."""

    @property
    def metered_tier(self) -> str:
        """Service tier as far as the meter tells: OpenAI's embeddings and an invoice alone tell none."""
        is_told = self.operation != "embeddings" and "mistral" not in self.models[0].name
        return self.tier if is_told else "all"

    @property
    def key(self) -> str:
        """Id of its API key."""
        return f"key_{self.name.replace('-', '_')}"


SERVICES = (
    Service("support-chat", "support", ("genai_openai",), (GPT5_MINI,), 14, "proj_support", 3800, 520, "chat",
            stream=0.9, entry="web-app", features=("help-center", "order-status"), has_http_spans=True,
            cancels=0.07, untold=(("stream_without_include_usage", 0.02),), caches="automatic", window=8000,
            compacts="unseen"),
    Service("support-triage", "support", ("genai_anthropic",), (HAIKU,), 9, "wrkspc_support", 6800, 180,
            entry="mailroom", features=("triage",), stream=0.3, cancels=0.02, refusals=0.006, caches="5m"),
    Service("search-answers", "search", ("openllmetry_openai",), (GPT41_MINI,), 11, "proj_search", 9600, 380,
            entry="web-app", stream=0.8, features=("site-search",), has_http_spans=True, cancels=0.08,
            untold=(("stream_without_include_usage", 0.05),), caches="automatic", is_lossy=True),
    Service("search-embeddings", "search", ("openllmetry_openai",), (EMBED_SMALL,), 7, "proj_search", 420, 0,
            entry="web-app", features=("site-search",), operation="embeddings", retries=0.02),
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
            entry="back-office", features=("market-research",), caches="automatic", retries=0.05),
    Service("report-writer", "data", ("openllmetry_anthropic",), (HAIKU,), 5, "wrkspc_data", 9200, 2100,
            stream=0.6, features=("weekly-report",), cancels=0.04, has_http_spans=True, caches="mixed",
            untold=(("false_zero", 0.08), ("stream_read_inside_with", 0.05)), is_lossy=True),
    Service("doc-extract", "data", ("openai_v2",), (GPT41_MINI,), 6, "proj_data", 14000, 620, stream=0.3,
            features=("invoices", "contracts"), has_http_spans=True, cancels=0.03, caches="automatic",
            untold=(("stream_without_include_usage", 0.03),), hour_profile="night", is_lossy=True),
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
            features=("regression",), retries=0.0),
    Service("local-llama", "data", ("genai_openai",), (LLAMA,), 2, "", 2500, 340, features=("labelling",),
            retries=0.0),
    Service("search-reindex", "search", (), (EMBED_LARGE,), 1.5, "proj_search_index", 11800, 0,
            operation="embeddings", hour_profile="night", retries=0.0),
    Service("answer-evals", "data", (), (GPT41,), 1.5, "proj_evals", 6400, 420, tier="batch", retries=0.0,
            hour_profile="night"),
)  # fmt: skip
"""The services, with a mix of faults like that of public reports, turned down to the size of a demo."""

ENTRIES = {"web-app": "commerce", "mailroom": "support", "back-office": "platform"}
"""Services that start traces and call no model -> their team."""
