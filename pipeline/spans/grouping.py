"""LLM spans of all instrumentations -> the calls they report on, and why each other span is dropped."""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from pipeline.dialect import Dialect
from pipeline.spans.nesting import resolve_nesting
from pipeline.spans.tree import nearest, tops
from pipeline.spans.twins import groups
from pipeline.tokens import HAS_USAGE
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
    "counted_input_tokens",
    "counted_output_tokens",
    "counted_messages",
    "counted_tools",
    "counted_tool_tokens",
    "counted_tool_calls",
    "text_class",
)
"""What a kept span takes from its twins where it has none itself."""

_LOOKED_AT = (
    "trace_id",
    "parent_span_id",
    "scope_name",
    "dialect",
    "role",
    "status",
    "started_at",
    "ended_at",
    "request_model",
    "response_model",
    "response_id",
    "request_id",
    "logged_input",
    "usage_quality",
    "has_wrong_output",
    *KIND_COLUMNS,
)
"""What telling calls apart takes: few columns, because there are many spans."""

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
    index = pl.Series("node", range(nodes.height), dtype=pl.UInt32).filter(nodes["is_llm"])
    ancestor = nearest(parent, nodes["is_llm"]).gather(index)
    llm = nodes.select(_LOOKED_AT)[index].with_columns(index, ancestor.alias("ancestor"))
    paired = groups(llm.filter(pl.col("role") != "aggregate"), parent)
    members = _members(llm, paired, dialects)
    candidates = members.unique("group", keep="first", maintain_order=True)
    leaves = nodes.select("role", "status", "started_at", *KIND_COLUMNS)[candidates["node"]]
    nesting = resolve_nesting(
        leaves.with_columns(_above(members, candidates).alias("above"), HAS_USAGE.alias("has_usage"))
    )
    target = candidates["node"].gather(nesting.stands_for)
    verdicts = candidates.select("group", kept="node").with_columns(nesting.reason, target.alias("call"))
    rest = nesting.remainder
    known = rest.select(KIND_COLUMNS).with_columns(candidates["node"].gather(rest["row"]).alias("call"))
    kept = candidates.filter(nesting.reason.is_null()).select("group", call="node").sort("call")
    calls = pl.concat([nodes[kept["call"]], kept], how="horizontal")
    return Grouped(_filled(calls, members, nodes), _judged(members, verdicts), known)


def _members(llm: pl.DataFrame, paired: pl.DataFrame, dialects: Sequence[Dialect]) -> pl.DataFrame:
    """LLM spans by group, in each the one to keep first: usage, the client's own, quality, dialect."""
    order = ["_lacks_usage", "_role", "_quality", "_rank", "_size", "started_at", "node"]
    return (
        llm.with_columns(*_preference(dialects))
        .select("ancestor", "role", *order)
        .join(paired, on="node", how="left", maintain_order="left")
        .with_columns(pl.coalesce("group", "node").alias("group"))
        .sort("group", *order)
    )


def _preference(dialects: Sequence[Dialect]) -> list[pl.Expr]:
    """Which span of a call is kept: usage, then the client's own, then how good it is, then the dialect."""
    ranks = {dialect.code: dialect.rank for dialect in dialects}
    known = pl.sum_horizontal([pl.col(name).is_not_null() for name in KIND_COLUMNS])
    return [
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


def _filled(calls: pl.DataFrame, members: pl.DataFrame, nodes: pl.DataFrame) -> pl.DataFrame:
    """What the kept span lacks comes from its twins, best first; the owner is the client's span."""
    several = members.filter(pl.len().over("group") > 1).select("group", "node", "_role")
    wide = pl.concat([several, nodes.select(FILLED)[several["node"]]], how="horizontal")
    values = wide.group_by("group", maintain_order=True).agg(
        *[pl.col(name).drop_nulls().first() for name in FILLED],
        pl.col("node").sort_by("_role", maintain_order=True).first().alias("owner"),
    )
    found = calls.select("group").join(values, on="group", how="left", maintain_order="left")
    return calls.with_columns(
        *[pl.coalesce(pl.col(name), found[name]).alias(name) for name in FILLED],
        pl.coalesce(found["owner"], pl.col("call")).alias("owner"),
    )


def _judged(members: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
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
