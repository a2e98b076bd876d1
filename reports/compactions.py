"""Which conversations are summarised, how long they were by then, and whether that was too early."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from reports import format as fmt

COMPACTION = "summary_compaction"
"""The cause whose page lists them."""

EARLY = 75
"""Per cent of what its model takes, below which a conversation could have grown. Agents that wait summarise
at 75 to 95 (Cline 75, Claude Code 85 to 93, Codex 90, OpenCode 95)."""

LISTED = 10


@dataclass(frozen=True)
class Compacted:
    """The conversations of a page that were summarised, those that lost most by it first."""

    rows: tuple[Mapping[str, Any], ...]
    """Columns of recon.compaction, `lost_usd` (cost less saving; null when not known) and `is_early`."""
    more: int
    count: int
    early: int
    """Conversations whose summaries cost more than they saved, though the model would have taken more."""
    early_usd: Decimal
    """What the summaries of these cost beyond what they saved."""

    @property
    def first(self) -> str:
        """The one to look at first, in words; empty where none is early."""
        if not self.early:
            return ""
        row = self.rows[0]
        times = "once" if row["summaries"] == 1 else f"{fmt.integer(row['summaries'])} times"
        length, window = fmt.tokens(row["context_tokens"]), fmt.tokens(row["window_tokens"])
        share = fmt.percent(row["context_tokens"], row["window_tokens"])
        cost, saved = fmt.unit_usd(row["usd"]), fmt.unit_usd(row["saved_usd"])
        name = fmt.label(row["conversation_id"])
        return (
            f"Summarised too early first of all: conversation {name}, {times}, at "
            f"{length} of the {window} tokens that its model takes ({share}), for {cost}; that saved {saved} "
            "afterwards."
        )


NOBODY = Compacted((), 0, 0, 0, Decimal(0))
"""Of a page that is about something else."""


def compactions(table: pl.DataFrame, team: str | None) -> Compacted:
    """Return recon.compaction of a page."""
    mine = table if team is None else table.filter(team=team)
    lost = pl.col("usd") - pl.col("saved_usd")
    could_grow = pl.col("context_tokens") * 100 < pl.col("window_tokens") * EARLY
    order = ["is_early", "lost_usd", "usd", "tokens", "team", "service", "model", "conversation_id"]
    rows = mine.with_columns(lost_usd=lost, is_early=(could_grow & (lost > 0)).fill_null(value=False)).sort(
        order, descending=[True, True, True, True, *[False] * 4], nulls_last=True
    )
    early = rows.filter("is_early")
    return Compacted(
        tuple(rows.head(LISTED).iter_rows(named=True)),
        max(0, rows.height - LISTED),
        rows.height,
        early.height,
        Decimal(early["lost_usd"].sum() or 0),
    )
