"""What calibration learns on worlds whose rates are known, and how often its intervals hold the truth."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from pipeline import places, posterior
from pipeline.attribution import balance
from pipeline.calibration import Learned, learn
from pipeline.cause import BUCKET, CELL, CLAIM_SCHEMA, OWNER
from pipeline.posterior import intervals
from schemas.recon import LearnedRate

START = datetime(2026, 10, 1, tzinfo=UTC)
FIXED = {
    "provider": "openai",
    "account": "a",
    "scope": "one",
    "model": "m",
    "service_tier": "standard",
    "token_kind": "output",
    "team": "t",
    "service": "s",
    "feature": "",
    "rate_prior": 0.5,
    "rate_error": 0.3,
    "rate_low": 0.0,
    "rate_high": 1.0,
    "is_chance": True,
    "variance": 0.0,
    "requests": 0.0,
    "tokens_low": 0,
    "basis": "estimated",
    "evidence_count": 1,
    "reason": "r",
    "step": "retries",
}
GROUP = [*CELL, *OWNER, "step"]


def claims_frame(items: list[dict[str, object]]) -> pl.DataFrame:
    """One claim an item: place (scope, hour), rate, full tokens; the truth in `actual`."""
    rows = [
        {
            **FIXED,
            "tokens_high": row["full_tokens"],
            "claimed_tokens": round(row["full_tokens"] * 0.5),
            "bucket_start_at": START + timedelta(hours=row["hour"]),
            **{name: value for name, value in row.items() if name != "hour"},
        }
        for row in items
    ]
    schema = {**CLAIM_SCHEMA, "step": pl.String, "actual": pl.Int64}
    return pl.DataFrame(rows, schema=schema).sort(*BUCKET, "rate", "full_tokens")


def buckets_frame(claims: pl.DataFrame, noise: dict[int, int] | np.random.Generator) -> pl.DataFrame:
    """Buckets whose drift is the truth of the claims plus noise; 10,000 tokens each were traced."""
    sums = claims.group_by(BUCKET).agg(pl.col("actual").sum()).sort(BUCKET)
    if isinstance(noise, dict):
        extra = [noise.get(n, 0) for n in range(sums.height)]
    else:
        spread = 0.01 * (20_000 + sums["actual"].to_numpy())
        extra = noise.normal(0, spread).round().astype(int).tolist()
    drift = pl.col("actual") + pl.Series(extra, dtype=pl.Int64)
    return sums.select(
        *BUCKET,
        month=pl.lit("2026-10"),
        traced_tokens=pl.lit(10_000, pl.Int64),
        metered_tokens=10_000 + drift,
        drift_tokens=drift,
    )


def failures(seed: int, chances: dict[str, float], hours: int = 30, many: int = 40) -> pl.DataFrame:
    """Failed attempts of two sizes, each billed in full or not at all."""
    random = np.random.default_rng(seed)
    items = []
    for hour in range(hours):
        for rate, chance in chances.items():
            for full in random.integers(500, 1500, random.integers(1, many)).tolist():
                actual = full if random.random() < chance else 0
                items.append({"hour": hour, "rate": rate, "full_tokens": full, "actual": actual})
    return claims_frame(items)


def learned_from(claims: pl.DataFrame, noise: dict[int, int] | np.random.Generator) -> Learned:
    return learn(buckets_frame(claims, noise), claims.drop("actual"))


def rates(learned: Learned) -> dict[str, dict[str, object]]:
    return {row["rate"]: row for row in learned.rates.iter_rows(named=True)}


@pytest.fixture
def one_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The share of the unexplained with which the sums of this file were done by hand."""
    monkeypatch.setattr(places, "UNEXPLAINED_SHARE", 0.01)


def test_two_rates_are_recovered_from_thirty_buckets() -> None:
    claims = failures(7, {"billed/a": 0.8, "billed/b": 0.15})
    learned = learned_from(claims, np.random.default_rng(8))
    LearnedRate.validate(learned.rates)
    found = rates(learned)

    for name, truth in (("billed/a", 0.8), ("billed/b", 0.15)):
        assert found[name]["posterior_error"] < 0.06
        assert abs(found[name]["posterior"] - truth) < 2 * found[name]["posterior_error"]
        assert found[name]["is_separable"]
        assert found[name]["buckets"] == 30


def test_one_bucket_with_one_rate_is_a_weighted_mean() -> None:
    # 10,000 tokens, chance one half with error 0.3, drift 8,000. The item spreads by 5,000^2 and the unexplained
    # by 1 % of 28,000: 280^2; the prior says 5,000 and spreads by 3,000^2 beside them. The posterior moves
    # 0.3 by 9 / (9 + 25 + 0.0784) = 0.2641, and then a little as the spread of the item follows the rate.
    claims = claims_frame([{"hour": 0, "rate": "billed/a", "full_tokens": 10_000, "actual": 8_000}])
    found = rates(learned_from(claims, {}))["billed/a"]

    assert found["posterior"] == pytest.approx(0.5 + 0.3 * 0.2641, abs=0.005)
    assert found["posterior_error"] == pytest.approx(0.3 * (1 - 0.2641) ** 0.5, abs=0.005)
    assert found["correlation"] is None


