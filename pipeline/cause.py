"""What a cause of drift is: evidence in, claims out. One file a cause in `causes/`."""

from collections.abc import Callable
from dataclasses import dataclass, field

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
        "item": pl.String(),
        "requests": pl.Float64(),
        "rate": pl.String(),
        "rate_prior": pl.Float64(),
        "rate_error": pl.Float64(),
        "rate_low": pl.Float64(),
        "rate_high": pl.Float64(),
        "is_chance": pl.Boolean(),
        "full_tokens": pl.Int64(),
        "basis": pl.String(),
        "trace_id": pl.String(),
        "span_id": pl.String(),
        "evidence_count": pl.Int64(),
        "reason": pl.String(),
    }
)
"""Columns of the frame that a cause returns. Tokens are signed as drift.

`variance`: of the tokens as claimed, or of `full_tokens` where there is a rate; 0 without a rate means exact.
`item`: rows of one item stand or fall together, over several token kinds; null is an item of its own.
`requests`: requests that the meter counts for the item, on one of its rows; else 0.
`rate`: code of a quantity that calibration may learn; the claim is `full_tokens` times it. Its prior is
`rate_prior` with standard error `rate_error`, inside `rate_low` to `rate_high`, the same on all its rows.
`is_chance`: the rate is the chance of a yes or no, so that an item is all of it or nothing.
"""

MACHINERY = (
    "variance",
    "item",
    "requests",
    "rate_prior",
    "rate_error",
    "rate_low",
    "rate_high",
    "is_chance",
    "full_tokens",
)
"""Columns of a claim that only calibration and balance need: recon.claim stores the others.

What was learned of a rate, and its prior, is in recon.rate.
"""


@dataclass(frozen=True)
class Evidence:
    """What a cause may look at: the month's facts, in bucket dimensions. Never the drift.

    Every frame that has tokens carries the columns of `BUCKET` but `token_kind` (wide leaves) or with it
    (long), already collapsed to what the meter can tell apart, and `OWNER` where a call owns the row.
    """

    calls: pl.DataFrame
    """core.call inside metered buckets, plus bucket_start_at and the columns of pipeline/fates.py."""
    attempts: pl.DataFrame
    """Attempts that were not kept or whose call left no span, with bucket, owner and expected tokens."""
    corrections: pl.DataFrame
    """core.correction inside metered buckets, plus bucket_start_at; long, signed."""
    metered: pl.DataFrame
    """Metered tokens, one row per bucket and token kind, column `tokens`."""
    requests: pl.DataFrame
    """core.request plus bucket_start_at: the per-request meter, where there is one."""
    cache_writes: dict[str, tuple[str, ...]]
    """Provider -> token kinds in which its meter counts cache writes."""
    owners: dict[str, str]
    """Scope -> team that the configuration names as its owner."""
    rules: pl.DataFrame = field(default_factory=pl.DataFrame)
    """Billing rules of the month: provider, failure_mode, billed, low, high, error."""
    facts: pl.DataFrame = field(default_factory=pl.DataFrame)
    """Requests of a per-request meter that were matched to a call, as pipeline/matching.py returns them."""
    leftovers: pl.DataFrame = field(default_factory=pl.DataFrame)
    """Requests of an account's own log that are no call's, as pipeline/leftovers.py returns them."""
    edges: pl.DataFrame = field(default_factory=pl.DataFrame)
    """Calls that the traces put just outside the month, in the bucket of the month that is next to them."""
    silences: pl.DataFrame = field(default_factory=pl.DataFrame)
    """core.silence inside metered buckets: application spans under which a call is missing."""
    counts: pl.DataFrame = field(default_factory=pl.DataFrame)
    """Requests that the meter counts: bucket dimensions without token_kind, and `request_count`."""
    shared: dict[str, pl.DataFrame] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What several causes work out alike, by name: done by the first that asks, from other fields alone."""


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
    first: str = ""
    """Where to begin: `{place}` stands for the service, model or scope with most of its dollars."""
    place: str = "service"
    """Column of the bridge that `{place}` is taken from."""
    is_avoidable: bool = False
    """Whether its tokens need not be bought at all: only then does acting on it save money."""


def claims(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows of CLAIM_SCHEMA from rows with bucket, owner, `tokens` and `reason`.

    What is left out is filled in: bounds equal to the point, no variance, basis exact, one piece of evidence.
    """
    defaults = {
        "tokens_low": pl.col("tokens"),
        "tokens_high": pl.col("tokens"),
        "variance": pl.lit(0.0),
        "item": pl.lit(None),
        "requests": pl.lit(0.0),
        "rate": pl.lit(None),
        "rate_prior": pl.lit(None),
        "rate_error": pl.lit(None),
        "rate_low": pl.lit(None),
        "rate_high": pl.lit(None),
        "is_chance": pl.lit(value=False),
        "full_tokens": pl.lit(None),
        "basis": pl.lit("exact"),
        "trace_id": pl.lit(None),
        "span_id": pl.lit(None),
        "evidence_count": pl.lit(1),
    }
    missing = {name: value for name, value in defaults.items() if name not in rows.columns}
    filled = rows.with_columns(claimed_tokens=pl.col("tokens"), **missing)
    return filled.select([pl.col(name).cast(dtype) for name, dtype in CLAIM_SCHEMA.items()])


def claims_from_corrections(corrections: pl.DataFrame, step: str) -> pl.DataFrame:
    """Return the corrections of one step as exact claims: landing has already said what and why."""
    return claims(corrections.filter(pl.col("step") == step))
