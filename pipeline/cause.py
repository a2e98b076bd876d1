"""What a cause of drift is: evidence in, claims out. One file a cause in `causes/`."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

CELL = ("provider", "account", "scope", "model", "service_tier", "token_kind")
"""The dimensions in which traced and metered meet, but for time."""

BUCKET = (*CELL, "bucket_start_at")
"""The dimensions of a bucket."""

OWNER = ("team", "service", "feature")
"""Who a claim belongs to."""

CLAIM_SCHEMA = pl.Schema(
    {
        **dict.fromkeys(CELL, pl.String()),
        "bucket_start_at": pl.Datetime("us", "UTC"),
        **dict.fromkeys(OWNER, pl.String()),
        "claimed_tokens": pl.Int64(),
        "tokens_low": pl.Int64(),
        "tokens_high": pl.Int64(),
        "variance": pl.Float64(),
        "basis": pl.String(),
        "trace_id": pl.String(),
        "span_id": pl.String(),
        "evidence_count": pl.Int64(),
        "reason": pl.String(),
    }
)
"""Columns of the frame that a cause returns. Tokens are signed as drift; variance 0 means exact."""


@dataclass(frozen=True)
class Evidence:
    """What a cause may look at: the month's facts, in bucket dimensions. Never the drift.

    Every frame that has tokens carries the columns of `BUCKET` but `token_kind` (wide leaves) or with it
    (long), already collapsed to what the meter can tell apart, and `OWNER` where a call owns the row.
    """

    calls: pl.DataFrame
    """core.call inside metered buckets, plus bucket_start_at."""
    attempts: pl.DataFrame
    """core.attempt."""
    corrections: pl.DataFrame
    """core.correction inside metered buckets, plus bucket_start_at; long, signed."""
    traced: pl.DataFrame
    """Traced tokens by bucket and owner, long, column `tokens`."""
    metered: pl.DataFrame
    """Metered tokens by bucket, long, column `tokens`, with `request_count` per bucket and endpoint."""
    requests: pl.DataFrame
    """core.request plus bucket_start_at: the per-request meter, where there is one."""
    cache_writes: dict[str, tuple[str, ...]]
    """Provider -> token kinds in which its meter counts cache writes."""


@dataclass(frozen=True)
class Cause:
    """A named reason why a bucket drifts, with what the report says about it."""

    code: str
    title: str
    sentence: str
    """One sentence for a reader who has never heard of it."""
    advice: str
    """The one thing to do about it."""
    claim: Callable[[Evidence], pl.DataFrame]
    """Evidence -> rows of CLAIM_SCHEMA. Sees no drift and no other cause's claims."""


def no_claims() -> pl.DataFrame:
    """An empty frame of claims."""
    return CLAIM_SCHEMA.to_frame()
