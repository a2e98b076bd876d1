"""recon.costliest: the calls and traces of each team that cost most."""

import polars as pl

from pipeline.variance.earlier import KNOWN
from schemas.variance import Costliest

_SCHEMA = pl.Schema(Costliest.empty().schema)
_WORDS = ("service", "model", "workload")
_TRACE = ["team", "trace_id"]


def costliest(costed: pl.DataFrame, per_team: int, month: str) -> pl.DataFrame:
    """Return recon.costliest of billed calls with their tokens and dollars: so many of each for every team.

    A trace holds the team's calls in it. What has no known price comes behind all that has one, by tokens;
    what records no tokens at all is in no list.
    """
    recorded = costed.filter(pl.col("tokens").is_not_null())
    calls = _first(recorded.with_columns(calls=pl.lit(1, pl.Int64)), per_team, "call")
    sums = recorded.group_by(_TRACE).agg(
        pl.len().cast(pl.Int64).alias("calls"), pl.col("tokens", "unpriced_tokens").sum(), KNOWN
    )
    traces = _first(sums, per_team, "trace")
    words = recorded.join(traces, on=_TRACE, how="semi").group_by(_TRACE).agg(_one(name) for name in _WORDS)
    named = traces.join(words, on=_TRACE, how="left").with_columns(span_id=pl.lit(None, pl.String))
    both = [frame.with_columns(month=pl.lit(month)).select(list(_SCHEMA)) for frame in (calls, named)]
    return pl.concat([_SCHEMA.to_frame(), *both]).sort("team", "unit", "rank")


def _first(rows: pl.DataFrame, count: int, unit: str) -> pl.DataFrame:
    """The first rows of each team, numbered; of equal ones the ids tell which comes first."""
    unpriced = pl.when(pl.col("usd").is_null()).then("tokens")
    places = [each.rank("min", descending=True).over("team") for each in (pl.col("usd"), unpriced)]
    few = rows.filter(pl.coalesce(places) <= count)  # with all that are equal: few rows to put in order
    ids = [name for name in ("trace_id", "call_id") if name in rows.columns]
    order = few.sort(
        "team", "usd", "tokens", *ids, descending=[False, True, True, *[False] * len(ids)], nulls_last=True
    )
    number = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("team")
    ranked = order.with_columns(number.alias("rank"), pl.lit(unit).alias("unit"))
    return ranked.filter(pl.col("rank") <= count)


def _one(name: str) -> pl.Expr:
    return pl.when(pl.col(name).n_unique() == 1).then(pl.col(name).first()).alias(name)
