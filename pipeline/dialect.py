"""What an instrumentation writes, as data: one file a family in `dialects/`.

A dialect is chosen by instrumentation scope and version, then by span name or attributes where one scope
writes several shapes. It says how to read the counts, and which of them are known to be wrong.
"""

from dataclasses import dataclass, field
from typing import Literal

CacheConvention = Literal["inclusive", "exclusive", "inclusive_if_total_says"]
"""Whether logged input contains cached tokens. The last: compare total with input plus output."""

CacheBreakdown = Literal["full", "read_only", "lumped_writes", "none"]
"""What the span tells of cached input; a full breakdown splits writes by lifetime where the provider does."""

Role = Literal["call", "aggregate", "server", "duplicate", "auxiliary"]
"""call: one request to a model. aggregate: repeats its descendants. server: the provider's own copy.
duplicate: a second span by the same instrumentation. auxiliary: free or not a model call (token counting)."""


@dataclass(frozen=True)
class Shape:
    """Spans of one dialect that look alike, matched by name prefix and operation; first match wins."""

    role: Role = "call"
    name_prefixes: tuple[str, ...] = ()
    """Span name starts with one of these; empty matches every name."""
    operations: tuple[str, ...] = ()
    """Logged operation is one of these; empty matches all."""
    requires_usage: bool = False
    """Only spans with token counts match: the others are not calls."""
    why: str = ""
    """The fact behind it, with its source."""


@dataclass(frozen=True)
class Quirk:
    """A number that is known to be wrong; `rule` is a name that `pipeline/calls.py` can apply."""

    rule: Literal[
        "false_zero_is_null",  # input 0 and output 0 together mean nothing was recorded
        "placeholder_output_is_null",  # no finish reason and output <= 8: message_start's placeholder
        "exclusive_input",  # documented by `why` only
        "estimated_output",  # counts may be a local estimate
        "stream_output_adds_start",  # streamed output = start placeholder + cumulative delta
    ]
    streamed_only: bool = False
    providers: tuple[str, ...] = ()
    """Applies to these providers; empty applies to all."""
    why: str = ""


@dataclass(frozen=True)
class Dialect:
    """How one instrumentation family, in a range of versions, writes LLM calls."""

    code: str
    """Stable, snake_case, for example openllmetry_anthropic."""
    title: str
    scopes: tuple[str, ...]
    """Exact scope names; a trailing * matches a prefix."""
    versions: str = "*"
    """Version range as `>=0.50,<0.63`; * matches all and the empty version."""
    cache_convention: CacheConvention = "inclusive"
    cache_breakdown: CacheBreakdown = "full"
    shapes: tuple[Shape, ...] = (Shape(),)
    """In order; a span that matches none is not an LLM span of this dialect."""
    quirks: tuple[Quirk, ...] = ()
    breakdown_by_provider: dict[str, CacheBreakdown] = field(default_factory=dict)
    convention_by_provider: dict[str, CacheConvention] = field(default_factory=dict)
    rank: int = 50
    """Which span is kept when two instrumentations report one call: the lower rank."""
    source: str = ""
    """Where the facts come from."""
