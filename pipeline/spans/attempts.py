"""HTTP requests to providers, seen as spans: to which call each belongs, and in which order."""

from collections.abc import Sequence

import polars as pl

from pipeline.provider import Provider
from pipeline.spans.biller import SELF_HOSTED, UNKNOWN, host_provider
from pipeline.spans.tree import nearest

ENDPOINTS = (
    "/chat/completions",
    "/v1/completions",
    "/v1/messages",
    "/v1/responses",
    "/v1/responses/compact",
    "/v1/embeddings",
    ":generateContent",
    ":streamGenerateContent",
)
"""Ends of URL paths that only model endpoints have, whatever the host."""

HOST_ENDPOINTS = (
    *ENDPOINTS,
    "/completions",
    "/messages",
    "/responses",
    "/embeddings",
    "/chat",
    "/embed",
    "/generate",
    "/converse",
    "/converse-stream",
    "/invoke",
    "/invoke-with-response-stream",
    "redict",
)
"""Ends of URL paths of models on hosts of providers; files, model lists and token counting have others."""

REPEATING = ("aggregate_span", "no_usage_of_its_own", "repeats_descendants")
"""Reasons of spans that stand above calls: what lies below them is not theirs."""

_FAMILY = ["trace_id", "parent_span_id"]


def http_attempts(
    nodes: pl.DataFrame,
    parent: pl.Series,
    members: pl.DataFrame,
    calls: pl.DataFrame,
    providers: Sequence[Provider],
) -> pl.DataFrame:
    """Return one row per HTTP client span to a model, with `call`, `provider` and `attempt_number`.

    An attempt below an LLM span belongs to its call. Beside it, it belongs to the call of the same parent
    that runs when the attempt starts. `call` is null where no span of the call was exported.
    """
    http = _http_spans(nodes, parent, providers)
    members = members.filter(pl.col("reason").is_null() | ~pl.col("reason").is_in(REPEATING))
    owner = members.select(ancestor="node", call="call")
    above = http.select("node").with_columns(
        nearest(parent, nodes["is_llm"]).gather(http["node"]).alias("ancestor")
    )
    nested = above.join(owner, on="ancestor", how="left", maintain_order="left")["call"]
    http = http.with_columns(nested.alias("call"))
    beside = _beside(http.filter(pl.col("call").is_null()), nodes, members)
    placed = (
        http.join(beside, on="node", how="left", maintain_order="left", suffix="_beside")
        .with_columns(pl.coalesce("call", "call_beside").alias("call"))
        .join(calls.select("call", call_provider="provider"), on="call", how="left", maintain_order="left")
        .with_columns(pl.coalesce("_host", "call_provider", pl.lit(UNKNOWN)).alias("provider"))
    )
    ordered = placed.with_columns(pl.coalesce("call", "node").alias("cluster"))
    ordered = _counted(ordered.sort("cluster", "started_at", "node"))
    return ordered.with_columns((pl.col("turn") + 1).alias("attempt_number"))


def _http_spans(nodes: pl.DataFrame, parent: pl.Series, providers: Sequence[Provider]) -> pl.DataFrame:
    """HTTP client spans to models; the inner of two nested ones is the same request."""
    is_http = nodes.select(
        pl.col("http_method").is_not_null()
        & ~pl.col("is_llm").fill_null(False)
        & (pl.col("kind") == "client")
    ).to_series()
    table = nodes.with_row_index("node").with_columns(
        is_http.gather(parent).fill_null(False).alias("_is_inner")
    )
    table = table.filter(is_http & ~table["_is_inner"])
    hosts = {host: host_provider(host, providers) for host in table["server_address"].drop_nulls().unique()}
    host = pl.col("server_address").replace_strict(hosts, default=None, return_dtype=pl.String)
    is_provider = pl.col("_host").is_not_null() & (pl.col("_host") != SELF_HOSTED)
    return table.with_columns(host.alias("_host")).filter(
        _path_ends(ENDPOINTS) | (is_provider & (_path_ends(HOST_ENDPOINTS) | pl.col("url_path").is_null()))
    )


def _path_ends(ends: Sequence[str]) -> pl.Expr:
    path = pl.col("url_path").fill_null("").str.strip_chars_end("/")
    return pl.any_horizontal([path.str.ends_with(end) for end in ends])


def _beside(http: pl.DataFrame, nodes: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """`node`, `call` for attempts that are siblings of their call.

    Siblings that overlap in time form a cluster. In it the n-th attempt belongs to the n-th call, because
    back-offs are longer than what lies between two parallel starts; what is left over goes to the call that
    started last before it.
    """
    waiting = http.select("node", *_FAMILY, "started_at").with_columns(pl.col("parent_span_id").fill_null(""))
    running = _clusters(_running(waiting, nodes, members))
    latest = waiting.sort("started_at", "node").join_asof(
        running.rename({"call": "latest", "ended_at": "latest_end"})
        .drop("turn")
        .sort("started_at", "latest"),
        on="started_at",
        by=_FAMILY,
        strategy="backward",
        check_sortedness=False,
    )
    latest = _counted(latest.drop_nulls("latest").sort("cluster", "started_at", "node"))
    by_turn = latest.join(running, on=["cluster", "turn"], how="left", suffix="_call")
    encloses = pl.col("started_at").is_between(pl.col("started_at_call"), pl.col("ended_at"))
    fallback = pl.when(pl.col("started_at") <= pl.col("latest_end")).then(pl.col("latest"))
    return (
        by_turn.with_columns(pl.coalesce(pl.when(encloses).then(pl.col("call")), fallback).alias("call"))
        .filter(pl.col("call").is_not_null())
        .select("node", "call")
    )


def _running(waiting: pl.DataFrame, nodes: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """From when to when each call ran, among the siblings of attempts that wait for one."""
    spans = nodes.select(*_FAMILY, "started_at", "ended_at")[members["node"]]
    return (
        pl.concat([members.select("call"), spans], how="horizontal")
        .with_columns(pl.col("parent_span_id").fill_null(""))
        .join(waiting, on=_FAMILY, how="semi")
        .group_by("call", *_FAMILY)
        .agg(pl.col("started_at").min(), pl.col("ended_at").max())
    )


def _clusters(running: pl.DataFrame) -> pl.DataFrame:
    """`cluster`: siblings of which each starts before the last one ended; `turn`: place in it, from 0."""
    table = running.sort(*_FAMILY, "started_at", "call")
    goes_on = pl.col("started_at") <= pl.col("ended_at").shift(1)
    same = pl.all_horizontal([pl.col(name) == pl.col(name).shift(1) for name in _FAMILY])
    opens = ~(same & goes_on).fill_null(False)
    return _counted(table.with_columns(opens.cast(pl.Int64).cum_sum().alias("cluster")))


def _counted(table: pl.DataFrame) -> pl.DataFrame:
    """Rows of a cluster, counted from 0 in the order in which they stand."""
    place = table.with_row_index("turn").with_columns(pl.col("turn").cast(pl.Int64))
    return place.with_columns(pl.col("turn") - pl.col("turn").min().over("cluster"))
