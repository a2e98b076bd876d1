"""How often each thing goes wrong in a simulated company, and in what steps its usage is exported."""

from dataclasses import asdict, dataclass, replace
from math import exp, log
from random import Random
from typing import Any

CAUSES = (
    "retries", "cancellations", "missing_usage", "tokenizer_mismatch", "summary_compaction", "reasoning",
    "sampling", "duplicate_spans", "not_billed", "cache_convention", "uninstrumented", "period_boundary",
)  # fmt: skip
"""Causes of drift that can be turned up, down and off, named as in the bridge."""

LOW, HIGH = 0.4, 2.2
"""Range of drawn intensities."""


@dataclass(frozen=True)
class Mix:
    """Intensities of the causes: 1 is as usual, as far as public reports tell; 0 switches the cause off."""

    grain: str = "day"
    """Width of the time steps of the usage exports: day, hour or minute."""
    retries: float = 1.0
    cancellations: float = 1.0
    missing_usage: float = 1.0
    """Absent usage, false zeros, spans that never ended, lost batches."""
    tokenizer_mismatch: float = 1.0
    """Counts that an instrumentation estimated."""
    summary_compaction: float = 1.0
    reasoning: float = 1.0
    """Size of the reasoning inside the answers; it drifts only where a span cannot tell it."""
    sampling: float = 1.0
    duplicate_spans: float = 1.0
    not_billed: float = 1.0
    cache_convention: float = 1.0
    """Share of cached calls under instrumentations that do not tell of caches in full."""
    uninstrumented: float = 1.0
    period_boundary: float = 1.0
    company: int | None = None
    """Seed of another company: shares, sizes, speeds, instrumentations, billing. None: the usual one."""
    newcomers: bool = True
    """Whether there are the services that came later: agents, sampled traffic, structured output."""
    request_log: bool = False
    """Whether one account is metered by a log of all its requests instead of a usage export."""

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated."""
        if self.grain not in {"day", "hour", "minute"}:
            message = f"A grain is day, hour or minute, not '{self.grain}'."
            raise ValueError(message)
        if wrong := [cause for cause in CAUSES if getattr(self, cause) < 0]:
            message = f"Intensities are 0 or more: {', '.join(wrong)}."
            raise ValueError(message)

    @classmethod
    def draw(cls, seed: int) -> "Mix":
        """Return another company with intensities drawn at random between 0.4 and 2.2, even in logarithm."""
        rng = Random(f"mix {seed}")  # noqa: S311 - a simulation wants to be predictable
        intensities = {cause: round(exp(rng.uniform(log(LOW), log(HIGH))), 4) for cause in CAUSES}
        return replace(cls(company=seed), **intensities)  # type: ignore[arg-type]

    @classmethod
    def only(cls, *causes: str) -> "Mix":
        """Return a mix in which nothing but these causes occurs."""
        return cls().without(*(cause for cause in CAUSES if cause not in _known(causes)))

    def without(self, *causes: str) -> "Mix":
        """Return the same mix without these causes: their truth is zero."""
        return replace(self, **dict.fromkeys(_known(causes), 0.0))  # type: ignore[arg-type]

    def told(self) -> dict[str, Any]:
        """Return the fields by name, for the summary of the truth."""
        return asdict(self)


DEMO = Mix(sampling=0.0, newcomers=False)
"""The mix of the demo."""


def _known(causes: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := [cause for cause in causes if cause not in CAUSES]:
        message = f"There is no cause {', '.join(unknown)}; there are {', '.join(CAUSES)}."
        raise ValueError(message)
    return causes
