"""Calls that left no span of their own: what the spans around them say of which calls are missing.

A span that never ends is never exported. The call is billed and leaves nothing but the spans around it.
"""

import polars as pl

from pipeline.dialects import DIALECTS
from pipeline.identity import UNOWNED
from pipeline.spans.application import PLACE, Surroundings
from pipeline.spans.dimensions import OWNER
from pipeline.spans.tree import nearest, parents
from schemas.tables import BY_NAME

ENOUGH = 20
"""Spans of a place that are needed before it has a habit."""

_TENTHS = 9
"""Of ten spans of a place this many have calls below them where a span without any counts as silent."""

_TENTHS_OPEN = 5
"""The same where the service's instrumentation leaves the spans of calls open that were given up."""

_CLEAR = 0.95
"""From this share on, one kind of call is all that is expected at a place."""

_RARE = 0.01
"""Kinds of calls below this share of a place are not expected at all."""

_CALL = (*OWNER, "operation")
ORDER = ("trace_id", "span_id", *_CALL)


def silences(around: Surroundings, calls: pl.DataFrame) -> pl.DataFrame:
    """Return the columns of core.silence but `month`: one row per missing call and kind of call it may be.

    A request to a model without a call is one missing call. So is an application span without calls where
    at least nine in ten of twenty or more of its service and name have some, or half of them where the
    service's instrumentation is known to leave spans open; of nested ones the innermost.
    Which call is missing, the calls that were billed at such spans tell, else those of the service to the
    provider: the most usual kind where it is nearly always the same, else one row a kind with its share.
    `expected_calls` is that share: it adds up to 1 over a span, also where such spans usually have several
    calls. Places whose calls nobody bills have no silence.
    """
    requests = around.quiet.filter("has_http_span")
    spans = _innermost(around.quiet.filter(~pl.col("has_http_span")), around.spans, _open(calls))
    billed = calls.filter(pl.col("not_billed_reason").is_null())
    of_service = billed.group_by(_CALL).agg(pl.len().cast(pl.Int64).alias("calls"))
    at_place = _kinds(requests, around.usual, (*PLACE, "service", "provider"))
    elsewhere = _kinds(_without(requests, at_place), of_service, ("service", "provider"))
    alone = _without(_without(requests, at_place), elsewhere).with_columns(expected_calls=1.0)
    found = [at_place, elsewhere, alone, _kinds(spans, around.usual, PLACE)]
    columns = [name for name in BY_NAME["core.silence"].schema if name != "month"]
    return pl.concat([frame.select(columns) for frame in found])


def _open(calls: pl.DataFrame) -> pl.Series:
    """Services most of whose calls are told by instrumentations that leave spans open."""
    codes = [dialect.code for dialect in DIALECTS if dialect.leaves_open]
    part = calls.group_by("service").agg(part=pl.col("dialect").is_in(codes).mean())
    return part.filter(pl.col("part") > 0.5)["service"]


def _innermost(quiet: pl.DataFrame, places: pl.DataFrame, loose: pl.Series) -> pl.DataFrame:
    """Spans that should have calls below them and have none, without those around another such span."""
    least = pl.when(pl.col(PLACE[0]).is_in(loose.implode())).then(_TENTHS_OPEN).otherwise(_TENTHS)
    habit = (pl.col("spans") >= ENOUGH) & (pl.col("busy") * 10 >= pl.col("spans") * least)
    usual = places.filter(habit).select(*PLACE, pl.lit(value=True).alias("is_silent"))
    table = quiet.sort("trace_id", "span_id").join(usual, on=PLACE, how="left", maintain_order="left")
    is_silent = table["is_silent"].fill_null(value=False)
    around = nearest(parents(table), is_silent).filter(is_silent).drop_nulls()
    row = pl.int_range(table.height, dtype=pl.UInt32, eager=True)
    return table.filter(is_silent & ~row.is_in(around.implode()))


def _kinds(silent: pl.DataFrame, usual: pl.DataFrame, by: tuple[str, ...]) -> pl.DataFrame:
    """A row per silent span and kind of call that it may lack; the team and feature it names itself count."""
    own = silent.rename({name: f"own_{name}" for name in _CALL if name not in by})
    rows = own.join(_shares(usual, by), on=by).with_columns(
        pl.coalesce(pl.when(pl.col("own_team") != UNOWNED).then("own_team"), "team").alias("team"),
        pl.coalesce(pl.when(pl.col("own_feature") != "").then("own_feature"), "feature").alias("feature"),
    )
    span = ("has_http_span", "error_type", "started_at", "ended_at")
    return rows.group_by("trace_id", "span_id", *_CALL, *span).agg(pl.col("expected_calls").sum())


def _shares(usual: pl.DataFrame, by: tuple[str, ...]) -> pl.DataFrame:
    """Kinds of calls at each place with their shares: the clear one alone, else all that are not rare."""
    names = list(dict.fromkeys((*by, *_CALL)))
    counts = usual.group_by(names).agg(pl.col("calls").sum()).sort("calls", *names, descending=True)
    share = counts.with_columns(
        (pl.col("calls") / pl.col("calls").sum().over(by)).alias("share"),
        pl.int_range(pl.len()).over(by).alias("rank"),
    )
    top = pl.col("share").max().over(by)
    kept = share.filter(
        pl.when(top >= _CLEAR).then(pl.col("rank") == 0).otherwise((pl.col("share") >= _RARE) | (top < _RARE))
    )
    part = pl.col("calls") / pl.col("calls").sum().over(by)
    return kept.select(*names, part.alias("expected_calls"))


def _without(requests: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    return requests.join(told, on=["trace_id", "span_id"], how="anti")
