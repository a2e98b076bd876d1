"""Who is charged what, and why: by calls, by a method, or nobody; both views side by side."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from pipeline.money import to_cents
from reports.rounding import ZERO
from schemas.allocation import POOLS, VIEWS

MOST = 60
"""Teams on the page of the company; the file has all."""

KINDS: Mapping[str, str] = {
    "usage": "Usage",
    "fees": "Fees",
    "minimums": "Minimums",
    "credits": "Credits",
    "discounts": "Discounts",
    "tax": "Tax",
    "currency": "Currency",
    "rounding": "Rounding",
    "unowned": "Calls without an owner",
    "uninstrumented": "Traffic without calls",
    "unexplained": "Unexplained",
    "idle": "Idle capacity and commitments",
}
"""Title of each kind of money."""

APART: Mapping[str, str] = {
    "evaluation": "Evaluation and CI",
    "embedding": "Embeddings, re-indexing",
    "compaction": "Compaction of conversations",
}
"""Workloads that serve nobody at once: a team that is charged for them may do less of them."""


@dataclass(frozen=True)
class Share:
    """A team or pool in the cents of the page: direct, shared and pooled add up to executing."""

    name: str
    slug: str | None
    is_pool: bool
    direct: Decimal
    shared: Decimal
    pooled: Decimal
    executing: Decimal
    initiating: Decimal


@dataclass(frozen=True)
class Kind:
    """A kind of money and the method by which it was shared, in both views."""

    title: str
    method: str
    details: str
    executing: Decimal
    initiating: Decimal


@dataclass(frozen=True)
class Allocation:
    """The allocation of a month, or of one team; `teams` is empty on the page of a team."""

    teams: tuple[Share, ...]
    more: int
    total: Share
    kinds: tuple[Kind, ...]
    apart: tuple[Kind, ...]
    """What of the usage was for evaluation, embeddings and compaction."""


def allocation(table: pl.DataFrame, slugs: Mapping[str, str], team: str | None = None) -> Allocation:
    """Return recon.allocation as a page shows it; `slugs` are the names of the teams that have a page."""
    own = table if team is None else table.filter(pl.col("team") == team)
    rows = [_share(row, slugs) for row in _sums(own)]
    rows.sort(key=lambda row: (not row.is_pool, -max(row.executing, row.initiating), row.name))
    found = () if team is not None else tuple(rows)
    return Allocation(
        teams=found[:MOST],
        more=max(0, len(found) - MOST),
        total=_total(rows),
        kinds=_kinds(own, _total(rows)),
        apart=tuple(_apart(own)),
    )


def _sums(table: pl.DataFrame) -> Iterable[dict[str, Any]]:
    executes = pl.col("view") == VIEWS[0]
    by_calls = pl.col("method").is_in(["direct", "evidence"])
    sums = table.group_by("team", "is_pool").agg(
        pl.col("usd").filter(executes & by_calls).sum().alias("direct"),
        pl.col("usd").filter(executes & ~by_calls & (pl.col("method") != "pool")).sum().alias("shared"),
        pl.col("usd").filter(executes & (pl.col("method") == "pool")).sum().alias("pooled"),
        pl.col("usd").filter(~executes).sum().alias("initiating"),
    )
    return sums.sort("team", "is_pool").iter_rows(named=True)


def _share(row: dict[str, Any], slugs: Mapping[str, str]) -> Share:
    direct, shared, pooled = to_cents([row["direct"], row["shared"], row["pooled"]])
    (initiating,) = to_cents([row["initiating"]])
    executing = direct + shared + pooled
    slug = slugs.get(row["team"])
    return Share(row["team"], slug, row["is_pool"], direct, shared, pooled, executing, initiating)


def _total(rows: list[Share]) -> Share:
    names = ("direct", "shared", "pooled", "executing", "initiating")
    sums = {name: sum((getattr(row, name) for row in rows), ZERO) for name in names}
    return Share("", None, is_pool=False, **sums)


def _kinds(table: pl.DataFrame, total: Share) -> tuple[Kind, ...]:
    """Kinds of money by method, in cents that add up to the total of each view."""
    sums = _both(table, ["pool", "method", "method_details"])
    order = {pool: place for place, pool in enumerate(POOLS)}
    sums.sort(key=lambda row: (order[row["pool"]], row["method"], row["method_details"]))
    views = [
        to_cents([row[view] for row in sums], goal)
        for view, goal in zip(VIEWS, (total.executing, total.initiating), strict=True)
    ]
    rows = zip(sums, *views, strict=True)
    return tuple(
        Kind(KINDS[row["pool"]], row["method"], row["method_details"], executing, initiating)
        for row, executing, initiating in rows
        if executing or initiating
    )


def _apart(table: pl.DataFrame) -> Iterable[Kind]:
    found = {row["workload"]: row for row in _both(table, ["workload"])}
    for workload, title in APART.items():
        if row := found.get(workload):
            executing, initiating = (to_cents([row[view]])[0] for view in VIEWS)
            yield Kind(title, "", "", executing, initiating)


def _both(table: pl.DataFrame, keys: list[str]) -> list[dict[str, Any]]:
    in_view = [pl.col("usd").filter(pl.col("view") == view).sum().alias(view) for view in VIEWS]
    return list(table.group_by(keys).agg(in_view).iter_rows(named=True))
