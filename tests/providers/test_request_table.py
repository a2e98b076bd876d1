"""The per-request meter: columns by name, one bad line refused alone."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.parsing.request_table import parse

METERED = Path(__file__).parents[2].parent / "shared" / "data" / "replayed" / "metered.csv"

HEADER = "account,provider,model,response_id,request_id,part,input,cache_read,output,reasoning,started_at"
GOOD = "main,groq,llama3-8b-8192,chatcmpl-1,req-1,message,17,0,108,0,2026-10-01T01:54:55.309Z"


def _parse(*lines: str):
    return parse("\n".join([HEADER, *lines]).encode())


def test_a_line_is_a_request_and_absent_columns_are_unknown() -> None:
    row = _parse(GOOD).rows.row(0, named=True)

    assert (row["account"], row["provider"], row["model"]) == ("main", "groq", "llama3-8b-8192")
    assert (row["response_id"], row["request_id"], row["part"]) == ("chatcmpl-1", "req-1", "message")
    assert (row["input_uncached_tokens"], row["cache_read_tokens"], row["output_tokens"]) == (17, 0, 108)
    assert (row["cache_write_5m_tokens"], row["input_audio_tokens"], row["service_tier"]) == (
        None,
        None,
        None,
    )
    assert row["reasoning_tokens"] == 0
    assert row["started_at"] == datetime(2026, 10, 1, 1, 54, 55, 309_000, tzinfo=UTC)
    assert (row["line"], row["position"]) == (2, 0)


def test_only_model_time_and_one_kind_are_needed() -> None:
    parsed = parse(b"\xef\xbb\xbfStarted_At,Model,Output\r\n2026-10-01 02:00:00,m,5.0\r\n")

    row = parsed.rows.row(0, named=True)
    assert (row["account"], row["provider"], row["part"]) == (None, None, "message")
    assert (row["model"], row["output_tokens"], row["input_uncached_tokens"]) == ("m", 5, None)
    assert row["started_at"] == datetime(2026, 10, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("old", "new", "number"),
    [
        ("17,0,108", "-17,0,108", "-17"),
        ("17,0,108", "17.5,0,108", "17.5"),
        ("17,0,108", "lots,0,108", "lots"),
        ("17,0,108", "99999999999999,0,108", "99999999999999"),
        ("17,0,108", "9999999999999999999999999,0,108", "9999999999999999999999999"),
        ("17,0,108", ",,", "no token count"),
        ("llama3-8b-8192", "", "model"),
        ("llama3-8b-8192", "m" * 257, "256"),
        ("2026-10-01T01:54:55.309Z", "yesterday", "yesterday"),
        ("2026-10-01T01:54:55.309Z", "1790812800", "1790812800"),
        ("2026-10-01T01:54:55.309Z", "0026-10-01T00:00:00Z", "0026"),
        ("2026-10-01T01:54:55.309Z", "", "started_at"),
        ("groq", "groq,surplus", "12"),
        (",0,2026-10-01T01:54:55.309Z", "", "9"),
        ("groq", '"groq', "CSV"),
    ],
)
def test_a_bad_line_is_refused_alone_and_says_why(old, new, number) -> None:
    parsed = _parse(GOOD, GOOD.replace(old, new), GOOD)

    (reject,) = parsed.rejects
    assert reject.line == 3
    assert number in reject.reason
    assert parsed.rows["line"].to_list() == [2, 4]
    assert parsed.read == 3


def test_a_line_that_is_not_utf8_is_refused_alone() -> None:
    content = f"{HEADER}\n{GOOD}\n".encode() + GOOD.replace("groq", "gr~q").encode().replace(b"~", b"\xff")

    parsed = parse(content)

    assert [(reject.line, reject.code) for reject in parsed.rejects] == [(3, "invalid_utf8")]
    assert parsed.rows.height == 1


@pytest.mark.parametrize(
    ("header", "column"),
    [("model,input", "started_at"), ("started_at,input", "model"), ("model,started_at", "kind")],
)
def test_a_header_that_lacks_a_column_refuses_the_file(header, column) -> None:
    parsed = parse(f"{header}\nm,1\n".encode())

    (reject,) = parsed.rejects
    assert (reject.code, parsed.rows.height, parsed.read) == ("missing_column", 0, 1)
    assert column in reject.reason


def test_a_header_alone_is_no_request() -> None:
    parsed = _parse()

    assert (parsed.rows.height, parsed.rejects, parsed.read) == (0, [], 0)


@pytest.mark.skipif(not METERED.exists(), reason="the shared recordings are not here")
def test_the_replayed_meter_is_read_as_it_is() -> None:
    """Sums of the recordings: 226,534 tokens of input in all kinds and 96,528 of output in 351 requests."""
    parsed = parse(METERED.read_bytes())

    inputs = ["input_uncached_tokens", "cache_read_tokens", "cache_write_5m_tokens"]
    inputs += ["cache_write_1h_tokens", "cache_write_other_tokens"]
    assert (parsed.rows.height, parsed.rejects) == (351, [])
    assert parsed.rows.select(inputs).sum().sum_horizontal().item() == 226_534
    assert parsed.rows["output_tokens"].sum() == 96_528
