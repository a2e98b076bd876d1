"""The logs of LiteLLM and OpenRouter: who is asked, disjoint kinds, what is no request of a provider."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from pipeline.formats import detect
from pipeline.gateways import litellm, openrouter, openrouter_days
from schemas.types import KIND_COLUMNS
from tests.providers import samples

SLICE = Path(__file__).parents[2].parent / "shared" / "data" / "openrouter_activity_slice.csv"


def _kinds(row: dict) -> dict[str, int]:
    """The kinds that are known, by their short names."""
    return {name.removesuffix("_tokens"): row[name] for name in KIND_COLUMNS if row[name] is not None}


def _at(*parts: int) -> datetime:
    return datetime(2026, 10, *parts, tzinfo=UTC)


def test_litellm_names_who_was_asked_and_takes_the_caches_out_of_the_prompt() -> None:
    plain, cached, _, again = litellm.parse_csv(samples.LITELLM_CSV).rows.rows(named=True)

    assert (plain["provider"], plain["model"]) == ("openai", "gpt-4o-mini-2024-07-18")
    assert (plain["response_id"], plain["request_id"], plain["part"]) == ("chatcmpl-1", "call-1", "message")
    assert plain["started_at"] == _at(1, 8, 0, 0, 123_000)
    assert _kinds(plain) == {"input_uncached": 400, "cache_read": 600, "output": 250}
    assert (plain["reasoning_tokens"], plain["account"]) == (128, None)
    assert (cached["provider"], cached["model"]) == ("anthropic", "claude-haiku-4-5")
    assert cached["started_at"] == _at(1, 7)
    assert _kinds(cached) == {
        "input_uncached": 500 - 300 - 150,
        "cache_read": 300,
        "cache_write_5m": 100,
        "cache_write_1h": 50,
        "cache_write_other": 0,
        "output": 20,
    }
    assert (again["provider"], again["model"]) == ("aws.bedrock", "anthropic.claude-haiku-4-5-v1:0")
    assert (again["response_id"], _kinds(again)) == (
        "chatcmpl-4-attempt-1",
        {"input_uncached": 30, "output": 10},
    )


def test_an_answer_from_litellm_s_cache_is_no_message_and_counts_nothing() -> None:
    row = litellm.parse_csv(samples.LITELLM_CSV).rows.row(2, named=True)

    assert row["part"] == "cache_hit"
    assert _kinds(row) == dict.fromkeys((name.removesuffix("_tokens") for name in KIND_COLUMNS), 0)


def test_litellm_s_json_says_what_its_csv_says_and_keeps_no_text() -> None:
    parsed = litellm.parse_json(samples.LITELLM_JSON)

    first, failed = parsed.rows.rows(named=True)
    table = litellm.parse_csv(samples.LITELLM_CSV).rows.row(0, named=True)
    assert {**first, "line": 2} == table
    assert (failed["provider"], failed["model"], _kinds(failed)) == (
        "azure.ai.openai",
        "gpt-4o",
        {"input_uncached": 0, "output": 0},
    )
    assert "nobody keeps" not in str(parsed.rows.rows())
    assert litellm.parse_json(b"[" + samples.LITELLM_JSON.replace(b"\n", b",\n") + b"]").rows.height == 2


@pytest.mark.parametrize("sort_keys", [False, True])
def test_a_long_text_in_the_first_record_hides_no_format(sort_keys) -> None:
    record = json.loads(samples.LITELLM_JSON.splitlines()[0])
    long = {**record, "messages": [{"role": "user", "content": '"call_type": ' * 10_000}]}
    content = json.dumps(long, sort_keys=sort_keys).encode()

    export = detect(content[:65_536], "requests", None)

    assert (export.name, export.parse(content).rows.height) == ("litellm_spend_logs_json", 1)


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        (",1000,250,", ",-1,250,", "bad_count", "-1"),
        (",1000,250,", ",1000.5,250,", "bad_count", "1000.5"),
        (",1000,250,", ",,250,", "missing_field", "prompt_tokens"),
        (",1000,250,", ",500,250,", "parts_disagree", "exceed the 500 prompt"),
        ("2026-10-01 08:00:00.123", "noon", "bad_time", "noon"),
        (",openai,ann", ",,ann", "no_provider", "'success'"),
        ('"{""usage_object""', "\"{'usage_object'", "bad_metadata", "no JSON object"),
        ("chatcmpl-1,", "x" * 257 + ",", "bad_text", "256"),
    ],
)
def test_a_bad_litellm_line_is_refused_alone(old, new, code, words) -> None:
    parsed = litellm.parse_csv(samples.LITELLM_CSV.decode().replace(old, new, 1).encode())

    (reject,) = parsed.rejects
    assert (reject.line, reject.code) == (2, code)
    assert words in reject.reason
    assert parsed.rows["line"].to_list() == [3, 4, 5]


def test_who_answers_but_has_no_table_here_keeps_litellm_s_name() -> None:
    content = samples.LITELLM_CSV.replace(b",openai,ann", b",Cerebras,ann")

    assert litellm.parse_csv(content).rows["provider"][0] == "cerebras"


def test_openrouter_bills_its_generations_but_those_on_the_customer_s_key() -> None:
    first, cancelled, own, free = openrouter.parse_activity(samples.OPENROUTER_CSV).rows.rows(named=True)

    assert (first["provider"], first["model"]) == ("openrouter", "deepseek/deepseek-v4-pro-20260813")
    assert (first["response_id"], first["api_key_id"], first["started_at"]) == (
        "gen-1",
        "agent",
        _at(2, 21, 13, 5, 476_000),
    )
    assert _kinds(first) == {"input_uncached": 19_352 - 17_664, "cache_read": 17_664, "output": 111}
    assert _kinds(cancelled) == {"input_uncached": 24_606, "cache_read": 0, "output": 1}
    assert (own["provider"], own["reasoning_tokens"], own["output_tokens"]) == ("azure.ai.openai", 30, 20)
    assert (free["provider"], free["model"]) == (
        "openrouter",
        "meta-llama/llama-4-scout-17b-16e-instruct:free",
    )


def test_an_older_order_of_openrouter_s_columns_is_read_alike() -> None:
    old = openrouter.parse_activity(samples.OPENROUTER_CSV_OLD).rows
    new = openrouter.parse_activity(samples.OPENROUTER_CSV).rows.head(1)

    assert old.drop("api_key_id").equals(new.drop("api_key_id"))


def test_openrouter_s_costs_are_dollars_by_day_and_its_fee_on_own_keys() -> None:
    rows = openrouter.parse_charges(samples.OPENROUTER_CSV).rows.rows(named=True)

    assert [row["amount"] for row in rows] == [Decimal(d) for d in ("0.003428", "0.032237", "0.000005", "0")]
    assert [row["cost_type"] for row in rows] == ["tokens", "tokens", "fee", "tokens"]
    assert [(row["bucket_start_at"], row["bucket_end_at"]) for row in rows] == [
        (_at(2), _at(3)),
        (_at(2), _at(3)),
        (_at(1), _at(2)),
        (_at(1), _at(2)),
    ]
    assert len({row["dimensions"] for row in rows}) == 4


def test_generation_records_count_natively() -> None:
    first, own, copy = openrouter.parse_records(samples.OPENROUTER_GENERATIONS).rows.rows(named=True)

    assert _kinds(first) == {"input_uncached": 19_565 - 17_664, "cache_read": 17_664, "output": 111}
    assert (first["provider"], first["request_id"], first["project_id"], first["service_tier"]) == (
        "openrouter",
        "req-1",
        "ws-1",
        "flex",
    )
    assert (first["reasoning_tokens"], first["started_at"]) == (55, _at(2, 21, 13, 5, 476_000))
    assert own["provider"] == "aws.bedrock"
    assert (copy["part"], sum(_kinds(copy).values())) == ("cache_hit", 0)


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ({"native_tokens_prompt": "many"}, "bad_count", "many"),
        ({"native_tokens_cached": 20_000}, "parts_disagree", "20000 exceed the 19565 prompt"),
        ({"native_tokens_prompt": None, "native_tokens_completion": None, "native_tokens_cached": None},
         "bad_request", "no token count"),
        ({"created_at": 1790812800}, "bad_time", "1790812800"),
        ({"model": ["m"]}, "bad_text", "model"),
    ],
)  # fmt: skip
def test_a_bad_generation_is_refused_alone(changed, code, words) -> None:
    good = json.dumps({"data": samples.GENERATION})
    bad = json.dumps({"data": {**samples.GENERATION, "id": "gen-2", **changed}})

    parsed = openrouter.parse_records(f"{bad}\n{good}\n{json.dumps([1])}\n".encode())

    assert [(reject.line, reject.code) for reject in parsed.rejects] == [(1, code), (3, "not_a_record")]
    assert words in parsed.rejects[0].reason
    assert parsed.rows["response_id"].to_list() == ["gen-1"]


def test_daily_activity_is_openrouter_s_own_usage_export_and_its_cost() -> None:
    usage, _ = openrouter_days.parse_usage(samples.OPENROUTER_ACTIVITY).rows.rows(named=True)
    cost, _ = openrouter_days.parse_costs(samples.OPENROUTER_ACTIVITY).rows.rows(named=True)

    assert _kinds(usage) == {"input_uncached": 30, "cache_read": 20, "output": 125}
    assert (usage["request_count"], usage["model"], usage["grouping"]) == (
        5,
        "openai/gpt-4.1-2025-04-14",
        "endpoint_id+model+provider_name",
    )
    assert (usage["bucket_start_at"], usage["bucket_end_at"]) == (_at(1), _at(2))
    assert (cost["amount"], cost["currency"], cost["bucket_start_at"]) == (Decimal("0.015"), "USD", _at(1))


def test_activity_whose_cached_tokens_are_beside_the_prompt_is_refused() -> None:
    content = json.dumps({"data": [{**samples.ACTIVITY, "cached_tokens": 60}, samples.ACTIVITY]}).encode()

    parsed = openrouter_days.parse_usage(content)

    assert [(reject.position, reject.code) for reject in parsed.rejects] == [(0, "parts_disagree")]
    assert parsed.rows["position"].to_list() == [1]


@pytest.mark.skipif(not SLICE.exists(), reason="the shared samples are not here")
def test_the_real_activity_lands_whole() -> None:
    """71 rows; the sums are those of the file's own columns, nothing is refused."""
    content = SLICE.read_bytes()
    sums = pl.read_csv(SLICE).select(
        pl.col("tokens_prompt", "tokens_cached", "tokens_completion").sum(), rows=pl.len()
    )
    prompt, cached, completion, rows = sums.row(0)

    parsed = detect(content, "requests", SLICE.name).parse(content)
    charged = detect(content, "cost", SLICE.name).parse(content)

    found = parsed.rows.select(
        pl.sum_horizontal("input_uncached_tokens", "cache_read_tokens").sum(),
        pl.col("cache_read_tokens").sum(),
        pl.col("output_tokens").sum(),
        pl.len(),
    )
    assert found.row(0) == (prompt, cached, completion, rows) == (*sums.row(0)[:3], 71)
    assert (parsed.rejects, charged.rejects) == ([], [])
    cents = [Decimal(line.split(",")[2]) for line in content.decode().splitlines()[1:]]
    assert charged.rows["amount"].sum() == sum(cents)


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ('"prompt_tokens": 1000', '"prompt_tokens": "1000"', "bad_count", "'1000'"),
        ('"prompt_tokens": 1000, ', "", "missing_field", "prompt_tokens"),
        ('"cached_tokens": 600', '"cached_tokens": 1600', "parts_disagree", "1600 exceed the 1000 prompt"),
        ('"cached_tokens": 600', '"cached_tokens": -600', "bad_count", "-600"),
        ("2026-10-01T08:00:00.123Z", "1790841600", "bad_time", "1790841600"),
        ('"custom_llm_provider": "openai", ', "", "no_provider", "blank"),
        ('"startTime"', "startTime", "invalid_json", "Not JSON"),
    ],
)
def test_a_bad_litellm_record_is_refused_alone(old, new, code, words) -> None:
    content = samples.LITELLM_JSON.decode()
    assert content.count(old) == 1 or old == '"startTime"'

    parsed = litellm.parse_json(content.replace(old, new, 1).encode())

    (reject,) = parsed.rejects
    assert (reject.line, reject.code) == (1, code)
    assert words in reject.reason
    assert parsed.rows["line"].to_list() == [2]


