"""Which conversations are summarised, how long they were by then, and whether that was early."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from reports import format as fmt

COMPACTION = "summary_compaction"
"""The cause whose page lists them."""

EARLY = 75
"""Per cent of what its model takes. Agents that wait summarise at 75 to 95 (Cline 75, Claude Code 85 to 93,
Codex 90, OpenCode 95)."""

LISTED = 10


@dataclass(frozen=True)
class Compacted:
    """The conversations of a page that were summarised, the early ones first, then most dollars."""

    rows: tuple[Mapping[str, Any], ...]
    more: int
    count: int
    early: int
    """Conversations that were summarised below EARLY per cent of what their model takes."""
    early_usd: Decimal | None
    """What the summaries of these cost; null when a part has no known price."""

    @property
    def first(self) -> str:
        """The one to look at first, in words; empty where none is early."""
        if not self.early:
            return ""
        row = self.rows[0]
        times = "once" if row["summaries"] == 1 else f"{fmt.integer(row['summaries'])} times"
        share = fmt.percent(row["context_tokens"], row["window_tokens"])
        return (
            f"The first to look at: conversation {fmt.label(row['conversation_id'])}, summarised {times}, at "
            f"{fmt.tokens(row['context_tokens'])} of the {fmt.tokens(row['window_tokens'])} tokens that its "
            f"model takes ({share})."
        )


def compactions(table: pl.DataFrame, team: str | None) -> Compacted:
    """Return recon.compaction of a page."""
    mine = table if team is None else table.filter(team=team)
    is_early = (pl.col("context_tokens") * 100 < pl.col("window_tokens") * EARLY).fill_null(value=False)
    order = ["is_early", "usd", "tokens", "team", "service", "model", "conversation_id"]
    rows = mine.with_columns(is_early=is_early).sort(
        order, descending=[True, True, True, *[False] * 4], nulls_last=True
    )
    early = rows.filter("is_early")
    usd = None if early["usd"].null_count() or early.is_empty() else Decimal(early["usd"].sum())
    return Compacted(
        tuple(rows.head(LISTED).iter_rows(named=True)),
        max(0, rows.height - LISTED),
        rows.height,
        early.height,
        usd,
    )
