"""Copies of a call by the provider or by a second span of the same instrumentation."""

from collections.abc import Iterator

import polars as pl

from pipeline.spans.likeness import EDGE


def copy_edges(table: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield pairs of a copy and the call that it repeats: around it, by request id, or by order."""
    hosts = table.filter(pl.col("role").is_in(["call", "server"])).select(
        pl.col("node").alias("other"), pl.col("role").alias("role_above")
    )
    copies = table.filter(pl.col("role") != "call")
    nested = copies.join(hosts, left_on="ancestor", right_on="other", coalesce=False).filter(
        (pl.col("role") == "duplicate") | (pl.col("role_above") == "call")
    )
    yield nested.select("node", "other").cast(EDGE)
    rest = copies.join(nested.select("node"), on="node", how="anti")
    calls = table.filter(pl.col("role") == "call")
    yield _by_request(rest.filter(pl.col("role") == "server"), calls)
    yield _by_order(rest.filter(pl.col("role") == "duplicate"), calls)


def _by_request(servers: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    found = [EDGE.to_frame()]
    for key in ("request_id", "response_id"):
        targets = calls.filter(pl.col(key).is_not_null()).sort("started_at", "node")
        targets = targets.unique(key, keep="first", maintain_order=True).select(key, other="node")
        found.append(servers.join(targets, on=key).select("node", "other").cast(EDGE))
    return pl.concat(found).unique("node", keep="first", maintain_order=True)


def _by_order(copies: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """A sibling copy belongs to the last call of its scope that started before it and has no usage."""
    keys = ["trace_id", "parent_span_id", "scope_name"]
    blank = pl.col("parent_span_id").fill_null("")
    targets = calls.filter(~pl.col("has_usage")).with_columns(blank).sort("started_at", "node")
    found = (
        copies.with_columns(blank)
        .sort("started_at", "node")
        .join_asof(
            targets.select(*keys, "started_at", other="node"),
            on="started_at",
            by=keys,
            strategy="backward",
            check_sortedness=False,
        )
    )
    return (
        found.filter(pl.col("other").is_not_null())
        .unique("other", keep="first", maintain_order=True)
        .select("node", "other")
        .cast(EDGE)
    )
