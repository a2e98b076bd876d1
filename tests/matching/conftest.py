"""Calls, requests and attempts of one account, written as small text tables."""

from collections.abc import Callable

import polars as pl
import pytest

from pipeline.matching import Matched, match
from schemas.core import Attempt, Call, Request

_CONSTANT: dict[str, object] = {
    "month": "2026-10",
    "provider": "anthropic",
    "account": "acme",
    "scope": "acme",
    "model": "m",
    "service_tier": "standard",
    "usage_quality": "recorded",
    "attempt_count": 1,
    "part": "message",
}


@pytest.fixture
def matched(table: Callable[..., pl.DataFrame]) -> Callable[..., Matched]:
    """Match text tables of calls, requests and attempts."""

    def build(calls: str, requests: str, attempts: str | None = None) -> Matched:
        def frame(text: str, schema: pl.Schema) -> pl.DataFrame:
            used = {name: value for name, value in _CONSTANT.items() if name in schema}
            return table(text, schema, **used)

        asked = frame(calls, pl.Schema(Call.empty().schema))
        logged = frame(requests, pl.Schema(Request.empty().schema))
        seen = frame(attempts, pl.Schema(Attempt.empty().schema)) if attempts else None
        return match(asked, logged, seen)

    return build
