"""Bridges and calls written as small tables."""

from collections.abc import Callable

import polars as pl
import pytest

from pipeline.variance.earlier import MONTHS, STEPS, Earlier, steps_of
from schemas.tables import BY_NAME

PLACE = {"provider": "openai", "account": "acme", "scope": "acme", "service_tier": "standard"}
OWNER = {"service": "chat", "feature": "", "step": "traced", "basis": "exact", "evidence_count": 1}


@pytest.fixture
def bridge(table: Callable[..., pl.DataFrame]) -> Callable[..., pl.DataFrame]:
    """recon.bridge of a month from `team | model | token_kind | tokens | usd` and more columns."""

    def build(month: str, text: str) -> pl.DataFrame:
        return table(
            text, BY_NAME["recon.bridge"].schema, month=month, **PLACE, **OWNER, tokens_low=0, tokens_high=0
        )

    return build


@pytest.fixture
def earlier() -> Callable[..., Earlier]:
    """What a close knows of months before from their bridges."""

    def build(*months: str, bridges: tuple[pl.DataFrame, ...] = ()) -> Earlier:
        frames = {MONTHS: pl.DataFrame({"month": months}, schema={"month": pl.String})}
        if bridges:
            frames[STEPS] = pl.concat([steps_of(each) for each in bridges])
        return Earlier.of(frames)

    return build
