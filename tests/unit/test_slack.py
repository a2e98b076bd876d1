"""How much room the unexplained gets: more where drift is left that no rate near its prior explains."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from pipeline.calibration import learn
from pipeline.cause import CELL, CLAIM_SCHEMA

CELL_OF = dict(zip(CELL, ("openai", "a", "a", "m", "standard", "output"), strict=True))
START = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 30


def slack(drift: list[int], full: int = 1000) -> float:
    """Standard deviation of the unexplained of a day, in tokens, after a month of these drifts."""
    days = [START + timedelta(days=n) for n in range(DAYS)]
    buckets = pl.DataFrame(
        [
            {**CELL_OF, "bucket_start_at": day, "traced_tokens": 50_000, "metered_tokens": 50_000 + d, "drift_tokens": d}
            for day, d in zip(days, drift, strict=True)
        ],
        schema_overrides={"bucket_start_at": pl.Datetime("us", "UTC")},
    )  # fmt: skip
    claim = {
        **CELL_OF, "team": "t", "service": "s", "feature": "", "claimed_tokens": full // 2, "tokens_low": 0,
        "tokens_high": 4 * full, "variance": 400.0, "requests": 0.0, "rate": "billed/x", "rate_prior": 0.5,
        "rate_error": 0.2, "rate_low": 0.0, "rate_high": 1.0, "is_chance": False, "full_tokens": full,
        "basis": "estimated", "evidence_count": 1, "reason": "r", "step": "retries",
    }  # fmt: skip
    rows = [{**claim, "bucket_start_at": day} for day in days]
    claims = pl.DataFrame(rows, schema={**CLAIM_SCHEMA, "step": pl.String})
    return float(learn(buckets, claims).places.slack[0, 0] ** 0.5)


def test_drift_as_the_prior_has_it_leaves_the_unexplained_as_it_is() -> None:
    assert slack([500 + (-1) ** n * 60 for n in range(DAYS)]) == pytest.approx(300, rel=0.01)


def test_drift_that_a_rate_within_its_error_explains_leaves_it_as_well() -> None:
    assert slack([650] * DAYS) == pytest.approx(300, rel=0.01)


def test_drift_far_beyond_what_the_rate_may_explain_widens_it() -> None:
    assert slack([5000] * DAYS) > 1500
