"""`[costliest]` and `[outcomes]` of the configuration: how many calls are listed, and what came of tasks."""

from typing import Annotated

from pydantic import Field

from pipeline.sections import Section


class Costliest(Section):
    """The calls and traces that cost most."""

    per_team: int = Field(default=20, ge=0, le=10_000)
    """So many calls, and so many traces, are listed for each team."""


class Outcomes(Section):
    """A table of what came of tasks, by trace or by conversation."""

    uri: str | None = None
    """CSV or Parquet: trace_id or conversation_id, outcome, and count where a row stands for several."""
    resolved: Annotated[tuple[str, ...], Field(min_length=1)] = ("resolved",)
    """Words of the column `outcome` that mean that the task was done; upper and lower case are alike."""
