"""Recorded calls of real instrumentations, matched with what was metered, against the answer key."""

from pathlib import Path

import polars as pl
import pytest

from assets.close import facts, land, load_settings
from pipeline.matching import match
from pipeline.period import Month

DATA = Path(__file__).parents[3] / "shared" / "data" / "replayed"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the recorded data is not part of the project")

WITHOUT_IDS = ("anthropic-openinference", "google-openinference", "openai-openinference")


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Calls, attempts and requests of the recorded month."""
    folder = tmp_path_factory.mktemp("matching")
    dumps = sorted((DATA / "otlp").glob("*.jsonl.gz"))
    sources = [f'[[sources]]\nkind = "requests"\nuri = "{(DATA / "metered.csv").as_posix()}"\n']
    sources += [
        f'[[sources]]\nkind = "traces"\nuri = "{dump.as_posix()}"\naccount = "{dump.name.split(".")[0]}"\n'
        for dump in dumps
    ]
    (folder / "tallystick.toml").write_text("".join(sources), "utf-8")
    config = load_settings(folder / "tallystick.toml")
    land(config)
    calls, meters, _ = facts(config, Month.parse("2026-10"))
    return calls.calls, calls.attempts, meters.requests


def score(calls: pl.DataFrame, attempts: pl.DataFrame, requests: pl.DataFrame) -> pl.DataFrame:
    """Billed calls by account, how many met a request, and how many met their own."""
    names = requests.select("account", name="true_id").with_row_index("request")
    found = match(calls, requests.drop("true_id"), attempts).facts
    got = found.filter("is_kept").join(names.cast({"request": pl.Int64}), on="request")
    key = pl.read_csv(DATA / "calls.csv", infer_schema_length=0).select(
        "account", "trace_id", true="request_id", span_id=pl.col("span_ids").str.split(" ")
    )
    billed = key.explode("span_id").join(names.select("account", true="name"), on=["account", "true"])
    told = calls.select("call_id", "account", "trace_id", "span_id")
    rows = told.join(billed, on=["account", "trace_id", "span_id"], how="left")
    rows = rows.join(got.select("call_id", "name"), on="call_id", how="left")
    return rows.group_by("account").agg(
        billed=pl.col("true").count(),
        matched=pl.col("name").count(),
        right=(pl.col("name") == pl.col("true")).sum(),
    )


def share_right(scores: pl.DataFrame) -> float:
    return float(scores["right"].sum() / scores["billed"].sum())


def test_calls_meet_their_own_requests(landed: tuple[pl.DataFrame, ...]) -> None:
    calls, attempts, requests = landed
    scores = score(calls, attempts, requests.with_columns(true_id="request_id"))
    without = pl.col("account").is_in(WITHOUT_IDS)
    assert scores["billed"].sum() > 300
    assert share_right(scores.filter(~without)) >= 0.97
    assert share_right(scores.filter(without)) >= 0.90
    assert (scores["matched"].sum() - scores["right"].sum()) <= 3


def test_calls_meet_their_requests_by_time_and_counts_alone(landed: tuple[pl.DataFrame, ...]) -> None:
    calls, attempts, requests = landed
    no_ids = {name: pl.lit(None, pl.String) for name in ("request_id", "response_id")}
    nameless = requests.with_columns(true_id="request_id").with_columns(**no_ids)
    assert share_right(score(calls.with_columns(**no_ids), attempts, nameless)) >= 0.90
