"""Evidence for a cause, written as small text tables."""

from collections.abc import Callable

import polars as pl
import pytest

from pipeline.billing_rules import RULES_SCHEMA
from pipeline.cause import Evidence
from schemas.core import Attempt, Call, Correction, Request
from schemas.types import TOKEN_KINDS

DAY = "2026-10-05T00:00:00"
_BUCKET = {"bucket_start_at": pl.Datetime("us", "UTC")}
_PLACE = dict.fromkeys(("provider", "account", "scope", "model", "service_tier"), pl.String())
_OWNER = dict.fromkeys(("team", "service", "feature"), pl.String())
_WHOLE = {
    **{f"whole_{kind}": pl.Float64() for kind in TOKEN_KINDS},
    "whole_input_error": pl.Float64(),
    "whole_output_error": pl.Float64(),
}
_JUDGED = {
    "fate": pl.String(),
    "failure": pl.String(),
    "is_doubtful": pl.Boolean(),
    "is_matched": pl.Boolean(),
    "kept_share": pl.Float64(),
    "attempts_made": pl.Int64(),
    **_WHOLE,
    "made_output": pl.Float64(),
    "excess_seconds": pl.Float64(),
    "given_up": pl.Float64(),
}
SCHEMAS = {
    "calls": pl.Schema({**Call.empty().schema, **_BUCKET, **_JUDGED}),
    "attempts": pl.Schema(
        {
            **Attempt.empty().schema,
            **_PLACE,
            **_OWNER,
            **_BUCKET,
            **_JUDGED,
            "is_stream": pl.Boolean(),
            "item": pl.String(),
            "reason": pl.String(),
        }
    ),
    "silences": pl.Schema(
        {
            **Call.empty().schema,
            **_BUCKET,
            **_JUDGED,
            "expected_calls": pl.Float64(),
            "has_http_span": pl.Boolean(),
            "has_http_elsewhere": pl.Boolean(),
        }
    ),
    "rules": RULES_SCHEMA,
    "corrections": pl.Schema({**Correction.empty().schema, **_BUCKET}),
    "requests": pl.Schema({**Request.empty().schema, **_BUCKET}),
    "metered": pl.Schema({**_PLACE, "token_kind": pl.String(), **_BUCKET, "tokens": pl.Int64()}),
}
CONSTANT: dict[str, object] = {
    "month": "2026-10",
    "provider": "anthropic",
    "account": "acme",
    "scope": "acme",
    "model": "m",
    "service_tier": "standard",
    "team": "red",
    "service": "chat",
    "feature": "",
    "usage_quality": "recorded",
    "cache_breakdown": "full",
    "part": "message",
    "fate": "agrees",
    "failure": "completed",
    "is_doubtful": False,
    "is_matched": False,
    "kept_share": 1.0,
    "attempts_made": 1,
    **dict.fromkeys(_WHOLE, 0.0),
    "made_output": 0.0,
    "given_up": 0.5,
    "error": 0.1,
    "low": 0.05,
    "high": 0.95,
    "output": "all",
    "evidence": "I",
}


@pytest.fixture
def evidence(table: Callable[..., pl.DataFrame]) -> Callable[..., Evidence]:
    """Evidence from text tables by name; what is not given is empty."""

    def build(owners: dict[str, str] | None = None, **texts: str) -> Evidence:
        frames = {}
        for name, schema in SCHEMAS.items():
            used = {key: value for key, value in CONSTANT.items() if key in schema}
            frame = table(texts[name], schema, **used) if name in texts else schema.to_frame()
            day = pl.lit(DAY).str.to_datetime(time_unit="us", time_zone="UTC")
            if "bucket_start_at" in schema:
                frame = frame.with_columns(bucket_start_at=pl.col("bucket_start_at").fill_null(day))
            frames[name] = frame
        return Evidence(
            **frames,
            cache_writes={
                "anthropic": ("cache_write_5m", "cache_write_1h"),
                "openai": ("cache_write_other",),
            },
            owners=owners or {},
        )

    return build


@pytest.fixture
def tokens() -> Callable[[pl.DataFrame], dict[str, int]]:
    """Claimed tokens of a frame of claims by token kind."""

    def add(claims: pl.DataFrame) -> dict[str, int]:
        sums = claims.group_by("token_kind").agg(pl.col("claimed_tokens").sum())
        return dict(sums.sort("token_kind").rows())

    return add
