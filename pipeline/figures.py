"""The figures that a locked month is held to, and what became of them."""

from collections.abc import Mapping
from decimal import Decimal

import polars as pl

from schemas.report import LockedFigure, Restatement

KEYS = ("dimension", "provider", "account", "invoice_id", "team", "line", "unit")
_AMOUNT = pl.Decimal(38, 12)

_TEAM = {
    "billed": ("billed_usd", "usd"),
    "metered": ("metered_tokens", "tokens"),
    "unexplained": ("unexplained_tokens", "tokens"),
}
"""Measure of a team -> its column in report.team, and its unit."""


def figures(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return the figures of a month, one row each: the tie-out, what teams are billed, the bridge."""
    tieout, team, bridge = (tables[name] for name in ("recon.tieout", "report.team", "recon.bridge"))
    place = ["provider", "account", "team", "step"]
    steps = bridge.group_by(place).agg(pl.col("tokens", "usd").sum())
    parts = [
        _rows(tieout, "invoice", pl.col("component"), "usd", "usd"),
        *(_rows(team, "team", pl.lit(line), column, unit) for line, (column, unit) in _TEAM.items()),
        *(_rows(steps, "bridge", pl.col("step"), unit, unit) for unit in ("tokens", "usd")),
    ]
    return pl.concat(parts).sort(KEYS)


def _rows(frame: pl.DataFrame, dimension: str, line: pl.Expr, column: str, unit: str) -> pl.DataFrame:
    named = [
        pl.col(name).fill_null("") if name in frame.columns else pl.lit("").alias(name)
        for name in ("provider", "account", "invoice_id", "team")
    ]
    return frame.select(
        pl.lit(dimension).alias("dimension"),
        *named,
        line.alias("line"),
        pl.lit(unit).alias("unit"),
        pl.col(column).cast(_AMOUNT).alias("amount"),
    )


def differences(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Return KEYS, old, new and difference of every figure that is another one, or is new, or is gone."""
    both = (
        old.select(*KEYS, old="amount")
        .join(new.select(*KEYS, new="amount"), on=KEYS, how="full", coalesce=True)
        .filter(pl.col("old").ne_missing(pl.col("new")))
    )
    nothing = pl.lit(Decimal(0), _AMOUNT)
    gap = pl.col("new").fill_null(nothing) - pl.col("old").fill_null(nothing)
    return both.with_columns(difference=gap.cast(_AMOUNT)).sort(KEYS)


def locked(month: str, version: int, found: pl.DataFrame) -> pl.DataFrame:
    """Return report.locked_figure of a version."""
    return _of(found, LockedFigure.empty().schema, month, version)


def restated(month: str, version: int, changed: pl.DataFrame, why: str) -> pl.DataFrame:
    """Return report.restatement of a version."""
    return _of(changed.with_columns(why=pl.lit(why)), Restatement.empty().schema, month, version)


def _of(frame: pl.DataFrame, schema: Mapping[str, pl.DataType], month: str, version: int) -> pl.DataFrame:
    version_of = pl.lit(version, pl.Int64).alias("locked_version")
    whole = frame.with_columns(pl.lit(month).alias("month"), version_of)
    return whole.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