@pytest.mark.parametrize(
    ("parse", "old", "new", "told"),
    [
        (openrouter.parse_activity, ",19352,", ",19352.5,", ("bad_count", "19352.5")),
        (openrouter.parse_activity, ",19352,", ",1935,", ("parts_disagree", "17664 exceed the 1935 prompt")),
        (openrouter.parse_activity, ",19352,", ",,", ("missing_field", "tokens_prompt")),
        (openrouter.parse_activity, "2026-10-02 21", "02.10.2026 21", ("bad_time", "02.10.2026")),
        (openrouter.parse_activity, ",,0,19352", ",,some,19352", ("bad_amount", "some")),
        (openrouter.parse_charges, ",0.003428,", ",gratis,", ("bad_amount", "gratis")),
        (openrouter.parse_charges, ",0.003428,", ",,", ("missing_field", "cost_total")),
        (openrouter.parse_charges, "2026-10-02 21", "soon", ("bad_time", "soon")),
    ],
)
def test_a_bad_openrouter_line_is_refused_alone(parse, old, new, told) -> None:
    content = samples.OPENROUTER_CSV.decode()
    assert old in content

    parsed = parse(content.replace(old, new, 1).encode())

    (reject,) = parsed.rejects
    assert (reject.line, reject.code) == (2, told[0])
    assert told[1] in reject.reason
    assert parsed.rows["line"].to_list() == [3, 4, 5]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"date": "October 1"}, ("bad_date", "October 1")),
        ({"prompt_tokens": 1.5}, ("bad_count", "1.5")),
        ({"prompt_tokens": None}, ("missing_field", "prompt_tokens")),
        ({"provider_name": 7}, ("bad_text", "provider_name")),
    ],
)
def test_a_bad_day_of_openrouter_is_refused_alone(changed, told) -> None:
    content = json.dumps({"data": [{**samples.ACTIVITY, **changed}, samples.ACTIVITY]}).encode()

    (reject,) = openrouter_days.parse_usage(content).rejects

    assert (reject.position, reject.code) == (0, told[0])
    assert told[1] in reject.reason
    assert openrouter_days.parse_usage(content).rows["position"].to_list() == [1]
