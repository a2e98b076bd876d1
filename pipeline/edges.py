"""Calls of the neighbouring months that a provider may have counted in this one."""

from datetime import timedelta

import polars as pl

from pipeline.grid import Grid
from pipeline.metering.zones import day_start
from pipeline.period import Month

WINDOW = timedelta(minutes=15)
"""How long before a month begins a call may end and still be taken for one that it meters.

A provider books a request when it settles it, seconds to minutes after its last token. Exports can differ by
hours, but at a window of 9 h one call in eighty of a month would be in question: what such a chance places by
error is more than what it explains. A per-request meter needs no window.
"""


def neighbours(calls: pl.DataFrame, month: Month) -> pl.DataFrame:
    """Return the calls, of core.call and any month, that ended just before the month or ran out of it."""
    start, end = _ends(month)
    ended, began = pl.col("ended_at"), pl.col("started_at")
    before = (ended < start) & (ended >= start - WINDOW)
    after = (ended >= end) & (began < end)
    return calls.filter(before | after).sort("call_id")


def placed_edges(edges: pl.DataFrame, grid: Grid, month: Month) -> pl.DataFrame:
    """Return the neighbours that a meter covers, in the first or last bucket of the month."""
    start, end = _ends(month)
    inside = pl.col("ended_at").clip(start, end - timedelta(microseconds=1))
    embeddings = edges.filter(pl.col("operation") == "embeddings")["call_id"]
    rows = edges.with_columns(inside, real_end="ended_at")
    return grid.place(rows, embeddings).inside.with_columns(ended_at="real_end").drop("real_end")


def _ends(month: Month) -> tuple[pl.Expr, pl.Expr]:
    """First instants of the month and of the next one, in the billing zone of each row's provider."""
    return day_start(pl.lit(month.first_day)), day_start(pl.lit(month.next.first_day))
