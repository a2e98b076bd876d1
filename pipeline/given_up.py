"""Calls that left neither usage nor an end: the chance that the client gave them up.

Such a call either ended before its answer was complete, or completed with a span that says nothing. How long
such calls of a service took, beside the time that its whole answers take, tells how many were which.
"""

import polars as pl

from pipeline.dialects import DIALECTS
from pipeline.fates import AGREES

PRIOR = 0.6
"""Chance before durations are looked at: public reports know more clients that leave than spans left open."""

_WEIGHT = 6.0
"""Weight of the prior, in calls."""

_SELDOM, _SELDOM_WEIGHT = 0.1, 30.0
"""The same of calls without a span where the instrumentation is known to end the spans of calls that are
given up: those spans were lost, and the time is that of the span around."""

_CUT, _MOST = 0.53, 1.3
"""Mean part of a usual answer that is made when clients leave (anywhere in it, and long answers more often);
no answer counts for more than the last."""
_WHOLE, _WHOLE_WEIGHT = 0.86, 10.0
"""The same when they do not leave, with its weight in calls: answered calls of the service tell."""
_LEAST_APART = 0.15
"""Least difference of the two that is believed."""
_HALF = 0.5
_UNKNOWN = ("generic_genai",)
"""Dialects of which nobody knows what happens to the spans of calls that are given up."""


def with_given_up(calls: pl.DataFrame) -> pl.DataFrame:
    """Return calls with `given_up`, a chance by service; `progress` is the part of a usual answer they made.

    Calls in doubt and calls without a span of their own count, each for themselves: an instrumentation that
    ends the spans of whole answers without usage may leave those of cancelled ones open, and the other way
    round. Others have the chance too, and no use for it.
    """
    kind = ["service", "is_silent"]
    is_silent = pl.col("fate") == "silent"
    table = calls.with_columns(is_silent=is_silent.fill_null(value=False))
    table = table.with_columns(leaves_open=_leaves_open().fill_null(value=True).over("service"))
    told = pl.col("progress").is_not_null()
    in_doubt = ((pl.col("is_doubtful") | pl.col("is_silent")) & told).fill_null(value=False)
    made = pl.col("progress").clip(0.0, _MOST)
    answered = (pl.col("fate") == AGREES) & told
    whole = (
        table.lazy()
        .filter(answered)
        .group_by("service")
        .agg(whole=(made.sum() + _WHOLE * _WHOLE_WEIGHT) / (pl.len() + _WHOLE_WEIGHT))
        .collect()
    )
    found = table.filter(in_doubt).join(whole, on="service", how="left")
    rate = pl.col("whole").fill_null(_WHOLE).first().clip(_CUT + _LEAST_APART)
    share = ((rate - made.mean()) / (rate - _CUT)).clip(0.0, 1.0)
    ends = pl.col("is_silent") & ~pl.col("leaves_open")
    prior, weight = (
        pl.when(ends.first()).then(seldom).otherwise(usual)
        for seldom, usual in ((_SELDOM, PRIOR), (_SELDOM_WEIGHT, _WEIGHT))
    )
    rates = found.group_by(kind).agg(
        given_up=((share * pl.len() + prior * weight) / (pl.len() + weight)).clip(0.02, 0.98).round(6)
    )
    joined = table.join(rates, on=kind, how="left", maintain_order="left")
    return joined.with_columns(pl.col("given_up").fill_null(PRIOR)).drop("is_silent", "leaves_open")


def _leaves_open() -> pl.Expr:
    """Whether half of a service's calls are told by instrumentations that leave spans open, or may."""
    known = [one.code for one in DIALECTS if not one.leaves_open and one.code not in _UNKNOWN]
    return (~pl.col("dialect").is_in(known)).filter(pl.col("fate") != "silent").mean() >= _HALF
