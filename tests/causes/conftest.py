"""Evidence for a cause, written as small text tables."""

from collections.abc import Callable

import polars as pl
import pytest

from pipeline.cause import Evidence
from schemas.core import Attempt, Call, Correction, Request

DAY = "2026-10-05T00:00:00"
_BUCKET = {"bucket_start_at": pl.Datetime("us", "UTC")}
SCHEMAS = {
    "calls": pl.Schema({**Call.empty().schema, **_BUCKET}),
    "attempts": pl.Schema(Attempt.empty().schema),
    "corrections": pl.Schema({**Correction.empty().schema, **_BUCKET}),
    "requests": pl.Schema({**Request.empty().schema, **_BUCKET}),
    "metered": pl.Schema(
        {
            **dict.fromkeys(
                ("provider", "account", "scope", "model", "service_tier", "token_kind"), pl.String()
            ),
            **_BUCKET,
            "tokens": pl.Int64(),
        }
    ),
}


@pytest.fixture
def evidence(table: Callable[..., pl.DataFrame]) -> Callable[..., Evidence]:
    """Evidence from text tables by name; what is not given is empty."""

    def build(owners: dict[str, str] | None = None, **texts: str) -> Evidence:
        frames = {}
        for name, schema in SCHEMAS.items():
            constant = {
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
            }
            used = {key: value for key, value in constant.items() if key in schema}
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
