"""Spans that real instrumentations wrote for recorded answers, against what the provider metered.

Expected totals come from shared/data/README.md: what the spans traced, less the second span of each pair;
cached input that an exclusive span logs beside its input counts.
"""

from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from pipeline.calls import Calls, Context, resolve
from pipeline.content import open_content, read_lines
from pipeline.intake.decoding import DecodeOptions, decode
from pipeline.providers import PROVIDERS
from pipeline.settings import Settings
from schemas.tables import BY_NAME

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "replayed"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recordings are not here")

KEPT = {
    "anthropic-openinference": (18, 12147, 2902),
    "anthropic-openllmetry-and-sdk": (18, 11285, 3044),
    "anthropic-openllmetry": (18, 9240, 2656),
    "anthropic-otel-genai": (18, 12932, 2743),
    "anthropic-sdk": (18, 12149, 2839),
    "bedrock-openinference": (19, 40386, 1316),
    "bedrock-openllmetry": (20, 40347, 1274),
    "bedrock-otel-botocore": (21, 4095, 1186),
    "google-openinference": (12, 66, 16772),
    "google-openllmetry": (12, 66, 4107),
    "google-otel-genai": (13, 74, 18682),
    "openai-openinference": (32, 2947, 3313),
    "openai-openllmetry": (37, 4098, 3877),
    "openai-otel-genai-http": (33, 2037, 3023),
    "openai-otel-genai": (29, 29272, 4611),
    "openai-otel-v2": (27, 1943, 2227),
    "openai-two-instrumentations": (32, 4972, 5106),
}
"""Account -> calls with an LLM span, their input and their output."""

EXACT = [
    "anthropic-openinference",
    "anthropic-openllmetry-and-sdk",
    "anthropic-otel-genai",
    "anthropic-sdk",
    "bedrock-openinference",
    "google-openinference",
    "google-otel-genai",
    "openai-two-instrumentations",
]
"""Accounts whose kept spans say exactly what was metered, call by call."""

INPUT = [
    "input_uncached_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_write_other_tokens",
]


def landed() -> pl.DataFrame:
    schema = BY_NAME["raw.span"].schema
    frames = []
    for path in sorted((FOLDER / "otlp").glob("*.gz")):
        account = pl.lit(path.name.removesuffix(".jsonl.gz"))
        with open_content(path) as (content, stream):
            frames += [
                batch.rows.with_columns(file_id=account, source=account, account=account)
                for batch in decode(read_lines(content, stream), DecodeOptions.of(Settings()))
            ]
    return pl.concat(frames).select(schema.names()).cast(schema)


def metered() -> pl.DataFrame:
    slugs = {name: p.slug for p in PROVIDERS for name in (*p.logged_names, p.slug)}
    return pl.read_csv(FOLDER / "metered.csv").with_columns(pl.col("provider").replace(slugs))


@pytest.fixture(scope="module")
def calls() -> Calls:
    known = metered().select("provider", "account", "model").unique()
    return resolve(landed(), Context(Settings(), known))


@pytest.fixture(scope="module")
def answers() -> pl.DataFrame:
    """One row per span of the answer key."""
    key = pl.read_csv(FOLDER / "calls.csv", infer_schema_length=0)
    return (
        key.with_columns(span_id=pl.col("span_ids").str.split(" ")).explode("span_id").drop_nulls("span_id")
    )


@pytest.mark.parametrize("account", KEPT)
def test_an_account_has_its_calls_and_their_tokens(calls, account) -> None:
    rows = calls.calls.filter(pl.col("account") == account)
    tokens_in = sum(rows[name].sum() for name in [*INPUT, "input_audio_tokens"])
    tokens_out = rows["output_tokens"].sum() + rows["output_audio_tokens"].sum()

    assert (rows.height, tokens_in, tokens_out) == KEPT[account]


def test_every_call_with_an_llm_span_is_found_once_and_none_is_invented(calls, answers) -> None:
    found = calls.calls.select("account", "span_id").join(answers, on=["account", "span_id"], how="left")

    assert found["request_id"].null_count() == 0
    assert max(Counter(found["request_id"].to_list()).values()) == 1


def test_what_is_left_of_the_pairs_is_what_was_metered_call_by_call(calls, answers) -> None:
    wide = calls.calls.select(
        "account", "span_id", "output_tokens", pl.sum_horizontal(pl.col(INPUT).fill_null(0)).alias("whole")
    ).join(answers.select("account", "span_id", "request_id"), on=["account", "span_id"])
    kinds = ["input", "cache_read", "cache_write_5m", "cache_write_1h", "cache_write_other"]
    bill = metered().select("account", "request_id", "output", pl.sum_horizontal(kinds).alias("billed"))
    both = bill.filter(pl.col("account").is_in(EXACT)).join(wide, on=["account", "request_id"])

    assert both.filter(
        (pl.col("whole") != pl.col("billed")) | (pl.col("output_tokens") != pl.col("output"))
    ).is_empty()


def test_every_request_over_http_finds_its_call_and_completions_have_none(calls) -> None:
    alone = calls.attempts.filter(pl.col("call_id").is_null())

    assert calls.attempts.height == 37
    assert alone["url_path"].str.ends_with("/completions").all()
    assert alone.height == 4


def test_local_servers_that_the_span_names_are_free(calls) -> None:
    free = calls.calls.filter(pl.col("not_billed_reason") == "self_hosted")

    assert dict(free["account"].value_counts().rows()) == {
        "openai-openllmetry": 4,
        "openai-two-instrumentations": 4,
        "openai-otel-genai-http": 3,
        "openai-otel-genai": 2,
    }


def test_nothing_that_was_metered_is_called_free(calls, answers) -> None:
    free = calls.calls.filter(pl.col("not_billed_reason").is_not_null()).select("account", "span_id")
    requests = free.join(answers.select("account", "span_id", "request_id"), on=["account", "span_id"])

    assert requests.join(metered(), on=["account", "request_id"]).is_empty()
