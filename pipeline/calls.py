"""Spans of a trace dump -> calls, attempts, what the trace read, and every correction with its reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from pipeline.attempts import http_attempts
from pipeline.biller import UNKNOWN, with_biller
from pipeline.corrections import corrections
from pipeline.dialect import Dialect
from pipeline.dialects import DIALECTS
from pipeline.grouping import Grouped, group_spans
from pipeline.identity import identify, inherited
from pipeline.models import with_model, with_tier
from pipeline.provider import Provider
from pipeline.providers import PROVIDERS
from pipeline.recognise import recognise
from pipeline.scopes import with_scope
from pipeline.settings import Settings
from pipeline.tokens import HAS_USAGE, TOTAL
from pipeline.tree import parents, tops
from pipeline.unbilled import not_billed_reason
from pipeline.usage import with_leaves
from pipeline.zones import local_day
from schemas.tables import BY_NAME
from schemas.types import KIND_COLUMNS

OWNER = ("provider", "account", "scope", "model", "service_tier", "team", "service", "feature")
"""The dimensions that a call gives to everything that reports on it."""


@dataclass(frozen=True)
class Context:
    """What resolving needs to know beside the spans."""

    settings: Settings
    known_models: pl.DataFrame
    """One row per `provider`, `account`, `model` that a meter names."""
    dialects: Sequence[Dialect] = DIALECTS
    providers: Sequence[Provider] = PROVIDERS


class Calls(NamedTuple):
    """Frames of core.traced, core.call, core.attempt and core.correction, for all months of the spans."""

    traced: pl.DataFrame
    calls: pl.DataFrame
    attempts: pl.DataFrame
    corrections: pl.DataFrame


def resolve(spans: pl.DataFrame, context: Context) -> Calls:
    """Return the calls behind the spans of raw.span, in whatever order the spans come.

    For every provider, account, scope, model, tier, month and token kind, the traced tokens and the
    `duplicate_spans` corrections add up to the tokens of the calls; `not_billed` takes away those of calls
    that have a `not_billed_reason`.
    """
    read = with_leaves(recognise(spans, context.dialects), context.dialects)
    occurrences = _occurrences(read)
    nodes = occurrences.filter("is_kept").drop("is_kept", "node")
    parent = parents(nodes)
    grouped = group_spans(nodes, parent, context.dialects)
    calls = _with_owner(_with_dimensions(_owned(grouped, nodes), context), nodes, parent, context)
    attempts = http_attempts(nodes, parent, grouped.members, calls, context.providers)
    calls = _with_attempts(calls, attempts, grouped.members, occurrences)
    traced = _traced(occurrences, grouped, calls)
    call_ids = calls.select("call", "call_id")
    return Calls(
        _shaped(_in_month(traced), "core.traced", "trace_id", "span_id", "file_id", "line", "position"),
        _shaped(_in_month(calls), "core.call", "call_id"),
        _shaped(
            _in_month(attempts.join(call_ids, on="call", how="left")),
            "core.attempt",
            "trace_id",
            "span_id",
        ),
        _shaped(
            _in_month(corrections(traced, calls, grouped.remainders)),
            "core.correction",
            "trace_id",
            "span_id",
            "step",
            "token_kind",
            "tokens",
            "reason",
        ),
    )


def _occurrences(spans: pl.DataFrame) -> pl.DataFrame:
    """Occurrences in the order of traces and spans; of a span exported twice the fullest is kept."""
    known = pl.sum_horizontal([pl.col(name).is_not_null() for name in KIND_COLUMNS])
    keys = spans.select(
        "trace_id",
        "span_id",
        (-TOTAL).alias("size"),
        (-known.cast(pl.Int64)).alias("known"),
        "file_id",
        "line",
        "position",
    ).with_row_index("row")
    order = keys.sort(pl.all().exclude("row"))["row"]
    is_new = (pl.col("trace_id") != pl.col("trace_id").shift(1)) | (
        pl.col("span_id") != pl.col("span_id").shift(1)
    )
    return (
        spans[order]
        .with_columns(is_new.fill_null(True).alias("is_kept"))
        .with_columns((pl.col("is_kept").cast(pl.UInt32).cum_sum() - 1).alias("node"))
    )


def _owned(grouped: Grouped, nodes: pl.DataFrame) -> pl.DataFrame:
    """Service and environment come from the client's span, even where the provider's copy is kept."""
    calls = grouped.calls
    owner = nodes.select("service", "environment")[calls["owner"]]
    return calls.with_columns(
        owner["service"].fill_null(UNKNOWN), owner["environment"].fill_null(UNKNOWN)
    ).with_columns(_call_id().alias("call_id"))


def _call_id() -> pl.Expr:
    return pl.col("trace_id") + ":" + pl.col("span_id")


def _with_dimensions(calls: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Provider, account, model and tier as the provider meters them."""
    billed = with_biller(calls, context.known_models, context.providers)
    known = context.known_models.select("provider", "model").unique()
    named = billed
    for name in ("response_model", "request_model"):
        resolved = with_model(billed.with_columns(pl.col(name).alias("model")), context.settings, known)
        is_known = (
            resolved.select("provider", "model").join(
                known.with_columns(pl.lit(True).alias("hit")),
                on=["provider", "model"],
                how="left",
                maintain_order="left",
            )
        )["hit"]
        named = named.with_columns(resolved["model"].alias(f"_{name}"), is_known.alias(f"_{name}_known"))
    metered = [pl.when(f"_{name}_known").then(f"_{name}") for name in ("response_model", "request_model")]
    model = pl.coalesce(*metered, "_response_model", "_request_model", pl.lit(UNKNOWN)).alias("model")
    return with_tier(named.with_columns(model)).with_columns(not_billed_reason().alias("not_billed_reason"))


