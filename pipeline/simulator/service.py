"""A service: who owns it, what it asks of which model, what watches it, and what goes wrong there."""

from dataclasses import dataclass

from pipeline.simulator.models import INVOICED, Model


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
    """How: `unseen` (a request outside the SDK), `endpoint` (one of which only HTTP spans tell), `labelled`
    (a traced call), `server` (an iteration of the provider), or `drops` (old turns are just forgotten)."""
    lost: float = 0.0
    """Share of batches that its exporter, with too small a queue, drops."""
    resent: float = 0.012
    """Share of batches that its exporter sends again after a 503: the same span ids in another line."""
    timeout: float = 30.0
    """Seconds that its client waits for an answer."""
    speed: float = 1.0
    """Factor on the time that a token takes."""
    wrapper: int = 1
    """Times that the application calls when calls give up, each with the retries of the SDK."""
    invalid: float = 0.0
    """Chance that an answer fails validation and is asked for again."""
    reasks: str = "call"
    """How: `call` (a traced call of its own) or `span` (inside the span, which tells of the last answer)."""
    sub_agents: float = 0.0
    """Chance that a step of an agent starts a sub-agent."""
    long: float = 0.0
    """Chance that a request fills a long context."""
    workload: str = "serving"
    sampled: float = 1.0
    """Share of its traces that are exported."""
    marks_sampling: bool = True
    """Whether spans carry the threshold of the sampling."""
    doubled: float = 1.0
    """Part of the month, from its start, in which a second instrumentation is on."""
    repeats: float = 1.0
    """Part of the month, from its start, in which its framework repeats usage on the spans above."""
    adds_start: bool = True
    """Whether its OpenLLMetry counts the output of message_start twice."""
    cached: float = 1.0
    """Share of the calls that go through the provider's cache."""
    reasoning: float = 1.0
    """Factor on the reasoning of its models."""
    estimate: float = 0.9
    """What a local tokenizer makes of a token, where counts are estimated."""
    is_logged: bool = False
    """Whether the provider's meter is a log of requests, dated by their start."""
    shared_by: tuple[str, ...] = ()
    """Teams whose calls pass through a shared service."""

    @property
    def metered_tier(self) -> str:
        """Service tier as far as the meter tells: OpenAI's embeddings and an invoice tell none."""
        is_told = self.operation != "embeddings" and self.models[0].provider not in INVOICED
        return self.tier if is_told else "all"

    @property
    def key(self) -> str:
        """Id of its API key."""
        return f"key_{self.name.replace('-', '_')}"
