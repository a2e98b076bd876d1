"""With which probability a call's spans were kept, by the mark on its span or by the configuration."""

from collections.abc import Sequence

import polars as pl

from pipeline.globs import fits
from pipeline.settings import Sampling

_DIGITS = 14
_WHOLE = float(1 << 56)


def kept_share(calls: pl.DataFrame, rules: Sequence[Sampling]) -> pl.Series:
    """Return the sampling probability of each call, above 0 to 1.

    From the threshold `th` of the trace state: T, padded with zeros to 14 hex digits, rejects T out of 2^56
    traces (OpenTelemetry's tracestate probability sampling). Without a readable mark, from the first rule
    whose glob fits the service; else 1. A head sampler of an SDK leaves no mark, so it has to be configured.
    """
    mark = pl.col("sampling_threshold")
    is_mark = mark.str.contains(rf"^[0-9a-fA-F]{{1,{_DIGITS}}}$")
    rejected = pl.when(is_mark).then(mark.str.pad_end(_DIGITS, "0")).str.to_integer(base=16, strict=False)
    configured = [
        pl.when(fits(calls["service"], [rule.service])).then(pl.lit(float(rule.probability)))
        for rule in rules
    ]
    share = pl.coalesce(1.0 - rejected / _WHOLE, *[rule.otherwise(None) for rule in configured], pl.lit(1.0))
    return calls.select(share.cast(pl.Float64).alias("kept_share")).to_series()
