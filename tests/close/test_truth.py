"""A simulated month closed and held against its truth, for the causes whose figures are arithmetic.

The truth is written by the simulator, which knows nothing of the code under test.
"""

from pathlib import Path

import polars as pl
import pytest

from assets.close import close_month, load_settings
from pipeline.period import Month
from pipeline.simulator import world

CELL = ["model", "token_kind", "team"]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Tokens by model, kind, team and cause: `truth` of the simulator, `bridge` of the close."""
    folder = tmp_path_factory.mktemp("truth")
    world.write(folder, seed=23, month="2026-10", calls=2500)
    published = close_month(load_settings(folder / "tallystick.toml"), Month.parse("2026-10")).folder
    return pl.concat(
        [_truth(folder / "truth" / "truth.csv"), _bridge(published / "bridge.parquet")], how="align"
    )


def _truth(path: Path) -> pl.DataFrame:
    rows = pl.read_csv(path).filter(pl.col("month") == "2026-10")
    return rows.group_by(*CELL, step="cause").agg(truth=pl.col("tokens").sum())


def _bridge(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path).group_by(*CELL, "step").agg(bridge=pl.col("tokens").sum())


def of(both: pl.DataFrame, step: str) -> pl.DataFrame:
    return both.filter(pl.col("step") == step).with_columns(pl.col("truth", "bridge").fill_null(0))


def test_what_was_traced_is_read_to_the_token(both: pl.DataFrame) -> None:
    traced = of(both, "traced")
    assert traced["truth"].sum() > 0
    assert traced.filter(pl.col("truth") != pl.col("bridge")).is_empty()


def test_what_was_never_traced_is_found_to_the_token_and_with_its_owner(both: pl.DataFrame) -> None:
    found = of(both, "uninstrumented").group_by("model", "token_kind").agg(pl.col("truth", "bridge").sum())
    assert found["truth"].sum() > 0
    assert found.filter(pl.col("truth") != pl.col("bridge")).is_empty()


def test_duplicates_are_found_but_for_the_placeholder_that_one_dialect_adds(both: pl.DataFrame) -> None:
    """OpenLLMetry adds Anthropic's placeholder of 1 to 8 to a streamed output; no span shows by how much."""
    apart = of(both, "duplicate_spans").with_columns(gap=pl.col("bridge") - pl.col("truth"))
    assert apart["truth"].sum() < 0
    assert apart.filter((pl.col("gap") != 0) & (pl.col("token_kind") != "output")).is_empty()
    assert apart["gap"].min() >= 0
    assert apart["gap"].sum() <= 8 * 2500


def test_what_was_not_billed_is_never_claimed_beyond_the_truth(both: pl.DataFrame) -> None:
    free = of(both, "not_billed")
    assert free.filter(pl.col("bridge") < pl.col("truth")).is_empty()
    assert free["bridge"].sum() <= 0.9 * free["truth"].sum()


def test_exact_missing_usage_is_part_of_the_truth(both: pl.DataFrame) -> None:
    missing = of(both, "missing_usage")
    assert missing["bridge"].sum() > 0
    assert missing.filter(pl.col("bridge") > pl.col("truth")).is_empty()


def test_moved_kinds_add_up_to_nothing(both: pl.DataFrame) -> None:
    moved = of(both, "cache_convention")
    assert moved["bridge"].sum() == 0
    assert moved["bridge"].abs().sum() > 0


def test_what_is_unexplained_is_the_causes_that_are_not_claimed_yet(both: pl.DataFrame) -> None:
    """Everything adds up on both sides, so what the close leaves is what it did not claim of the truth."""
    sums = both.group_by("step").agg(pl.col("truth", "bridge").sum())
    rest = sums.filter(pl.col("step") == "unexplained")["bridge"].sum()
    claimed = sums.filter(~pl.col("step").is_in(["unexplained", "traced"]))
    assert rest == claimed["truth"].sum() - claimed["bridge"].sum()
