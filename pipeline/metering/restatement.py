"""Exports overlap and are restated: the latest pull wins; two groupings of one traffic are never added."""

from typing import NamedTuple

import polars as pl

from pipeline.metering.zones import local_day

PLACE = ["provider", "account", "endpoint"]
STEP = [*PLACE, "grouping", "bucket_start_at", "bucket_end_at"]
"""A time step of a grouping: what a newer pull replaces as a whole."""

ITEMISATIONS = ("cur", "focus")
"""First words of the groupings of itemised bills."""

_INVOICE = ["provider", "account", "invoice_id"]
_DAY = [*PLACE, "billing_day"]
_SERIES = [*_DAY, "grouping", "width"]


class Latest(NamedTuple):
    """Rows of the latest pull of each step; and the steps that shrank, with `before` and `after`."""

    rows: pl.DataFrame
    shrunk: pl.DataFrame


class Finest(NamedTuple):
    """Rows of one grouping a day; and the days whose finer one lacks traffic, with `finer` and `kept`."""

    rows: pl.DataFrame
    disagreeing: pl.DataFrame


def pull_order(files: pl.DataFrame, reach: pl.DataFrame) -> pl.DataFrame:
    """Return `file_id` and `pull`: higher is later.

    Later is what was pulled later as far as configuration or file name tell; then what reaches further
    (`reach`: file_id, reach); then what was modified later; then the higher content hash, so that the order
    never depends on the order of the files. Of copies the earliest date counts: what an export holds was
    known then, and a copy of an old pull must not pass for a new one.
    """
    is_stated = pl.col("pulled_at_basis").is_in(["configured", "name"])
    stated = (
        files.group_by("file_id")
        .agg(
            stated=pl.col("pulled_at").filter(is_stated).min(),
            modified=pl.col("pulled_at").min(),
        )
        .sort("file_id")
    )
    return (
        reach.join(stated, on="file_id", how="left")
        .sort("stated", "reach", "modified", "file_id", nulls_last=False)
        .with_row_index("pull")
        .select("file_id", pl.col("pull").cast(pl.Int64))
    )


def reach_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Return how far the buckets with results of each file reach."""
    reached = pl.col("bucket_end_at").filter(~pl.col("is_empty")).max()
    return rows.group_by("file_id").agg(reach=reached)


def latest(rows: pl.DataFrame, order: pl.DataFrame) -> Latest:
    """Keep each step from its latest pull, and within a file from its last page; `measure` is what counts."""
    ranked = rows.join(order, on="file_id", how="left").filter(
        pl.col("line") == pl.col("line").max().over([*STEP, "file_id", "dimensions"])
    )
    pulls = ranked.group_by([*STEP, "pull"]).agg(pl.col("measure").sum())
    is_last = pl.col("pull") == pl.col("pull").max()
    shrunk = (
        pulls.group_by(STEP)
        .agg(
            before=pl.col("measure").filter(~is_last).max(),
            after=pl.col("measure").filter(is_last).sum(),
        )
        .filter(pl.col("after") < pl.col("before"))
    )
    kept = ranked.filter(pl.col("pull") == pl.col("pull").max().over(STEP))
    return Latest(kept.drop("pull"), shrunk.sort(STEP))


def finest(rows: pl.DataFrame, detail: list[pl.Expr], tolerance: pl.Expr) -> Finest:
    """Keep, for each endpoint and billing day, the finest grouping that holds all of the day's traffic.

    `detail` ranks groupings, the first first, true before false; then the shorter time step, then the name.
    The charges of an itemised bill are one series, whatever the length of their periods.
    Complete is what reaches the largest total of the day within the tolerance.
    """
    width = pl.col("bucket_end_at") - pl.col("bucket_start_at")
    with_series = rows.with_columns(
        billing_day=local_day(pl.col("bucket_start_at")),
        width=pl.when(is_itemised()).then(0).otherwise(width.dt.total_seconds()),
    )
    series = (
        with_series.group_by(_SERIES)
        .agg(pl.col("measure").sum())
        .with_columns(is_complete=pl.col("measure") >= pl.col("measure").max().over(_DAY) - tolerance)
        .with_columns(rank.alias(f"detail_{i}") for i, rank in enumerate(detail))
    )
    names = [f"detail_{i}" for i in range(len(detail))]
    descending = [False] * len(_DAY) + [True] * len(names) + [False, False]
    ranked = series.sort([*_DAY, *names, "width", "grouping"], descending=descending)
    wanted = ranked.group_by(_DAY, maintain_order=True).first()
    chosen = ranked.filter("is_complete").group_by(_DAY, maintain_order=True).first()
    both = chosen.join(wanted, on=_DAY, suffix="_wanted").filter(
        (pl.col("grouping") != pl.col("grouping_wanted")) | (pl.col("width") != pl.col("width_wanted"))
    )
    return Finest(
        with_series.join(chosen.select(_SERIES), on=_SERIES, how="semi"),
        both.select(*_DAY, "grouping", "grouping_wanted", kept="measure", finer="measure_wanted"),
    )


def is_itemised() -> pl.Expr:
    """Whether rows are of an itemised bill, which has every charge once."""
    return pl.col("grouping").str.split("+").list.first().is_in(ITEMISATIONS)


def has(*dimensions: str) -> pl.Expr:
    """Whether a grouping holds any of these dimensions."""
    return pl.any_horizontal([pl.col("grouping").str.split("+").list.contains(name) for name in dimensions])


def latest_invoices(invoices: pl.DataFrame, files: pl.DataFrame) -> Latest:
    """Keep each invoice from its latest file; `shrunk` lists those whose total changed, up or down.

    A voided invoice is left out: it charges nothing.
    """
    ranked = _ranked(invoices, files)
    is_last = pl.col("pull") == pl.col("pull").max()
    changed = (
        ranked.group_by(_INVOICE)
        .agg(
            pl.col("period_start_on").filter(is_last).min(),
            before=pl.col("total").filter(~is_last).sort_by(pl.col("pull").filter(~is_last)).last(),
            after=pl.col("total").filter(is_last).first(),
        )
        .filter(pl.col("after") != pl.col("before"))
    )
    return Latest(newest_invoices(invoices, files).filter(~is_voided()), changed.sort(_INVOICE))


def newest_invoices(invoices: pl.DataFrame, files: pl.DataFrame) -> pl.DataFrame:
    """Return each invoice from its latest file, voided ones too."""
    ranked = _ranked(invoices, files)
    return ranked.filter(pl.col("pull") == pl.col("pull").max().over(_INVOICE)).drop("pull")


def _ranked(invoices: pl.DataFrame, files: pl.DataFrame) -> pl.DataFrame:
    order = pull_order(files, invoices.group_by("file_id").agg(reach=pl.col("period_end_on").max()))
    return invoices.join(order, on="file_id", how="left")


def is_voided() -> pl.Expr:
    """Whether the issuer took an invoice back: InvoiceIssueStatus of FOCUS 1.4."""
    return pl.col("issue_status").eq_missing("Voided")
