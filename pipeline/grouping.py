"""LLM spans of all instrumentations -> the calls they report on, and why each other span is dropped."""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from pipeline.dialect import Dialect
from pipeline.nesting import resolve_nesting
from pipeline.tokens import HAS_USAGE
from pipeline.tree import nearest, tops
from pipeline.twins import groups
from schemas.types import KIND_COLUMNS

FILLED = (
    "response_id",
    "request_id",
    "request_model",
    "response_model",
    "conversation_id",
    "is_stream",
    "finish_reasons",
    "server_address",
    "provider_logged",
    "service_tier",
    "project_id",
    "account",
    "http_status",
    "resend_count",
    "attempt_count",
    "cache_hit",
    "error_type",
)
"""What a kept span takes from its twins where it has none itself."""

_ROLES = ("call", "server", "duplicate", "aggregate")
_QUALITIES = ("recorded", "partial", "estimated", "placeholder", "false_zero", "absent")


class Grouped(NamedTuple):
    """The calls of a set of spans."""

    calls: pl.DataFrame
    """One row per call: the kept span's columns, filled from its twins, with `call` (its node) and `owner`
    (the node whose service and labels count)."""
    members: pl.DataFrame
    """`node`, `call`, `reason`: every LLM span, the call it reports on, and why it is dropped, if it is."""
    remainders: pl.DataFrame
    """`call` and leaves that an aggregate knows of a call without usage."""


def group_spans(nodes: pl.DataFrame, parent: pl.Series, dialects: Sequence[Dialect]) -> Grouped:
    """Return the calls behind the LLM spans of `nodes` (one row per span, in the order of the tree)."""
    ancestor = nearest(parent, nodes["is_llm"])
    llm = (
        nodes.with_row_index("node")
        .with_columns(ancestor.alias("ancestor"))
        .filter("is_llm")
        .with_columns(*_preference(dialects))
    )
    paired = groups(llm.filter(pl.col("role") != "aggregate"))
    members = (
        llm.join(paired, on="node", how="left", maintain_order="left")
        .with_columns(pl.coalesce("group", "node").alias("group"))
        .sort("group", "_lacks_usage", "_role", "_quality", "_rank", "_size", "started_at", "node")
    )
    candidates = members.unique("group", keep="first", maintain_order=True)
    candidates = candidates.with_columns(_above(members, candidates).alias("above"))
    nesting = resolve_nesting(
        candidates.select("above", "role", "has_usage", "status", "started_at", *KIND_COLUMNS)
    )
    target = candidates["node"].gather(nesting.stands_for)
    verdicts = candidates.select("group", kept="node").with_columns(nesting.reason, target.alias("call"))
    remainders = nesting.remainder.select(
        pl.lit(candidates["node"]).gather("row").alias("call"), *KIND_COLUMNS
    )
    kept = candidates.filter(nesting.reason.is_null()).rename({"node": "call"})
    return Grouped(_filled(kept, members), _members(members, verdicts), remainders)


def _preference(dialects: Sequence[Dialect]) -> list[pl.Expr]:
    """Which span of a call is kept: usage, then the client's own, then how good it is, then the dialect."""
    ranks = {dialect.code: dialect.rank for dialect in dialects}
    known = pl.sum_horizontal([pl.col(name).is_not_null() for name in KIND_COLUMNS])
    return [
        HAS_USAGE.alias("has_usage"),
        (~HAS_USAGE).alias("_lacks_usage"),
        _position("role", _ROLES).alias("_role"),
        _position("usage_quality", _QUALITIES).alias("_quality"),
        pl.col("dialect").replace_strict(ranks, return_dtype=pl.Int64).alias("_rank"),
        (-known.cast(pl.Int64)).alias("_size"),
    ]


def _position(column: str, words: Sequence[str]) -> pl.Expr:
    return pl.col(column).replace_strict({word: i for i, word in enumerate(words)}, return_dtype=pl.Int64)


def _above(members: pl.DataFrame, candidates: pl.DataFrame) -> pl.Series:
    """Row of the candidate around each candidate; rings, which broken dumps hold, are cut."""
    index = candidates.select("group").with_row_index("row")
    rows = members.select("node", "group", "ancestor", "started_at").join(index, on="group")
    around = rows.select(pl.col("node").alias("ancestor"), pl.col("row").alias("above"))
    linked = rows.join(around, on="ancestor", how="left").filter(
        pl.col("above").is_null() | (pl.col("above") != pl.col("row"))
    )
    outermost = linked.sort("row", pl.col("above").is_not_null(), "started_at", "node").unique(
        "row", keep="first", maintain_order=True
    )
    above = index.join(outermost, on="row", how="left", maintain_order="left")["above"].cast(pl.UInt32)
    is_cut = above.gather(tops(above)).is_not_null()
    return pl.select(pl.when(~is_cut).then(above)).to_series()


def _filled(kept: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    several = members.filter(pl.len().over("group") > 1)
    values = several.group_by("group", maintain_order=True).agg(
        *[pl.col(name).drop_nulls().first().alias(f"{name}_twin") for name in FILLED],
        pl.col("node").sort_by("_role", maintain_order=True).first().alias("owner"),
    )
    return (
        kept.join(values, on="group", how="left", maintain_order="left")
        .with_columns(
            *[pl.coalesce(name, f"{name}_twin").alias(name) for name in FILLED],
            pl.coalesce("owner", "call").alias("owner"),
        )
        .drop([f"{name}_twin" for name in FILLED])
    )


def _members(members: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    twin = (
        pl.when(pl.col("role") == "server")
        .then(pl.lit("server_span"))
        .when(pl.col("role") == "duplicate")
        .then(pl.lit("second_span_of_instrumentation"))
        .otherwise(pl.lit("second_instrumentation"))
    )
    dropped = pl.when(pl.col("node") != pl.col("kept")).then(twin)
    return members.join(verdicts, on="group").select(
        "node", "call", pl.coalesce("reason", dropped).alias("reason")
    )
