"""What an instrumentation writes, as data: one file a family in `dialects/`.

A dialect is chosen by instrumentation scope and version (or by span name, where a tool documents no scope),
then a shape of it by span name, kind and operation. It says how to read the counts, and which of them are
known to be wrong. `pipeline/spans/recognise.py` applies it.
"""

from dataclasses import dataclass
from typing import Literal

CacheConvention = Literal["inclusive", "exclusive", "inclusive_if_total_says"]
"""Whether logged input contains cached tokens. The last: inclusive, unless the numbers of the span object."""

CacheBreakdown = Literal["full", "read_only", "lumped_writes", "none"]
"""What the span tells of cached input; a full breakdown splits writes by lifetime where the provider does."""

Role = Literal["call", "aggregate", "server", "duplicate", "auxiliary"]
"""call: one request to a model. aggregate: repeats its descendants. server: the provider's own copy.
duplicate: a second span by the same instrumentation. auxiliary: free or not a model call (token counting)."""

Rule = Literal[
    "false_zero_is_null",
    "placeholder_output",
    "estimated_counts",
    "wrong_output",
    "output_without_reasoning",
    "output_plus_placeholder",
]
"""false_zero_is_null: input 0 and output 0 together mean that nothing was recorded.
placeholder_output: without a finish reason an output of 1 to 8 is the placeholder of `message_start`.
estimated_counts: the counts may be a local estimate.
wrong_output: the output differs from what other instrumentations log for the same call.
output_without_reasoning: it leaves out the thoughts that are billed with it.
output_plus_placeholder: it counts the placeholder of `message_start` beside the whole."""


@dataclass(frozen=True)
class Shape:
    """Spans of one dialect that look alike; every condition that is given must hold, first match wins."""

    role: Role = "call"
    name_prefixes: tuple[str, ...] = ()
    """Span name starts with one of these; empty matches every name."""
    name_parts: tuple[str, ...] = ()
    """Span name contains one of these, whatever the case; empty matches every name."""
    operations: tuple[str, ...] = ()
    """Logged operation in lower case is one of these; empty matches all."""
    kinds: tuple[str, ...] = ()
    """Span kind is one of these; empty matches all."""
    requires_usage: bool = False
    """Only spans with token counts match: the others are not calls."""
    requires_model: bool = False
    """Only spans that name a model match."""
    why: str = ""
    """The fact behind it, with its source."""


@dataclass(frozen=True)
class Quirk:
    """A number that is known to be wrong, and on which spans."""

    rule: Rule
    streamed_only: bool = False
    unfinished_only: bool = False
    """Only spans without a finish reason or without a response id."""
    model_parts: tuple[str, ...] = ()
    """Only models whose name contains one of these; empty applies to all."""
    why: str = ""


@dataclass(frozen=True)
class Dialect:
    """How one instrumentation family, in a range of versions, writes LLM calls.

    A span with token counts that matches no shape is a call all the same: usage is never overlooked.
    """

    code: str
    """Stable, snake_case, for example openllmetry_anthropic."""
    title: str
    scopes: tuple[str, ...] = ()
    """Exact scope names; a trailing * matches a prefix."""
    span_names: tuple[str, ...] = ()
    """Prefixes of span names that choose this dialect whatever the scope."""
    versions: str = "*"
    """Version range as `>=0.50,<0.63`; * matches all and the empty version."""
    cache_convention: CacheConvention = "inclusive"
    cache_breakdown: CacheBreakdown = "full"
    includes_compaction: bool = False
    """Whether logged counts already hold the provider's own compaction iterations."""
    shapes: tuple[Shape, ...] = (Shape(),)
    """In order; a span without usage that matches none is not an LLM span of this dialect."""
    quirks: tuple[Quirk, ...] = ()
    leaves_open: bool = False
    """Spans of calls that are given up never end, so that they are never exported."""
    rank: int = 50
    """Which span is kept when two instrumentations report one call: the lower rank."""
    source: str = ""
    """Where the facts come from."""
