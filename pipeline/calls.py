"""Spans of a trace dump -> calls, attempts, what the trace read, and every correction with its reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from pipeline.dialect import Dialect
from pipeline.dialects import DIALECTS
from pipeline.globs import fits
from pipeline.metering.zones import local_day
from pipeline.provider import Provider
from pipeline.providers import PROVIDERS
from pipeline.settings import Settings
from pipeline.spans.application import Spans, Surroundings, added, surroundings
from pipeline.spans.attempts import REPEATING, http_attempts
from pipeline.spans.biller import SELF_HOSTED
from pipeline.spans.corrections import corrections
from pipeline.spans.dimensions import OWNER, meter_dimensions, owner_dimensions
from pipeline.spans.grouping import Grouped, group_spans
from pipeline.spans.lineage import lineage
from pipeline.spans.occurrences import Occurrences, occurrences, traced_rows
from pipeline.spans.recognise import recognise
from pipeline.spans.silent import ORDER, silences
from pipeline.spans.tree import parents
from pipeline.spans.unbilled import not_billed_reason
from pipeline.spans.usage import with_leaves
from schemas.tables import BY_NAME


@dataclass(frozen=True)
class Context:
    """What resolving needs to know beside the spans."""

    settings: Settings
    known_models: pl.DataFrame
    """One row per `provider`, `account`, `model` that a meter names."""
    dialects: Sequence[Dialect] = DIALECTS
    providers: Sequence[Provider] = PROVIDERS


class Calls(NamedTuple):
    """Frames of core.traced, call, attempt, correction and silence, for all months of the spans."""

    traced: pl.DataFrame
    calls: pl.DataFrame
    attempts: pl.DataFrame
    corrections: pl.DataFrame
    silences: pl.DataFrame
    edges: pl.DataFrame = BY_NAME["core.call"].schema.to_frame()
    """core.call rows of the neighbouring months that a provider may have counted in this one."""


class Part(NamedTuple):
    """A batch of whole traces, resolved but for the silences: what is usual only all batches can tell."""

    traced: pl.DataFrame
    calls: pl.DataFrame
    attempts: pl.DataFrame
    corrections: pl.DataFrame
    around: Surroundings


def resolve(spans: pl.DataFrame, context: Context) -> Calls:
    """Return the calls behind the spans of raw.span; see `resolve_part`."""
    return combined([resolve_part(spans, context)])


def combined(parts: Sequence[Part]) -> Calls:
    """Return the calls of all batches, the same however the traces were split among them."""
    *frames, around = zip(*parts, strict=True)
    traced, calls, attempts, signed = (pl.concat(batches) for batches in frames)
    silent = _shaped(silences(added(around), calls), "core.silence", *ORDER)
    return Calls(traced, calls, attempts, signed, silent)


def resolve_part(spans: pl.DataFrame, context: Context) -> Part:
    """Return the calls behind a batch of whole traces, in whatever order the spans come.

    For every provider, account, scope, model, tier, month and token kind, the traced tokens and the
    `duplicate_spans` corrections add up to the tokens of the calls; `not_billed` takes away those of calls
    that have a `not_billed_reason`.
    """
    found = occurrences(with_leaves(recognise(spans, context.dialects), context.dialects))
    parent = parents(found.nodes)
    grouped = group_spans(found.nodes, parent, context.dialects)
    calls = _placed(grouped, found.nodes, parent, context)
    attempts = http_attempts(found.nodes, parent, grouped.members, calls, context.providers)
    calls = _with_attempts(calls, attempts, grouped.members, found)
    traced = traced_rows(found, grouped.members, calls.select("call", "call_id", *OWNER))
    named = attempts.join(calls.select("call", "call_id"), on="call", how="left")
    signed = corrections(traced, calls, grouped.remainders)
    resolved = Spans(found.nodes, parent, calls, attempts, grouped.members)
    span = ("trace_id", "span_id")
    return Part(
        _shaped(traced, "core.traced", *span, "file_id", "line", "position"),
        _shaped(calls, "core.call", *span),
        _shaped(named, "core.attempt", *span),
        _shaped(signed, "core.correction", *span, "step", "token_kind", "tokens", "reason"),
        surroundings(resolved, context.settings, context.known_models, context.providers),
    )


def _placed(grouped: Grouped, nodes: pl.DataFrame, parent: pl.Series, context: Context) -> pl.DataFrame:
    """Calls in their dimensions, with the reason of those that nobody bills."""
    settings = context.settings
    calls = grouped.calls.with_columns((pl.col("trace_id") + ":" + pl.col("span_id")).alias("call_id"))
    calls = calls.with_columns(
        meter_dimensions(calls, settings, context.known_models, context.providers).get_columns()
    )
    calls = calls.with_columns(owner_dimensions(calls, nodes, parent, settings).get_columns())
    calls = calls.with_columns(lineage(nodes, parent, calls["call"]).get_columns())
    unbilled = fits(calls["service"], settings.unbilled_services)
    calls = calls.with_columns(not_billed_reason(unbilled).alias("not_billed_reason"))
    return calls.with_columns(
        pl.when(unbilled).then(pl.lit(SELF_HOSTED)).otherwise(name).alias(name)
        for name in ("provider", "account", "scope")
    )


def _with_attempts(
    calls: pl.DataFrame, attempts: pl.DataFrame, members: pl.DataFrame, found: Occurrences
) -> pl.DataFrame:
    """Attempts by HTTP spans, by the SDK's retry count or by its own count, whichever knows of most."""
    reporting = members.filter(~pl.col("reason").is_in(REPEATING).fill_null(False)).select("node", "call")
    again = found.again.select("node").join(reporting, on="node")
    reports = pl.concat([reporting, again]).group_by("call").agg(pl.len().cast(pl.Int64).alias("span_count"))
    seen = attempts.drop_nulls("call").group_by("call").agg(pl.len().cast(pl.Int64).alias("http"))
    facts = calls.select("call").join(reports, on="call", how="left", maintain_order="left")
    facts = facts.join(seen, on="call", how="left", maintain_order="left")
    count = pl.max_horizontal(pl.lit(1), facts["http"], pl.col("resend_count") + 1, "attempt_count")
    return calls.with_columns(
        facts["span_count"],
        count.cast(pl.Int64).alias("attempt_count"),
        facts["http"].is_not_null().alias("has_http_spans"),
    )


def _shaped(frame: pl.DataFrame, table: str, *order: str) -> pl.DataFrame:
    """The columns of the contract; the month is that of the end, in the zone in which the provider bills."""
    month = local_day(pl.col("ended_at")).dt.strftime("%Y-%m").alias("month")
    schema = BY_NAME[table].schema
    return frame.with_columns(month).select(schema.names()).cast(schema).sort(order)
