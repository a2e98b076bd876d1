"""How long a service's client waits before it gives an attempt up, from how long its calls took.

A call that ran into timeouts takes a multiple of that; so does one that was answered after them.
"""

import polars as pl

ATTEMPTS = 3
"""The OpenAI and Anthropic SDKs retry twice by default (`DEFAULT_MAX_RETRIES = 2`)."""

_OVERHEAD = 50.0
"""Tokens whose time stands for the time to the first one."""
_FEW_TIMES = 3.0
_LEAST = 4.0
"""Seconds beyond a few times the usual pace from which a duration is taken for something else."""
_NEAR = 0.2
_SECONDS = (pl.col("ended_at") - pl.col("started_at")).dt.total_microseconds() / 1e6


def with_timeout(calls: pl.DataFrame) -> pl.DataFrame:
    """Return calls with `timeout_seconds` of their service: null where no call of it timed out.

    `calls` has `failure`. The shortest call that timed out had one attempt, or all that an SDK makes: as one
    says of which the delays of answered calls are a multiple. Without any such delay it had one.
    """
    rows = calls.select(
        "service", "model", "failure", "usage_quality", _seconds=_SECONDS, _output="output_tokens"
    )
    timed_out = rows.filter((pl.col("failure") == "timeout") & (pl.col("_seconds") > 1))
    shortest = timed_out.group_by("service").agg(shortest=pl.col("_seconds").min())
    delays = _delays(rows.join(shortest, on="service", how="semi")).join(shortest, on="service")
    votes = delays.group_by("service").agg(
        one=_is_near(pl.col("shortest")).sum(), several=_is_near(pl.col("shortest") / ATTEMPTS).sum()
    )
    known = shortest.join(votes, on="service", how="left").select(
        "service",
        timeout_seconds=pl.when(pl.col("several") > pl.col("one"))
        .then(pl.col("shortest") / ATTEMPTS)
        .otherwise("shortest"),
    )
    return calls.join(known, on="service", how="left", maintain_order="left")


def _delays(rows: pl.DataFrame) -> pl.DataFrame:
    """How much longer completed calls took than a few times the pace of their siblings."""
    done = rows.filter((pl.col("usage_quality") == "recorded") & (pl.col("failure") == "completed"))
    size = pl.col("_output").fill_null(0) + _OVERHEAD
    pace = done.group_by("service", "model").agg(pace=(pl.col("_seconds") / size).median())
    usual = pl.col("pace") * size
    found = done.join(pace, on=["service", "model"]).with_columns(delay=pl.col("_seconds") - usual)
    return found.filter(pl.col("_seconds") > _FEW_TIMES * usual + _LEAST).select("service", "delay")


def _is_near(wait: pl.Expr) -> pl.Expr:
    """Whether a delay is one or two waits, pauses between attempts included."""
    times = pl.col("delay") / wait
    return (times - 1).is_between(-_NEAR, _NEAR) | (times - 2).is_between(-_NEAR, _NEAR)


def attempts_in(seconds: pl.Expr) -> pl.Expr:
    """Return how many timeouts fit into a duration, at least 0; null where the service's is not known."""
    return (seconds / pl.col("timeout_seconds")).round(0).clip(0, ATTEMPTS).cast(pl.Int64)
