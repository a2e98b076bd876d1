"""`[health]` of the configuration: from when on something is told before anybody asks."""

from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field

from pipeline.sections import Section

_Share = Annotated[float, Field(gt=0)]
_Count = Annotated[int, Field(ge=1)]

_HOURS = {"traces": 30, "requests": 30, "usage": 54, "cost": 78, "invoice": 41 * 24}
"""A day to be written and some hours to be delivered; an export of usage settles for a day more, one of cost
for two; the next invoice follows a month and ten days after the period of the last one."""


class Lag(Section):
    """How old the newest row of a source may be; the first entry that fits counts."""

    provider: str = "*"
    """Glob of the provider's slug; traces have none."""
    source: str = "*"
    """Glob of the source's name."""
    hours: Annotated[int, Field(ge=1)]


class Health(Section):
    """Bounds beyond which a check warns; none of them stops a close."""

    lags: tuple[Lag, ...] = ()
    """Where none fits: 30 hours for traces and requests, 54 for usage, 78 for cost, 41 days for invoices."""
    quarantine_percent: _Share = 0.1
    """Of the records of a day: more than this, and more than twice what the days before had, is growth."""
    volume_low: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """A day or month with less than this share of what is usual has lost something."""
    volume_high: Annotated[float, Field(gt=1)] = 2.0
    """A day or month with more than this multiple of what is usual has too much."""
    volume_rows: _Count = 1000
    """Smaller differences than this are never told."""
    rate_change_percent: _Share = 5.0
    """Change of a billed rate against the months before."""
    learned_change: _Share = 0.15
    """Change of a learned rate against the months before, when it is beyond three standard errors as well."""
    trailing_months: _Count = 3
    trace_calls: _Count = 200
    """Calls of one trace in a day: more is a fan-out."""
    trace_repeats: _Count = 20
    """Calls with one prompt size under one parent: more is a loop of re-prompts."""
    trace_failures: _Count = 25
    """Failed or repeated requests of one trace: more is a storm of retries."""

    def lag_hours(self, kind: str, provider: str | None, source: str) -> int:
        """Return how old the newest row of a source may be."""
        for lag in self.lags:
            if fnmatchcase(provider or "", lag.provider) and fnmatchcase(source, lag.source):
                return lag.hours
        return _HOURS[kind]
