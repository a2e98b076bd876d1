"""Calls that left neither usage nor an end: the chance that the client gave them up.

Such a call either ended before its answer was complete, or completed with a span that says nothing. How long
such calls of a service took, beside the time that its whole answers take, tells how many were which.
"""

import polars as pl

PRIOR = 0.6
"""Chance before durations are looked at: public reports know more clients that leave than spans left open."""

_WEIGHT = 6.0
"""Weight of the prior, in calls."""

_CUT, _WHOLE, _MOST = 0.53, 0.86, 1.3
"""Mean part of a usual answer that is made when clients leave (anywhere in it, and long answers more often),
and when they do not, where no answer counts for more than the last."""


def with_given_up(calls: pl.DataFrame) -> pl.DataFrame:
    """Return calls with `given_up`, a chance by service; `progress` is the part of a usual answer they made.

    Calls in doubt and calls without a span of their own count; others have it too, and no use for it.
    """
    in_doubt = (pl.col("is_doubtful") | (pl.col("fate") == "silent")) & pl.col("progress").is_not_null()
    found = calls.filter(in_doubt.fill_null(value=False))
    made = pl.col("progress").clip(0.0, _MOST).mean()
    share = ((_WHOLE - made) / (_WHOLE - _CUT)).clip(0.0, 1.0)
    rates = found.group_by("service").agg(
        given_up=((share * pl.len() + PRIOR * _WEIGHT) / (pl.len() + _WEIGHT)).clip(0.02, 0.98).round(6)
    )
    joined = calls.join(rates, on="service", how="left", maintain_order="left")
    return joined.with_columns(pl.col("given_up").fill_null(PRIOR))
