"""How the month stands, who signed it, and what a restatement changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipeline.closing import standing

LISTED = 12

Row = Mapping[str, Any]


@dataclass(frozen=True)
class SignOff:
    """What a reader is told of the closing of the month."""

    state: str
    """preliminary, closed or restated."""
    version: int
    """Of the latest lock; 0 when there was none."""
    lock: Row | None
    prepared: Row | None
    reviewed: Row | None
    reopened: Row | None
    """The reopening, while the month is open again."""
    restated: list[dict[str, Any]]
    """Bills and team bills that this version changed, the largest change first."""
    more: int
    carried: list[dict[str, Any]]
    """Open items of earlier months, the oldest first."""
    more_carried: int

    def words(self, status: str) -> str:
        """Return the state beside what is known of the month: its status in report.close."""
        version = f", version {self.version}" if self.state != "preliminary" else ""
        known = f", {status}" if status == "incomplete" or (not version and status == "complete") else ""
        return f"{self.state}{version}{known}"


def sign_off(tables: Mapping[str, pl.DataFrame]) -> SignOff:
    """Return how the month stands, from its ledger."""
    now = standing(tables["report.closing"])
    changed = (
        tables["report.restatement"]
        .filter(pl.col("locked_version") == now.version, pl.col("line") == "billed")
        .with_columns(size=pl.col("difference").abs())
        .sort(
            "dimension",
            "size",
            "provider",
            "account",
            "invoice_id",
            "team",
            descending=[False, True, *[False] * 4],
        )
    )
    shown = changed.head(LISTED) if now.is_locked else changed.clear()
    waiting = pl.col("is_carried") & (pl.col("status") != "resolved")
    order = ["age_days", "code", "item_id"]
    items = tables["report.open_item"].filter(waiting).sort(order, descending=[True, False, False])
    return SignOff(
        now.state,
        now.version,
        now.lock,
        now.signatures.get("prepared"),
        now.signatures.get("reviewed"),
        now.reopened,
        list(shown.iter_rows(named=True)),
        max(0, changed.height - LISTED),
        list(items.head(LISTED).iter_rows(named=True)),
        max(0, items.height - LISTED),
    )
