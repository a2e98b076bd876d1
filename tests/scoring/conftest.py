"""Truth and bridge as small text tables; what every row has alike is filled in."""

from collections.abc import Callable

import polars as pl
import pytest

from schemas.recon import Bridge

ALIKE = {
    "month": "2026-10",
    "provider": "openai",
    "account": "main",
    "model": "m",
    "service_tier": "standard",
}
TRUTH = pl.Schema(
    {
        **dict.fromkeys([*ALIKE, "token_kind", "day", "team", "cause"], pl.String()),
        "tokens": pl.Int64(),
    }
)


@pytest.fixture
def truth_of(table: Callable[..., pl.DataFrame]) -> Callable[..., pl.DataFrame]:
    def build(text: str, **constant: object) -> pl.DataFrame:
        return table(text, TRUTH, **{**ALIKE, "token_kind": "output", "day": "2026-10-05", **constant})

    return build


@pytest.fixture
def bridge_of(table: Callable[..., pl.DataFrame]) -> Callable[..., pl.DataFrame]:
    """Rows of recon.bridge; without bounds a row is exact."""

    def build(text: str, **constant: object) -> pl.DataFrame:
        alike = {"scope": "main", "service": "s", "feature": "", "token_kind": "output", "evidence_count": 1}
        rows = table(text, Bridge.empty().schema, **{**ALIKE, **alike, "basis": "exact", **constant})
        points = [pl.coalesce(name, "tokens").alias(name) for name in ("tokens_low", "tokens_high")]
        return rows.with_columns(points)

    return build
