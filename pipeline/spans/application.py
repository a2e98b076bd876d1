"""Spans of the application around calls: which usually have calls below them, and which have none now."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import polars as pl

from pipeline.globs import fits
from pipeline.identity import identify
from pipeline.provider import Provider
from pipeline.scopes import with_scope
from pipeline.settings import Settings
from pipeline.spans.attempts import REPEATING
from pipeline.spans.biller import SELF_HOSTED, UNKNOWN
from pipeline.spans.dimensions import OWNER, meter_dimensions
from pipeline.spans.tree import nearest

KINDS = ("server", "internal", "consumer")
"""Kinds of spans in which an application does its own work; client spans are its requests to others."""

PLACE = ("span_service", "span_name")
"""Which application spans are alike: those of one service with one name."""

_DEPTH = 64
"""How many application spans above a call are looked at; rings, which broken dumps hold, end here."""

_LONGEST_WAIT = timedelta(seconds=60)
"""An SDK waits at most this long before it sends a request again (retry-after of openai and anthropic)."""

_LONGEST_CALL = timedelta(seconds=600)
"""Time-out of the openai and anthropic SDKs: no request without a span is still open after this."""

_SENT_AGAIN = (408, 409, 429)
"""Statuses below 500 after which the SDKs send a request again; they also do after every one from 500 on."""


class Surroundings(NamedTuple):
    """What the spans around calls tell, in a form that adds up over batches of whole traces."""

    spans: pl.DataFrame
    """Per place: `spans`, and `busy`, those with a call or a request to a model below them."""
    usual: pl.DataFrame
    """Per place and dimensions of a billed call: `calls` below spans of that place."""
    quiet: pl.DataFrame
    """One row per span with neither below it, and per request to a model that belongs to no call."""


class Spans(NamedTuple):
    """What resolving has found so far."""

    nodes: pl.DataFrame
    parent: pl.Series
    calls: pl.DataFrame
    attempts: pl.DataFrame
    members: pl.DataFrame


def surroundings(
    found: Spans, settings: Settings, known: pl.DataFrame, providers: Sequence[Provider]
) -> Surroundings:
    """Return what stands around the calls of whole traces.

    Several attempts of one request that has no call are one row. Where the span above was not exported, the
    application span of the same trace that started last before it takes its place.
    """
    above = _above(found.nodes, found.parent)
    requests = _requests(found.attempts)
    reporting = found.members.filter(~pl.col("reason").is_in(REPEATING).fill_null(False))
    pairs = _pairs(above, pl.concat([found.calls["call"], reporting["node"], requests["node"]]).unique())
    place = found.nodes.select(pl.col("service").fill_null(UNKNOWN).alias(PLACE[0]), span_name="name")
    is_app = _is_application(found.nodes)
    busy = pl.int_range(found.nodes.height, dtype=pl.UInt32).is_in(pairs["above"].unique().implode())
    table = place.with_columns(is_app.alias("is_app"), busy.alias("busy")).with_row_index("node")
    table = table.filter("is_app")
    silent = _silent(found.nodes, above, table.filter(~pl.col("busy")))
    asked = _asked(requests, found, above, place)
    asked = asked.filter(~fits(asked["service"], settings.unbilled_services))
    asked = _owned(asked, found, settings, known, providers)
    return Surroundings(
        table.group_by(PLACE).agg(
            pl.len().cast(pl.Int64).alias("spans"), pl.col("busy").sum().cast(pl.Int64)
        ),
        _usual(pairs, found.calls, place),
        pl.concat([silent, asked.filter(pl.col("provider") != SELF_HOSTED)], how="diagonal"),
    )


def added(parts: Sequence[Surroundings]) -> Surroundings:
    """Return the surroundings of all batches."""
    spans, usual, quiet = (pl.concat(frames, how="diagonal") for frames in zip(*parts, strict=True))
    counts = pl.col("spans", "busy").sum()
    return Surroundings(
        spans.group_by(PLACE).agg(counts),
        usual.group_by(pl.exclude("calls")).agg(pl.col("calls").sum()),
        quiet,
    )


def _is_application(nodes: pl.DataFrame) -> pl.Series:
    return nodes.select(pl.col("kind").is_in(KINDS) & pl.col("role").is_null()).to_series()


def _above(nodes: pl.DataFrame, parent: pl.Series) -> pl.Series:
    """Row of the application span above each span: the nearest, on a broken path the latest before it."""
    is_app = _is_application(nodes)
    above = nearest(parent, is_app)
    spans = nodes.select("trace_id", "service", "started_at", "parent_span_id").with_row_index("node")
    lost = spans.filter(above.is_null() & parent.is_null() & spans["parent_span_id"].is_not_null())
    if lost.is_empty():
        return above
    apps = spans.filter(is_app).rename({"node": "before"}).drop("parent_span_id")
    same = _latest(lost, apps, ["trace_id", "service"])
    other = _latest(lost, apps, ["trace_id"])
    found = lost.select("node", same, other.alias("other"))
    repair = found.select("node", pl.coalesce("before", "other").alias("before")).drop_nulls()
    mended = spans.select("node").join(repair, on="node", how="left", maintain_order="left")["before"]
    whole = pl.select(pl.coalesce(parent, mended.cast(pl.UInt32))).to_series()
    return nearest(whole, is_app)


def _latest(lost: pl.DataFrame, apps: pl.DataFrame, by: list[str]) -> pl.Series:
    found = lost.sort("started_at", "node").join_asof(
        apps.select(*by, "started_at", "before").sort("started_at", "before"),
        on="started_at",
        by=by,
        strategy="backward",
        allow_exact_matches=False,
        check_sortedness=False,
    )
    return found.sort("node")["before"]


def _pairs(above: pl.Series, nodes: pl.Series) -> pl.DataFrame:
    """`node`, `above`: every application span above each of the nodes."""
    level = pl.DataFrame({"node": nodes, "above": above.gather(nodes)}).drop_nulls()
    levels = [level]
    while level.height and len(levels) < _DEPTH:
        level = level.with_columns(above.gather(level["above"]).alias("above")).drop_nulls()
        levels.append(level)
    return pl.concat(levels).unique()


def _usual(pairs: pl.DataFrame, calls: pl.DataFrame, place: pl.DataFrame) -> pl.DataFrame:
    billed = calls.filter(pl.col("not_billed_reason").is_null()).select("call", *OWNER, "operation")
    below = pairs.join(
        billed.with_columns(pl.col("service").fill_null(UNKNOWN)), left_on="node", right_on="call"
    )
    named = pl.concat([below, place[below["above"]]], how="horizontal")
    return named.group_by(*PLACE, *OWNER, "operation").agg(pl.len().cast(pl.Int64).alias("calls"))


def _silent(nodes: pl.DataFrame, above: pl.Series, table: pl.DataFrame) -> pl.DataFrame:
    spans = nodes.select("trace_id", "span_id", "error_type", "started_at", "ended_at")[table["node"]]
    parent = nodes["span_id"].gather(above.gather(table["node"])).alias("parent_span_id")
    facts = [spans, table.select(PLACE), parent.to_frame()]
    return pl.concat(facts, how="horizontal").with_columns(pl.lit(value=False).alias("has_http_span"))


def _requests(attempts: pl.DataFrame) -> pl.DataFrame:
    """The last attempt of each request to a model that belongs to no call."""
    family = ("trace_id", "parent_span_id", "service", "provider")
    lone = attempts.filter(pl.col("call").is_null()).sort(*family, "started_at", "node")
    before = pl.all().shift(1)
    earlier = lone.select(before)
    same = pl.all_horizontal([pl.col(name).eq_missing(pl.col(name).shift(1)) for name in family])
    status = earlier["http_status"]
    has_failed = status.is_null() | status.is_in(_SENT_AGAIN) | (status >= 500)
    wait = lone["started_at"] - earlier["ended_at"]
    follows = has_failed & (wait >= timedelta(0)) & (wait <= _LONGEST_WAIT)
    again = follows.fill_null(value=False) | (lone["resend_count"] > 0).fill_null(value=False)
    opens = lone.select(~(same & again).alias("opens"))["opens"].fill_null(value=True)
    numbered = lone.with_columns(opens.cast(pl.Int64).cum_sum().alias("request"))
    return numbered.unique("request", keep="last", maintain_order=True)


def _asked(requests: pl.DataFrame, found: Spans, above: pl.Series, place: pl.DataFrame) -> pl.DataFrame:
    """Requests without a call at the place of the application span above; they end when it does, at most."""
    around = above.gather(requests["node"])
    outer = found.nodes.select(app_end="ended_at", app_error="error_type")[around]
    latest = pl.min_horizontal("app_end", pl.col("started_at") + _LONGEST_CALL)
    return pl.concat([requests, place[around], outer], how="horizontal").with_columns(
        pl.col("service").fill_null(UNKNOWN),
        pl.max_horizontal("ended_at", pl.when(pl.col("app_end").is_not_null()).then(latest)).alias(
            "ended_at"
        ),
        pl.coalesce("error_type", "app_error").alias("error_type"),
        pl.lit(value=True).alias("has_http_span"),
    )


def _owned(
    asked: pl.DataFrame, found: Spans, settings: Settings, known: pl.DataFrame, providers: Sequence[Provider]
) -> pl.DataFrame:
    """Requests in dimensions of their own, for where no calls of the service tell better."""
    places = meter_dimensions(asked, settings, known, providers)
    owner = identify(found.nodes, found.parent, asked["node"], settings)
    named = asked.drop("provider", "account", "service_tier").with_columns(
        *places.get_columns(), *owner.get_columns(), pl.lit(UNKNOWN).alias("operation")
    )
    span = ("trace_id", "span_id", "error_type", "started_at", "ended_at", "has_http_span")
    return with_scope(named, settings).select(*span, *PLACE, *OWNER, "operation")
