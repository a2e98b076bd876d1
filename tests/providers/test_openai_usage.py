"""OpenAI usage: leaves, nulls, dimensions, and what is refused."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SourceError
from pipeline.providers.openai import leaves, parse_usage

EXAMPLES = Path(__file__).parents[2].parent / "shared" / "data" / "openai_usage_and_costs_examples.json"


def _parse(value, as_bytes):
    return parse_usage(as_bytes(value), "completions")


def test_the_documented_example_splits_into_leaves_that_add_up(openai_page, completions, as_bytes) -> None:
    """1000 input = 400 text + 50 audio + 50 image uncached, 400 cached, 100 written; 500 output."""
    result = completions(
        input_cache_write_tokens=100,
        input_uncached_tokens=500,
        input_audio_tokens=50,
        input_image_tokens=50,
        output_audio_tokens=50,
        output_image_tokens=50,
    )

    row = _parse(openai_page([result]), as_bytes).rows.row(0, named=True)

    assert {name: count for name, count in row.items() if name.endswith("_tokens")} == {
        "input_uncached_tokens": 400,
        "cache_read_tokens": 400,
        "cache_write_5m_tokens": None,
        "cache_write_1h_tokens": None,
        "cache_write_other_tokens": 100,
        "output_tokens": 400,
        "input_audio_tokens": 50,
        "output_audio_tokens": 50,
        "input_image_tokens": 50,
        "output_image_tokens": 50,
    }
    assert row["request_count"] == 5
    assert row["bucket_start_at"] == datetime(2026, 10, 1, tzinfo=UTC)
    assert row["bucket_end_at"] == datetime(2026, 10, 2, tzinfo=UTC)
    assert (row["provider"], row["endpoint"], row["line"], row["position"]) == ("openai", "completions", 1, 0)


def test_columns_that_an_old_dump_lacks_are_unknown_not_zero(openai_page, as_bytes) -> None:
    old = {"object": "organization.usage.completions.result", "input_tokens": 70, "output_tokens": 7}

    row = _parse(openai_page([old]), as_bytes).rows.row(0, named=True)

    assert (row["input_uncached_tokens"], row["output_tokens"]) == (70, 7)
    assert [row[name] for name in ("cache_read_tokens", "cache_write_other_tokens", "request_count")] == [
        None
    ] * 3


def test_an_empty_bucket_is_kept_as_proof_of_coverage(openai_page, completions, as_bytes) -> None:
    rows = _parse(openai_page([], [completions(model="m")]), as_bytes).rows

    assert rows["is_empty"].to_list() == [True, False]
    assert rows["grouping"].to_list() == ["model", "model"]
    assert rows["output_tokens"].to_list() == [None, 500]


def test_grouping_is_what_any_row_names(openai_page, completions, as_bytes) -> None:
    page = openai_page([completions(project_id="p1", model="m"), completions(model="m", batch=True)])

    rows = _parse(page, as_bytes).rows

    assert rows["grouping"].to_list() == ["batch+model+project_id"] * 2
    assert rows["dimensions"].to_list() == [
        '{"model":"m","project_id":"p1"}',
        '{"batch":true,"model":"m"}',
    ]
    assert rows["service_tier"].to_list() == [None, "batch"]


def test_a_user_id_leaves_no_trace_but_a_hash(openai_page, completions, as_bytes) -> None:
    rows = _parse(openai_page([completions(user_id="user-jane.doe")]), as_bytes).rows

    assert "jane" not in rows.write_json()
    assert rows["dimensions"][0] != "{}"


def test_embeddings_have_input_only(openai_page, as_bytes) -> None:
    result = {"object": "organization.usage.embeddings.result", "input_tokens": 16, "num_model_requests": 2}

    row = parse_usage(as_bytes(openai_page([result])), "embeddings").rows.row(0, named=True)

    assert (row["endpoint"], row["input_uncached_tokens"], row["output_tokens"]) == ("embeddings", 16, None)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"input_tokens": -1}, ("bad_count", ["-1"])),
        ({"input_tokens": "1000"}, ("bad_count", ["1000"])),
        ({"input_tokens": True}, ("bad_count", ["True"])),
        ({"input_tokens": 10**14}, ("bad_count", ["100000000000000", "10000000000000"])),
        ({"output_tokens": 1.5}, ("bad_count", ["1.5"])),
        ({"output_tokens": None}, ("missing_field", ["output_tokens"])),
        ({"input_cached_tokens": 1001}, ("parts_disagree", ["1000", "1001"])),
        ({"input_uncached_tokens": 599}, ("parts_disagree", ["1000", "599", "400"])),
        ({"input_audio_tokens": 601}, ("parts_disagree", ["601", "600"])),
        ({"output_audio_tokens": 300, "output_image_tokens": 201}, ("parts_disagree", ["300", "201", "500"])),
        ({"model": 7}, ("bad_text", ["7"])),
        ({"model": "m" * 257}, ("bad_text", ["mmm"])),
        ({"batch": "yes"}, ("bad_text", ["yes"])),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_result_is_refused_alone_with_its_numbers(
    openai_page, completions, as_bytes, fields, expected
) -> None:
    code, numbers = expected
    page = openai_page([completions(), completions(**fields), completions()])

    parsed = _parse(page, as_bytes)

    (reject,) = parsed.rejects
    assert (reject.line, reject.position, reject.code) == (1, 1, code)
    assert all(number in reject.reason for number in numbers)
    assert reject.advice
    assert parsed.rows["position"].to_list() == [0, 2]
    assert parsed.read == 3


@pytest.mark.parametrize(
    "times",
    [
        {"start_time": 1_790_812_800, "end_time": 1_790_812_800},
        {"start_time": 1_790_812_800_000, "end_time": 1_790_899_200_000},
        {"start_time": "2026-10-01", "end_time": 1_790_899_200},
        {"start_time": None, "end_time": 1_790_899_200},
    ],
    ids=["empty_interval", "milliseconds", "text", "missing"],
)
def test_a_bucket_with_bad_times_is_refused(openai_page, completions, as_bytes, times) -> None:
    page = openai_page([completions()], [completions()])
    page["data"][0].update(times)

    parsed = _parse(page, as_bytes)

    assert [reject.code for reject in parsed.rejects] == ["bad_time"]
    assert parsed.rows.height == 1
    assert parsed.read == 2


def test_counts_written_as_whole_floats_are_counts(openai_page, completions, as_bytes) -> None:
    parsed = _parse(openai_page([completions(output_tokens=29.0)]), as_bytes)

    assert parsed.rows["output_tokens"].to_list() == [29]


@given(
    st.lists(st.integers(0, 10**9), min_size=5, max_size=5),
    st.lists(st.integers(0, 10**9), min_size=3, max_size=3),
    st.booleans(),
)
def test_leaves_add_up_to_input_and_output(ins, outs, is_uncached_sent) -> None:
    plain, audio, image, cached, written = ins
    result = {
        "input_tokens": sum(ins),
        "input_cached_tokens": cached,
        "input_cache_write_tokens": written,
        "input_audio_tokens": audio,
        "input_image_tokens": image,
        "output_tokens": sum(outs),
        "output_audio_tokens": outs[1],
        "output_image_tokens": outs[2],
    }
    if is_uncached_sent:
        result["input_uncached_tokens"] = plain + audio + image

    found = leaves(result)

    assert sum(count or 0 for count in found.values()) == sum(ins) + sum(outs)
    assert found["input_uncached_tokens"] == plain
    assert all(count is None or count >= 0 for count in found.values())


@given(
    st.dictionaries(st.sampled_from(["input_tokens", "output_tokens", "input_cached_tokens"]), st.integers())
)
def test_whatever_is_sent_leaves_are_never_negative(result) -> None:
    try:
        found = leaves(result)
    except SourceError:
        return
    assert all(count is None or count >= 0 for count in found.values())


@pytest.mark.skipif(not EXAMPLES.exists(), reason="the shared examples are not here")
def test_of_a_map_by_path_the_token_endpoints_are_kept_and_the_others_are_named() -> None:
    parsed = parse_usage(EXAMPLES.read_bytes(), "completions")

    assert parsed.rows["endpoint"].to_list() == ["completions", "embeddings"]
    assert len(parsed.rejects) == 9
    assert parsed.read == 11
    assert {reject.code for reject in parsed.rejects} == {"other_endpoint"}
    assert any("GET /organization/usage/moderations" in reject.reason for reject in parsed.rejects)
