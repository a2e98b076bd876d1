"""The rows behind each cause: the largest of each team, how many there are, and the rules that found them."""

from dataclasses import dataclass
from typing import Any

import polars as pl

LISTED = 25
"""Rows that are kept of a team and a cause; all of them are in evidence.csv."""

Row = dict[str, Any]

_SIZES = (pl.col("usd").abs().alias("size_usd"), pl.col("tokens").abs().alias("size"))
_ORDER = ("size_usd", "size", "trace_id", "span_id", "reason", "team")
_SUMS = (
    pl.len().alias("rows"),
    pl.col("tokens").sum(),
    pl.when(pl.col("usd").is_not_null().any()).then(pl.col("usd").sum()).alias("usd"),
    (pl.col("usd").is_null() & (pl.col("tokens") != 0)).any().alias("is_partial"),
)


@dataclass(frozen=True)
class Proof:
    """What a page shows of the evidence of one cause."""

    rows: list[Row]
    """The largest, the largest first."""
    count: int
    """How many there are in all."""
    reasons: list[Row]
    """The rules that found them, with rows, tokens and dollars of each; most rows first."""


NOTHING = Proof([], 0, [])


@dataclass(frozen=True)
class Evidence:
    """The evidence of a month: what its pages can show of it, whatever its size."""

    top: pl.DataFrame
    """The largest rows of each step and team, the largest first."""
    counts: pl.DataFrame
    """Rows, tokens and dollars of each step, team and reason, most rows first."""

    def by_step(self, length: int) -> dict[str, Proof]:
        """Return what there is of each step, with so many rows."""
        counts = _parts(self.counts)
        return {
            step: Proof(
                rows=_records(rows.head(length)),
                count=int(counts[step]["rows"].sum()),
                reasons=_records(counts[step]),
            )
            for step, rows in _parts(self.top).items()
        }

    def of(self, team: str) -> "Evidence":
        """Return the evidence of one team."""
        return Evidence(self.top.filter(team=team), self.counts.filter(team=team))


def digest(evidence: pl.DataFrame) -> Evidence:
    """Return what the pages of a month need of recon.evidence, in the same order whatever its own.

    One step after the other, so that memory is that of one.
    """
    parts = [_digested(evidence.filter(step=step)) for step in evidence["step"].unique().sort()]
    nothing = _digested(evidence.clear())
    return Evidence(*(pl.concat([empty, *each]) for empty, *each in zip(nothing, *parts, strict=True)))


def _digested(evidence: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The largest rows of each team, and the counts of each team and reason, of one step."""
    descending = [name.startswith("size") for name in _ORDER]
    top = (
        _large(evidence.with_columns(_SIZES))
        .sort(_ORDER, descending=descending, nulls_last=True)
        .group_by("step", "team", maintain_order=True)
        .head(LISTED)
        .sort(_ORDER, descending=descending, nulls_last=True)
    )
    counts = evidence.group_by("step", "team", "reason").agg(*_SUMS)
    order = ["team", "rows", "reason"]
    return top, counts.sort(order, descending=[False, True, False])


def _large(sized: pl.DataFrame) -> pl.DataFrame:
    """Leave out what cannot be among the largest, so that not all rows need to be sorted."""
    is_unpriced = pl.col("size_usd").is_null()
    least_usd = pl.col("size_usd").top_k(LISTED).min().over("team")
    least = pl.col("size").filter(is_unpriced).top_k(LISTED).min().over("team")
    return sized.filter((pl.col("size_usd") >= least_usd) | (is_unpriced & (pl.col("size") >= least)))


def _parts(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {str(step): rows for (step,), rows in frame.partition_by("step", as_dict=True).items()}


def _records(frame: pl.DataFrame) -> list[Row]:
    return list(frame.iter_rows(named=True))
