"""Spans of several instrumentations that report one call: by id, by nesting, by time and counts."""

import polars as pl

from pipeline.spans.copies import copy_edges
from pipeline.spans.likeness import COMPARED, EDGE, comparable, likeness
from pipeline.spans.siblings import sibling_edges


def groups(spans: pl.DataFrame, parent: pl.Series) -> pl.DataFrame:
    """Return `node`, `group`: LLM spans that report one call have the same group, the least of their nodes.

    `spans` has one row per LLM span that is no aggregate, with `node` (its index in the tree), `ancestor`
    (node of the nearest LLM span above it, aggregates included) and its leaves; `parent` is that of the tree.
    Two calls of the same instrumentation are never in one group.
    """
    table = comparable(spans)
    calls = table.filter(pl.col("role") == "call")
    edges = pl.concat([_by_response_id(calls), _by_nesting(calls), *copy_edges(table)])
    edges = pl.concat([edges, sibling_edges(calls, edges, parent)])
    return _separated(table, _components(table, edges))


def _by_response_id(calls: pl.DataFrame) -> pl.DataFrame:
    """Same id of the answer in one trace, once per scope: a scope with two of them shares a stub id."""
    key = ["trace_id", "response_id"]
    known = calls.filter(pl.col("response_id").is_not_null() & (pl.col("response_id") != ""))
    return (
        known.filter(
            pl.len().over(key) > 1,
            pl.len().over(key) == pl.col("scope_name").n_unique().over(key),
        )
        .select("node", pl.col("node").min().over(key).alias("other"))
        .filter(pl.col("node") != pl.col("other"))
        .cast(EDGE)
    )


def _by_nesting(calls: pl.DataFrame) -> pl.DataFrame:
    """A call whose nearest LLM ancestor is a call of another scope with the same model at the same time."""
    above = calls.select(pl.col(name).alias(f"{name}_above") for name in COMPARED)
    siblings = pl.len().over("node_above", "scope_name")
    return (
        calls.join(above, left_on="ancestor", right_on="node_above", coalesce=False)
        .filter(pl.col("scope_name") != pl.col("scope_name_above"))
        .with_columns(siblings.alias("_siblings"), likeness("_above").alias("_score"))
        .filter(
            pl.col("started_at") <= pl.col("ended_at_above"),
            pl.col("ended_at") >= pl.col("started_at_above"),
            pl.col("_score").is_not_null(),
            (pl.col("_score") == 0) | (pl.col("_siblings") == 1),
        )
        .sort("node_above", "scope_name", "_score", "started_at", "node")
        .unique(["node_above", "scope_name"], keep="first", maintain_order=True)
        .select("node", pl.col("node_above").alias("other"))
        .cast(EDGE)
    )


def _components(table: pl.DataFrame, edges: pl.DataFrame) -> pl.DataFrame:
    """Least node that is reachable over the edges, for every node that has one."""
    both = pl.concat([edges, edges.select(node="other", other="node")])
    label = both.select("node", group="node").unique().sort("node")
    while True:
        reached = (
            both.join(label, left_on="other", right_on="node").group_by("node").agg(pl.col("group").min())
        )
        nearer = label.join(reached, on="node", suffix="_new", maintain_order="left").select(
            "node", pl.min_horizontal("group", "group_new").alias("group")
        )
        jump = nearer.join(nearer, left_on="group", right_on="node", suffix="_of", maintain_order="left")
        least = jump.select("node", group="group_of")
        if least.equals(label):
            return label
        label = least


def _separated(table: pl.DataFrame, label: pl.DataFrame) -> pl.DataFrame:
    """Two calls of one scope in a component are two calls: the n-th of each scope belong together."""
    roles = table.select("node", "scope_name", "role", "started_at")
    order = (
        pl.when(pl.col("role") == "call")
        .then(pl.struct("started_at", "node").rank("ordinal").over("group", "scope_name", "role"))
        .otherwise(1)
    )
    ranked = label.join(roles, on="node").with_columns(order.alias("_order"))
    split = ranked.select("node", pl.col("node").min().over("group", "_order").alias("group"))
    return (
        table.select("node")
        .join(split, on="node", how="left")
        .with_columns(pl.coalesce("group", "node").alias("group"))
        .sort("node")
    )
