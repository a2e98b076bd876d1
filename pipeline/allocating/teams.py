"""The table of teams: what each was billed, and how much of its drift is explained."""

from decimal import Decimal

import polars as pl

from pipeline.allocating.owners import UNINSTRUMENTED, UNOWNED
from schemas.report import Team

POOLS = (UNOWNED, UNINSTRUMENTED)
"""Names that stand for no team: calls without an owner, and traffic without calls."""

_NAMED = pl.col("step").is_in(["traced", "unexplained"]).not_()


def teams(bridge: pl.DataFrame, allocation: pl.DataFrame, calls: pl.DataFrame, month: str) -> pl.DataFrame:
    """Return report.team: what each team and pool is billed in the executing view of recon.allocation."""
    executed = allocation.filter(pl.col("view") == "executing")
    billed = executed.group_by("team").agg(billed_usd=pl.col("usd").sum(), stays=pl.col("is_pool").any())
    sums = bridge.group_by("team").agg(
        traced_tokens=pl.col("tokens").filter(pl.col("step") == "traced").sum(),
        metered_tokens=pl.col("tokens").sum(),
        explained_tokens=pl.col("tokens").filter(_NAMED).sum(),
        unexplained_tokens=pl.col("tokens").filter(pl.col("step") == "unexplained").sum(),
        traced_usd=pl.col("usd").filter(pl.col("step") == "traced").sum(),
        unexplained_usd=pl.col("usd").filter(pl.col("step") == "unexplained").sum(),
        unpriced_tokens=pl.col("tokens").filter(pl.col("usd").is_null()).sum().clip(0),
    )
    counts = calls.group_by("team").agg(call_count=pl.len().cast(pl.Int64))
    return (
        sums.join(gross_by_team(bridge), on="team", how="left")
        .join(counts, on="team", how="full", coalesce=True)
        .join(billed, on="team", how="full", coalesce=True)
        .with_columns(pl.col("billed_usd").fill_null(Decimal(0)))
        .with_columns(pl.exclude("team", "billed_usd", "stays").fill_null(0))
        .with_columns(
            month=pl.lit(month),
            is_pool=pl.col("team").is_in(POOLS) | pl.col("stays").fill_null(value=False),
            explained_usd=pl.col("billed_usd") - pl.col("traced_usd") - pl.col("unexplained_usd"),
        )
        .cast({name: dtype for name, dtype in Team.empty().schema.items() if name != "month"})
        .select(Team.empty().columns)
        .sort("team")
    )


def gross_by_team(bridge: pl.DataFrame) -> pl.DataFrame:
    """Return the sizes of all steps but traced, cell by cell, signs ignored, by team."""
    cells = bridge.filter(pl.col("step") != "traced").group_by(
        "team", "provider", "account", "scope", "model", "service_tier", "token_kind", "step"
    )
    return (
        cells.agg(pl.col("tokens").sum().abs())
        .group_by("team")
        .agg(gross_drift_tokens=pl.col("tokens").sum())
    )
