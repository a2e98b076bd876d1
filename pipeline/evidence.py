"""The month's facts as causes see them: placed in buckets, with fates, sizes and further attempts."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple, Protocol

import polars as pl

from pipeline.billing_rules import rules_frame
from pipeline.calls import Calls
from pipeline.cause import BUCKET, Evidence
from pipeline.conversations import compact_requests
from pipeline.edges import placed_edges
from pipeline.extra_attempts import extra_attempts
from pipeline.fates import AGREES, COMPACT_OPERATIONS, with_fates
from pipeline.given_up import with_given_up
from pipeline.grid import Grid, Placed
from pipeline.leftovers import placed_leftovers
from pipeline.meters import Meters
from pipeline.period import Month
from pipeline.request_logs import Logs, is_matched, unlogged
from pipeline.sampling import kept_share
from pipeline.settings import Sampling
from pipeline.sizes import with_sizes
from pipeline.tokens import unpivot

_PLACE = [name for name in BUCKET if name != "token_kind"]
_ANSWERED = (AGREES, "tokenizer_mismatch", "reasoning")
"""Fates of calls that are one request of the meter each, whatever else is claimed of them."""
_LAST_DAY = 28


def request_counts(metered: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """Return requests by place: `request_count` on the meter, `told_requests` of calls that were answered.

    Only places in which the meter counts requests. `metered` is core.metered.
    """
    counted = (
        metered.group_by(_PLACE)
        .agg(pl.col("request_count").sum(), is_counted=pl.col("request_count").is_not_null().all())
        .filter("is_counted")
        .drop("is_counted")
    )
    answered = calls.lazy().filter(pl.col("fate").is_in(_ANSWERED)).group_by(_PLACE)
    told = answered.agg(told_requests=pl.len().cast(pl.Int64)).collect()
    return counted.join(told, on=_PLACE, how="left").with_columns(pl.col("told_requests").fill_null(0))


class Ground(NamedTuple):
    """The month in buckets: what was traced, the calls, the corrections, and what was metered."""

    grid: Grid
    traced: Placed
    calls: Placed
    corrections: Placed
    metered: pl.DataFrame
    """One row per bucket, with its end."""


class Registered(Protocol):
    """What evidence takes from registries and configuration."""

    @property
    def cache_writes(self) -> Mapping[str, tuple[str, ...]]:
        """Provider -> token kinds in which its meter counts cache writes."""

    @property
    def owners(self) -> Mapping[str, str]:
        """Scope -> team that owns what no call explains."""

    @property
    def sampling(self) -> Sequence[Sampling]:
        """Configured sampling rates, in order."""


def placed(calls: Calls, meters: Meters) -> Ground:
    """Place traces and meters in the same buckets."""
    grid = Grid(meters.metered, meters.coverage)
    embeddings = _embeddings(calls.calls)
    traced, own, corrections = (
        grid.place(frame, embeddings) for frame in (calls.traced, calls.calls, calls.corrections)
    )
    metered = (
        unpivot(meters.metered, [*_PLACE, "bucket_end_at"])
        .group_by([*_PLACE, "token_kind"])
        .agg(pl.col("tokens").sum(), pl.col("bucket_end_at").max())
    )
    return Ground(grid, traced, own, corrections, metered)


def evidence_of(logs: Logs, meters: Meters, ground: Ground, month: str, known_of: Registered) -> Evidence:
    """Return what causes may look at: fates, sizes, further attempts, and calls without a span.

    What a request log tells of an account in full is not in the further attempts and calls without a span.
    """
    calls = logs.calls
    known = _undivided(with_fates(ground.calls.inside))
    told = is_matched(known, logs.facts, logs.requests)
    known = known.with_columns(told, kept_share(known, known_of.sampling))
    silences = ground.grid.place(calls.silences.with_columns(call_id=pl.col("span_id")), _NOBODY).inside
    own, silent = _sized(known, _as_calls(silences, known), ground.metered)
    extra = ground.grid.place(extra_attempts(own, calls.attempts), _embeddings(own)).inside
    again = logs.facts.filter(~pl.col("is_kept"))
    unseen = _named(silent, calls.attempts)
    owners = dict(known_of.owners)
    edges = placed_edges(calls.edges, ground.grid, Month.parse(month))
    year, number = (int(part) for part in month.split("-"))
    return Evidence(
        calls=own,
        attempts=unlogged(extra, logs).join(again, on="call_id", how="anti"),
        corrections=ground.corrections.inside,
        metered=ground.metered,
        requests=logs.requests,
        cache_writes=dict(known_of.cache_writes),
        owners=owners,
        rules=rules_frame(date(year, number, _LAST_DAY)),
        silences=unlogged(unseen, logs),
        counts=request_counts(meters.metered, own),
        facts=logs.facts,
        edges=edges.with_columns(is_matched(edges, logs.facts, logs.requests)),
        leftovers=placed_leftovers(logs.leftovers, own, unseen, owners),
    )


def _sized(
    calls: pl.DataFrame, silences: pl.DataFrame, metered: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Calls, and missing calls in the same columns, with sizes that come from all of them together."""
    every = pl.concat([calls, silences], how="diagonal_relaxed")
    sizes = with_given_up(with_sizes(every, metered)).drop(every.columns)
    missing = every.tail(silences.height).hstack(sizes.tail(silences.height))
    return calls.hstack(sizes.head(calls.height)), missing


def _named(silences: pl.DataFrame, attempts: pl.DataFrame) -> pl.DataFrame:
    """Call the requests that compact a conversation by their name, whatever else the service calls."""
    compacting = compact_requests(attempts).with_columns(is_compact=pl.lit(value=True))
    found = silences.join(compacting, on=["trace_id", "span_id"], how="left", maintain_order="left")
    operation = pl.when(pl.col("is_compact")).then(pl.lit(COMPACT_OPERATIONS[0])).otherwise("operation")
    return found.with_columns(operation=operation).drop("is_compact")


def _embeddings(calls: pl.DataFrame) -> pl.Series:
    return calls.filter(pl.col("operation") == "embeddings")["call_id"]


_SILENT = "silent"
_NOBODY = pl.Series("call_id", [], pl.String)


def _undivided(calls: pl.DataFrame) -> pl.DataFrame:
    """A local tokenizer cannot know what the provider read from its cache, whatever the dialect tells."""
    blind = (pl.col("usage_quality") == "estimated") & (pl.col("cache_read_tokens").fill_null(0) == 0)
    return calls.with_columns(
        cache_breakdown=pl.when(blind).then(pl.lit("none")).otherwise("cache_breakdown")
    )


def _as_calls(silences: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """Give missing calls the columns of calls, so that they get sizes as calls do."""
    traced = calls.group_by("service").agg(has_http_elsewhere=pl.col("has_http_spans").any())
    return (
        silences.drop("month")
        .join(traced, on="service", how="left", maintain_order="left")
        .with_columns(
            fate=pl.lit(_SILENT),
            failure=pl.lit("completed"),
            usage_quality=pl.lit("absent"),
            cache_breakdown=pl.lit("none"),
            attempts_made=pl.lit(1, pl.Int64),
            is_matched=pl.lit(value=False),
            kept_share=pl.lit(1.0),
            has_http_elsewhere=pl.col("has_http_elsewhere").fill_null(value=False),
        )
    )
