"""A simulated month closed and held against its truth, for the figures that are arithmetic.

How far off the inferred ones are is scored in tests/scoring and by `tallystick simulate`.

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
    """Tokens by model, kind, team and cause: `truth` of the simulator, `bridge` of the close, `exact` of that."""
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
    rows = pl.read_parquet(path).group_by(*CELL, "step")
    return rows.agg(
        pl.col("tokens_low", "tokens_high").sum(),
        bridge=pl.col("tokens").sum(),
        exact=pl.col("tokens").filter(pl.col("basis") == "exact").sum(),
    )


def of(both: pl.DataFrame, step: str) -> pl.DataFrame:
    return both.filter(pl.col("step") == step).with_columns(pl.col("truth", "bridge", "exact").fill_null(0))


def test_what_was_traced_is_read_to_the_token(both: pl.DataFrame) -> None:
    traced = of(both, "traced")
    assert traced["truth"].sum() > 0
    assert traced.filter(pl.col("truth") != pl.col("bridge")).is_empty()


def test_what_was_never_traced_is_found_to_the_token(both: pl.DataFrame) -> None:
    found = of(both, "uninstrumented").group_by("model", "token_kind").agg(pl.col("truth", "bridge").sum())
    assert found["truth"].sum() > 0
    assert found.filter(pl.col("truth") != pl.col("bridge")).is_empty()


def test_duplicates_are_found_but_for_the_placeholder_that_one_dialect_adds(both: pl.DataFrame) -> None:
    """OpenLLMetry adds Anthropic's placeholder of 1 to 8 to a streamed output; no span shows by how much."""
    found = of(both, "duplicate_spans")
    assert found["truth"].sum() < 0
    apart = found.filter(pl.col("truth") != pl.col("bridge"))
    assert set(apart["token_kind"]) <= {"output"}
    assert apart.filter(~pl.col("truth").is_between("tokens_low", "tokens_high")).is_empty()
    assert (apart["bridge"] - apart["truth"]).abs().sum() <= 8 * 2500


def test_exactly_known_free_calls_are_free_and_nearly_all(both: pl.DataFrame) -> None:
    free = of(both, "not_billed")
    assert free.filter(pl.col("exact") < pl.col("truth")).is_empty()
    assert free["exact"].sum() <= 0.9 * free["truth"].sum() < 0


def test_exact_missing_usage_is_part_of_the_truth(both: pl.DataFrame) -> None:
    missing = of(both, "missing_usage")
    assert missing["exact"].sum() > 0
    assert missing.filter(pl.col("exact") > pl.col("truth")).is_empty()


def test_moved_kinds_add_up_to_nothing(both: pl.DataFrame) -> None:
    moved = of(both, "cache_convention")
    assert moved["bridge"].sum() == 0
    assert moved["bridge"].abs().sum() > 0


def test_all_steps_add_up_to_what_was_metered_on_both_sides(both: pl.DataFrame) -> None:
    sums = both.group_by("model", "token_kind").agg(pl.col("truth", "bridge").sum())
    assert sums["truth"].sum() > 0
    assert sums.filter(pl.col("truth") != pl.col("bridge")).is_empty()
