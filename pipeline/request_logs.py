"""Request logs beside calls: which of them meter their account, and what they settle about a call."""

from typing import NamedTuple

import polars as pl

from pipeline.calls import Calls
from pipeline.matching import match
from pipeline.metering.zones import day_start, local_day
from pipeline.meters import Meters
from schemas.types import ALL

_ACCOUNT = ["provider", "account"]


class Logs(NamedTuple):
    """A month's calls under the names of the meter, its requests, and which is which call's."""

    calls: Calls
    requests: pl.DataFrame
    facts: pl.DataFrame
    leftovers: pl.DataFrame


def read_logs(calls: Calls, meters: Meters) -> Logs:
    """Return the calls matched with the requests of all logs, and settled by them."""
    requests = with_meter(meters.requests, meters.metered)
    facts, leftovers = match(pl.concat([calls.calls, calls.edges]), requests, calls.attempts)
    own = {name: settled(getattr(calls, name), facts) for name in ("traced", "calls", "corrections", "edges")}
    return Logs(calls._replace(**own), requests, facts, leftovers)


def with_meter(requests: pl.DataFrame, metered: pl.DataFrame) -> pl.DataFrame:
    """Return core.request rows with `bucket_start_at`, the billing day, and `is_meter`.

    `is_meter`: the log is what meters the account, so that a request that it does not list was not billed.
    The log of a proxy beside a usage export is not: it proves what it lists and nothing else.
    """
    logs = metered.filter(pl.col("meter") == "requests").select(_ACCOUNT).unique()
    return requests.join(
        logs.with_columns(is_meter=pl.lit(value=True)), on=_ACCOUNT, how="left", maintain_order="left"
    ).with_columns(
        pl.col("is_meter").fill_null(value=False), bucket_start_at=day_start(local_day(pl.col("started_at")))
    )


def settled(rows: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Return rows of calls under the provider and model that the meter names for them.

    Scope and tier too where the log is the account's meter and tells them. To be done before rows are placed
    in buckets; rows need `call_id`.
    """
    told = facts.filter(pl.col("is_kept") & (pl.col("part") == "message")).select(
        "call_id",
        _provider="provider",
        _model=pl.when(pl.col("model") != "unknown").then("model"),
        _scope=pl.when(pl.col("is_meter") & (pl.col("scope") != pl.col("account"))).then("scope"),
        _service_tier=pl.when(pl.col("is_meter") & (pl.col("service_tier") != ALL)).then("service_tier"),
    )
    names = ["provider", "model", "scope", "service_tier"]
    own = rows.select("call_id", *names, _row=pl.int_range(pl.len()))
    found = own.join(told, on="call_id").sort("_row")
    for name in names:
        other = found.drop_nulls(f"_{name}").filter(pl.col(f"_{name}").ne_missing(pl.col(name)))
        if other.height:
            rows = rows.with_columns(rows[name].clone().scatter(other["_row"], other[f"_{name}"]))
    return rows


def is_matched(calls: pl.DataFrame, facts: pl.DataFrame, requests: pl.DataFrame) -> pl.Series:
    """Return for each call whether a per-request meter tells its tokens: those of its request, or none."""
    logs = requests.filter("is_meter").select(_ACCOUNT).unique()
    kept = facts.lazy().filter("is_kept").select("call_id").unique().with_columns(is_kept=pl.lit(value=True))
    told = (
        calls.lazy()
        .select("call_id", *_ACCOUNT)
        .join(kept, on="call_id", how="left", maintain_order="left")
        .join(
            logs.lazy().with_columns(is_logged=pl.lit(value=True)),
            on=_ACCOUNT,
            how="left",
            maintain_order="left",
        )
        .select(is_matched=(pl.col("is_kept") | pl.col("is_logged")).fill_null(value=False))
    )
    return told.collect().to_series()


def unlogged(rows: pl.DataFrame, logs: Logs) -> pl.DataFrame:
    """Return the rows of accounts that no log of their own meters: of the others every request is known."""
    return rows.join(logs.requests.filter("is_meter").select(_ACCOUNT).unique(), on=_ACCOUNT, how="anti")
