"""Spans that real instrumentations wrote, closed against what the providers metered for the same calls."""

from pathlib import Path

import polars as pl
import pytest

from assets.close import Published, close_month, load_settings
from pipeline.period import Month

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the recorded data is not part of the project")

FAITHFUL = (
    "anthropic-openinference",
    "anthropic-openllmetry-and-sdk",
    "anthropic-otel-genai",
    "anthropic-sdk",
    "bedrock-openinference",
    "google-otel-genai",
    "openai-two-instrumentations",
)
"""Accounts whose instrumentation records every successful call as it was metered."""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder = tmp_path_factory.mktemp("recorded")
    dumps = sorted((DATA / "replayed" / "otlp").glob("*.jsonl.gz"))
    examples = (DATA / "openai_usage_and_costs_examples.json").as_posix()
    sources = [
        ("meter", "requests", (DATA / "replayed" / "metered.csv").as_posix(), None),
        ("otlp-example", "traces", (DATA / "otlp_trace_example.json").as_posix(), None),
        ("openai-usage", "usage", examples, "examples"),
        ("openai-costs", "cost", examples, "examples"),
        *((path.name.split(".")[0], "traces", path.as_posix(), path.name.split(".")[0]) for path in dumps),
    ]
    text = "".join(
        f'[[sources]]\nname = "{name}"\nkind = "{kind}"\nuri = "{uri}"\n'
        + (f'account = "{account}"\n' if account else "")
        for name, kind, uri, account in sources
    )
    (folder / "tallystick.toml").write_text(text, "utf-8")
    return close_month(load_settings(folder / "tallystick.toml"), Month.parse("2026-10"))


@pytest.fixture(scope="module")
def bridge(published: Published) -> pl.DataFrame:
    return pl.read_parquet(published.folder / "bridge.parquet")


def test_every_account_is_compared_with_its_whole_meter(bridge: pl.DataFrame) -> None:
    kinds = ["input", "cache_read", "cache_write_5m", "cache_write_1h", "cache_write_other", "output"]
    meter = pl.read_csv(DATA / "replayed" / "metered.csv")
    expected = meter.group_by("account").agg(metered=pl.sum_horizontal(pl.col(kinds).sum())).sort("account")
    found = bridge.group_by("account").agg(metered=pl.col("tokens").sum()).sort("account")
    assert found.rows() == expected.rows()


@pytest.mark.parametrize("account", FAITHFUL)
def test_a_faithful_instrumentation_leaves_nothing_unexplained(bridge: pl.DataFrame, account: str) -> None:
    mine = bridge.filter(pl.col("account") == account)
    assert mine.height > 0
    assert mine.filter((pl.col("step") == "unexplained") & (pl.col("tokens") != 0)).is_empty()


def test_only_the_double_instrumentations_are_counted_twice(bridge: pl.DataFrame) -> None:
    # OpenLLMetry adds the output of `message_start` to that of the whole stream: a token or two in nine calls.
    doubled = bridge.filter((pl.col("step") == "duplicate_spans") & (pl.col("tokens") < -100))
    assert doubled["account"].unique().sort().to_list() == [
        "anthropic-openllmetry-and-sdk",
        "openai-two-instrumentations",
    ]


def test_a_log_of_requests_leaves_nothing_unexplained(bridge: pl.DataFrame) -> None:
    accounts = pl.read_csv(DATA / "replayed" / "metered.csv")["account"].unique()
    mine = bridge.filter(pl.col("account").is_in(accounts.implode()) & (pl.col("step") == "unexplained"))
    assert mine.filter(pl.col("tokens") != 0).is_empty()


def test_what_is_set_aside_are_the_other_endpoints_of_the_examples(published: Published) -> None:
    quarantine = pl.read_parquet(published.folder / "quarantine.parquet")
    assert set(quarantine["code"]) == {"other_endpoint"}
    assert set(quarantine["source"]) == {"openai-usage", "openai-costs"}
