"""The rows behind each cause: the largest of each team, how many there are, and the rules that found them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

LISTED = 50
"""Rows that are kept of a team and a cause; all of them are in evidence.csv."""

_SIZES = (pl.col("usd").abs().alias("size_usd"), pl.col("tokens").abs().alias("size"))
_ORDER = ("size_usd", "size", "trace_id", "span_id", "reason", "team")
_SUMS = (
    pl.len().alias("rows"),
    pl.col("tokens").sum(),
    pl.when(pl.col("usd").is_not_null().any()).then(pl.col("usd").sum()).alias("usd"),
    (pl.col("usd").is_null() & (pl.col("tokens") != 0)).any().alias("is_partial"),
)


@dataclass(frozen=True)
class Evidence:
    """The evidence of a month: what a page can show of it, whatever its size."""

    top: pl.DataFrame
    """The largest rows of each step and team, the largest first."""
    counts: pl.DataFrame
    """Rows, tokens and dollars of each step, team and reason."""

    def rows(self, step: str, team: str | None, length: int) -> list[dict[str, Any]]:
        """Return the largest rows of a step, of one team or of all."""
        return list(_of(self.top, step, team).head(length).iter_rows(named=True))

    def count(self, step: str, team: str | None) -> int:
        """Return how many rows there are."""
        return int(_of(self.counts, step, team)["rows"].sum())

    def reasons(self, step: str, team: str) -> list[dict[str, Any]]:
        """Return the rules that found them, most rows first."""
        found = _of(self.counts, step, team).sort(["rows", "reason"], descending=[True, False])
        return list(found.iter_rows(named=True))

    def of_team(self, team: str) -> "Evidence":
        """Return what one team needs, so that it is looked for once."""
        mine = pl.col("team") == team
        return Evidence(self.top.filter(mine), self.counts.filter(mine))


def digest(evidence: pl.DataFrame) -> Evidence:
    """Return what the pages of a month need of recon.evidence, in the same order whatever its own."""
    order = list(_ORDER)
    descending = _descending(order)
    top = (
        evidence.with_columns(_SIZES)
        .sort(["step", *order], descending=[False, *descending], nulls_last=True)
        .group_by("step", "team", maintain_order=True)
        .head(LISTED)
        .sort(["step", *order], descending=[False, *descending], nulls_last=True)
    )
    return Evidence(top, evidence.group_by("step", "team", "reason").agg(*_SUMS))


def _descending(order: Sequence[str]) -> list[bool]:
    return [name.startswith("size") for name in order]


def _of(frame: pl.DataFrame, step: str, team: str | None) -> pl.DataFrame:
    is_wanted = pl.col("step") == step
    return frame.filter(is_wanted if team is None else is_wanted & (pl.col("team") == team))