def test_claims_follow_the_learned_rate_inside_their_bounds() -> None:
    claims = failures(7, {"billed/a": 0.8})
    learned = learned_from(claims, {})
    used = rates(learned)["billed/a"]["posterior"]

    wanted = [round(full * used) for full in claims["full_tokens"]]
    assert learned.claims["claimed_tokens"].to_list() == wanted


def test_rates_that_always_come_together_are_known_as_a_sum_only() -> None:
    # In every hour 100 failures of each kind, of the same size: 70 % of all are billed, whichever.
    sizes = {"billed/a": 80, "billed/b": 60}
    items = [
        {"hour": hour, "rate": rate, "full_tokens": 1_000, "actual": 1_000 * (n < count)}
        for hour in range(200)
        for rate, count in sizes.items()
        for n in range(100)
    ]
    found = rates(learned_from(claims_frame(items), {}))

    assert not found["billed/a"]["is_separable"]
    assert found["billed/a"]["correlated_with"] == "billed/b"
    assert found["billed/a"]["correlation"] < -0.9
    assert found["billed/a"]["posterior"] + found["billed/b"]["posterior"] == pytest.approx(1.4, abs=0.02)


def test_one_wild_bucket_hardly_moves_a_rate() -> None:
    claims = failures(7, {"billed/a": 0.3})
    calm = rates(learned_from(claims, {}))["billed/a"]["posterior"]
    wild = rates(learned_from(claims, {3: 400_000}))["billed/a"]["posterior"]

    assert abs(wild - calm) < 0.03


def test_a_ratio_that_foretells_no_other_bucket_stays_at_its_prior() -> None:
    # Drift that has nothing to do with the claims: up in one pair of hours, down in the next.
    ratio = {"rate": "ratio/a", "is_chance": False, "full_tokens": 2_000, "actual": 1_000}
    claims = claims_frame([{"hour": hour, **ratio} for hour in range(30)])
    # 300 of 2,000 tokens are half a standard error of the prior: the unexplained asks for no more room.
    drifting = {hour: 300 if hour % 2 else -300 for hour in range(30)}
    steady = dict.fromkeys(range(30), 300)

    assert rates(learned_from(claims, drifting))["ratio/a"]["posterior"] == 0.5
    assert rates(learned_from(claims, drifting))["ratio/a"]["posterior_error"] == 0.3
    assert rates(learned_from(claims, steady))["ratio/a"]["posterior"] == pytest.approx(0.65, abs=0.01)


def test_exact_claims_have_no_interval_and_bounded_ones_keep_theirs() -> None:
    plain = {"rate": None, "rate_prior": None, "full_tokens": None, "is_chance": False, "claimed_tokens": 100}
    claims = claims_frame(
        [
            {"hour": 0, **plain, "full_tokens": 0, "tokens_low": 100, "tokens_high": 100, "actual": 100},
            {"hour": 0, **plain, "full_tokens": 0, "tokens_low": 40, "tokens_high": 300, "actual": 100}
            | {"team": "bounded"},
        ]
    )
    buckets = buckets_frame(claims, {0: 50})
    learned = learn(buckets, claims.drop("actual"))
    found = intervals(buckets, balance(buckets, learned.claims), learned).sort("step", "team")

    assert found.select("team", "tokens", "tokens_low", "tokens_high").rows() == [
        ("bounded", 100, 40, 300),
        ("t", 100, 100, 100),
        (None, 50, 50, 50),
    ]


@pytest.mark.usefixtures("one_percent")
def test_ninety_percent_intervals_hold_nine_times_in_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mathematics alone, in worlds that are as it assumes; real intervals are wider, never narrower."""
    assert posterior.INTERVAL_SCALE >= 1
    monkeypatch.setattr(posterior, "INTERVAL_SCALE", 1.0)
    monkeypatch.setattr(posterior, "SHARED_ERROR", 0.0, raising=False)
    held, points = [], 0
    for seed in range(12):
        random = np.random.default_rng(seed)
        chances = {f"billed/{n}": random.normal(0.5, 0.1) for n in range(4)}
        parts = [
            failures(int(random.integers(1 << 30)), chances, hours=6, many=20).with_columns(
                scope=pl.lit(f"s{n}"), team=pl.col("rate").str.slice(-1), rate_error=pl.lit(0.1)
            )
            for n in range(6)
        ]
        claims = pl.concat(parts).sort(*BUCKET, "rate", "full_tokens")
        buckets = buckets_frame(claims, random)
        learned = learn(buckets, claims.drop("actual"))
        found = intervals(buckets, balance(buckets, learned.claims), learned)
        truth = claims.group_by(GROUP).agg(pl.col("actual").sum())
        rest = (
            buckets.group_by(CELL)
            .agg(pl.col("drift_tokens").sum())
            .join(claims.group_by(CELL).agg(pl.col("actual").sum()), on=CELL)
        )
        named = found.join(truth, on=GROUP)
        spare = found.filter(pl.col("step") == "unexplained").join(
            rest.select(*CELL, actual=pl.col("drift_tokens") - pl.col("actual")), on=CELL
        )
        both = pl.concat([named, spare.select(named.columns)])
        held.append(both.select(pl.col("actual").is_between("tokens_low", "tokens_high").sum()).item())
        points += both.height

    assert points == 12 * (6 * 4 + 6)
    assert 0.85 <= sum(held) / points <= 0.95
