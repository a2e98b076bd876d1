"""What happens: a call, its attempts, and the spans that tell of it."""

from dataclasses import dataclass, field
from enum import StrEnum

from pipeline.simulator.leaves import Leaves
from pipeline.simulator.models import Model
from pipeline.simulator.service import Service

SECOND = 1_000_000_000
"""Nanoseconds in a second: instants are Unix nanoseconds, as in OTLP."""


class Outcome(StrEnum):
    """How a call ended, in the situations that were measured with real SDKs."""

    OK = "ok"
    NO_USAGE = "stream_without_include_usage"
    FALSE_ZERO = "false_zero"
    NEVER_ENDED = "stream_read_inside_with"
    GAVE_UP = "all_attempts_timed_out"
    TIMED_OUT = "timed_out_without_retry"
    CLOSED = "stream_closed_early"
    DROPPED = "stream_dropped"
    CANCELLED = "async_task_cancelled"
    BROKEN = "stream_broken_by_provider"
    REJECTED = "rejected_by_provider"
    REFUSED = "refused_before_output"
    CACHE_HIT = "answered_by_gateway_cache"


ABANDONED = (Outcome.CLOSED, Outcome.DROPPED, Outcome.CANCELLED, Outcome.TIMED_OUT)
"""The client gave up: what is billed beyond the trace is a cancellation."""

UNTOLD = (Outcome.NO_USAGE, Outcome.FALSE_ZERO, Outcome.NEVER_ENDED)
"""The call completed and the span says nothing of its usage."""


@dataclass(slots=True)
class Attempt:
    """One HTTP request of a call."""

    kind: str
    """ok, timeout, server_error, rate_limited, connect, broken, cancelled, rejected or reasked."""
    started: int
    ended: int
    billed: Leaves | None = None
    """What the provider counts; nothing when it does not bill the attempt."""
    is_kept: bool = False
    """Whether the application went on with (or waited for) this attempt."""


@dataclass(slots=True)
class Record:
    """One span that carries, or could carry, the usage of a call."""

    dialect: str
    ended: int
    leaves: Leaves | None
    """As logged, split by the convention of the dialect; none when the span has no counts."""
    is_aggregate: bool = False
    """Repeats the spans below it: always a duplicate."""
    added_start: int = 0
    """Output that the instrumentation counted a second time (message_start plus cumulative delta)."""
    is_estimate: bool = False
    """Counts come from a local tokenizer and leave reasoning out."""
    hides_reasoning: bool = False
    """Output leaves reasoning out."""
    holds_compaction: bool = False
    """Counts hold the compaction iteration."""
    copies: int = 1
    """How often the span was exported; 0 when it was lost."""


@dataclass(slots=True)
class Call:
    """One request of an application to a model through its SDK."""

    number: int
    service: Service
    model: Model
    team: str
    trace_id: str
    started: int
    is_stream: bool
    use: Leaves
    """What the provider counts for the complete answer."""
    ended: int = 0
    outcome: Outcome = Outcome.OK
    reasoning: int = 0
    """Reasoning tokens inside the output."""
    placeholder: int = 1
    """Output count of Anthropic's message_start."""
    delivered: int = 0
    """Output that the application received."""
    compaction: Leaves | None = None
    """A compaction iteration of the provider, billed beside the answer."""
    unseen: str | None = None
    """Cause of the drift of a request that no instrumentation sees."""
    conversation: str | None = None
    feature: str = ""
    response_id: str = ""
    meter_lag: int = 0
    """Nanoseconds by which the provider books the call later than its span ends."""
    has_text: bool = False
    workload: str = "serving"
    agent: str = ""
    """Sub-agent that made the call."""
    is_sampled: bool = True
    """Whether the trace was exported."""
    noise: float = 0.0
    """How far a local count of this call is off, in standard deviations."""
    attempts: list[Attempt] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    span_id: str = ""

    @property
    def kept(self) -> Attempt | None:
        """The attempt whose answer counts, if there is one."""
        last = self.attempts[-1]
        return last if last.is_kept else None