def _with_owner(
    calls: pl.DataFrame, nodes: pl.DataFrame, parent: pl.Series, context: Context
) -> pl.DataFrame:
    """Who executed and who initiated the call, its conversation, and the scope that follows from both."""
    owner = calls["owner"].rename("owner")
    root = _roots(nodes, parent).gather(owner)
    own = identify(nodes, parent, owner, context.settings)
    first = identify(nodes, parent, root, context.settings)
    conversation = inherited(nodes["conversation_id"], parent).gather(owner)
    placed = calls.with_columns(
        own["team"],
        own["feature"],
        first["team"].alias("initiating_team"),
        nodes["service"].gather(root).fill_null(UNKNOWN).alias("initiating_service"),
        pl.coalesce("conversation_id", pl.lit(conversation)).alias("conversation_id"),
    )
    return with_scope(placed, context.settings)


def _roots(nodes: pl.DataFrame, parent: pl.Series) -> pl.Series:
    """The root of each span's trace: its first span without a parent, else the topmost that was exported."""
    starts = nodes.select("trace_id", "parent_span_id", "started_at").with_row_index("node")
    roots = (
        starts.filter(pl.col("parent_span_id").is_null())
        .sort("trace_id", "started_at", "node")
        .unique("trace_id", keep="first", maintain_order=True)
        .select("trace_id", root="node")
    )
    found = starts.join(roots, on="trace_id", how="left", maintain_order="left")["root"]
    return pl.select(pl.coalesce(found, tops(parent)).cast(pl.UInt32)).to_series()


def _with_attempts(
    calls: pl.DataFrame, attempts: pl.DataFrame, members: pl.DataFrame, occurrences: pl.DataFrame
) -> pl.DataFrame:
    """Attempts by HTTP spans, by the SDK's retry count or by its own count, whichever knows of most."""
    seen = attempts.drop_nulls("call").group_by("call").agg(pl.len().cast(pl.Int64).alias("_http"))
    reports = occurrences.select("node").join(
        members.filter(
            ~pl.col("reason").is_in(["aggregate_span", "repeats_descendants"]) | pl.col("reason").is_null()
        ),
        on="node",
    )
    spans = reports.group_by("call").agg(pl.len().cast(pl.Int64).alias("span_count"))
    count = pl.max_horizontal(pl.lit(1), "_http", pl.col("resend_count") + 1, "attempt_count")
    return (
        calls.join(seen, on="call", how="left", maintain_order="left")
        .join(spans, on="call", how="left", maintain_order="left")
        .with_columns(
            count.cast(pl.Int64).alias("attempt_count"), pl.col("_http").is_not_null().alias("has_http_spans")
        )
    )


def _traced(occurrences: pl.DataFrame, grouped: Grouped, calls: pl.DataFrame) -> pl.DataFrame:
    """Occurrences with usage as logged, in the dimensions of their call, and why one is dropped."""
    owners = calls.select("call", "call_id", *OWNER)
    again = pl.when(~pl.col("is_kept")).then(pl.lit("span_exported_again"))
    return (
        occurrences.filter(HAS_USAGE)
        .drop([name for name in OWNER if name in occurrences.columns])
        .join(grouped.members, on="node")
        .join(owners, on="call")
        .with_columns(pl.coalesce(again, "reason").alias("reason"))
    )


def _in_month(frame: pl.DataFrame) -> pl.DataFrame:
    """Month of the end, in the zone in which the provider bills."""
    return frame.with_columns(local_day(pl.col("ended_at")).dt.strftime("%Y-%m").alias("month"))


def _shaped(frame: pl.DataFrame, table: str, *order: str) -> pl.DataFrame:
    return frame.select(BY_NAME[table].schema.names()).cast(BY_NAME[table].schema).sort(order)
