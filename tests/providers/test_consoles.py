"""The CSVs of OpenAI's dashboard and Anthropic's Console: rows by hand, and each bad line refused alone."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from pipeline.consoles import anthropic, openai
from schemas.types import KIND_COLUMNS
from tests.providers import samples

FIRST, SECOND, THIRD = (datetime(2026, 10, day, tzinfo=UTC) for day in (1, 2, 3))


def _kinds(row: dict) -> dict[str, int]:
    """The kinds that are known, by their short names."""
    return {name.removesuffix("_tokens"): row[name] for name in KIND_COLUMNS if row[name] is not None}


def test_openai_usage_is_read_as_the_api_tells_it() -> None:
    plain, batch, empty = openai.parse_usage(samples.OPENAI_USAGE).rows.rows(named=True)

    assert (plain["bucket_start_at"], plain["bucket_end_at"]) == (FIRST, SECOND)
    assert (plain["project_id"], plain["api_key_id"], plain["model"]) == (
        "proj_a",
        "key_a",
        "gpt-4o-mini-2024-07-18",
    )
    assert (plain["request_count"], plain["service_tier"], plain["endpoint"]) == (4, "default", "completions")
    zero = dict.fromkeys(("input_audio", "output_audio", "input_image", "output_image"), 0)
    assert _kinds(plain) == {
        **zero,
        "input_uncached": 11_422,
        "cache_read": 20_000,
        "cache_write_other": 0,
        "output": 290,
    }
    assert batch["service_tier"] == "batch"
    assert _kinds(batch) == {
        **zero,
        "input_uncached": 850,
        "cache_read": 0,
        "cache_write_other": 100,
        "output": 480,
        "input_audio": 50,
        "output_audio": 20,
    }
    assert (empty["is_empty"], empty["bucket_start_at"], _kinds(empty)) == (True, SECOND, {})
    assert plain["grouping"] == "api_key_id+batch+model+project_id+service_tier+user_id"


def test_openai_users_are_hashed_and_their_addresses_left_aside() -> None:
    for parsed in (openai.parse_usage(samples.OPENAI_USAGE), openai.parse_costs(samples.OPENAI_COST)):
        assert "user-1" not in str(parsed.rows.rows())
        assert "ann@" not in str(parsed.rows.rows())


def test_what_older_openai_files_lack_is_unknown_not_zero() -> None:
    (row,) = openai.parse_usage(samples.OPENAI_USAGE_OLD).rows.rows(named=True)

    assert _kinds(row) == {"input_uncached": 12, "cache_read": 0, "output": 3}
    assert (row["bucket_end_at"] - row["bucket_start_at"]).total_seconds() == 60


def test_an_openai_export_without_usage_proves_that_there_was_none() -> None:
    (row,) = openai.parse_usage(samples.OPENAI_USAGE_NONE).rows.rows(named=True)

    assert (row["is_empty"], row["bucket_start_at"]) == (True, FIRST)


def test_openai_cost_keeps_its_digits_its_credits_and_its_empty_buckets() -> None:
    spent, credit, empty = openai.parse_costs(samples.OPENAI_COST).rows.rows(named=True)

    assert (spent["amount"], spent["currency"]) == (Decimal("0.0034"), "USD")
    assert (spent["model"], spent["token_kind"], spent["cost_type"]) == (
        "gpt-4o-mini-2024-07-18",
        "input_uncached",
        "tokens",
    )
    assert (spent["quantity"], spent["quantity_unit"]) == (Decimal(22_600), "tokens")
    assert (credit["amount"], credit["line_item"], credit["cost_type"]) == (
        Decimal("-1.25"),
        "Credit",
        "unknown",
    )
    assert (empty["is_empty"], empty["amount"], empty["bucket_start_at"]) == (True, None, SECOND)


def test_openai_cost_without_grouping_is_a_total() -> None:
    (row,) = openai.parse_costs(samples.OPENAI_COST_TOTAL).rows.rows(named=True)

    assert (row["amount"], row["line_item"], row["grouping"]) == (Decimal("0.0034"), None, "")


@pytest.mark.parametrize(
    ("parse", "content", "old", "new", "told"),
    [
        (openai.parse_usage, samples.OPENAI_USAGE, "31422.0", "31422.5", ("bad_count", "31422.5")),
        (openai.parse_usage, samples.OPENAI_USAGE, "31422.0", "-31422.0", ("bad_count", "-31422")),
        (openai.parse_usage, samples.OPENAI_USAGE, "31422.0", "many", ("bad_count", "many")),
        (openai.parse_usage, samples.OPENAI_USAGE, ",,31422.0", ",,", ("missing_field", "input_tokens")),
        (openai.parse_usage, samples.OPENAI_USAGE, ",,31422.0", ",,31423.0", ("parts_disagree", "31423")),
        (openai.parse_usage, samples.OPENAI_USAGE, "False", "perhaps", ("bad_text", "perhaps")),
        (openai.parse_usage, samples.OPENAI_USAGE, "1790812800,", "yesterday,", ("bad_time", "yesterday")),
        (openai.parse_usage, samples.OPENAI_USAGE, "1790899200,", "1790812800,", ("bad_time", "not after")),
        (openai.parse_costs, samples.OPENAI_COST, ",usd", ",dollars", ("unknown_currency", "dollars")),
        (openai.parse_costs, samples.OPENAI_COST, "0.0034", "free", ("bad_amount", "free")),
        (openai.parse_costs, samples.OPENAI_COST, "22600", "a lot", ("bad_amount", "a lot")),
        (anthropic.parse_usage, samples.ANTHROPIC_TOKENS, "43,", "4.3,", ("bad_count", "4.3")),
        (anthropic.parse_usage, samples.ANTHROPIC_TOKENS, "43,", ",", ("missing_field", "no_cache")),
        (
            anthropic.parse_usage,
            samples.ANTHROPIC_TOKENS,
            "2026-10-01",
            "01/10/2026",
            ("bad_date", "01/10/2026"),
        ),
        (anthropic.parse_usage, samples.ANTHROPIC_TOKENS, "2026-10-01", "0026-10-01", ("bad_date", "2015")),
        (anthropic.parse_usage, samples.ANTHROPIC_TOKENS, "Default", "d" * 257, ("bad_text", "256")),
        (anthropic.parse_costs, samples.ANTHROPIC_COST, "1.65,1.65", "$1.65,1.65", ("bad_amount", "$1.65")),
        (anthropic.parse_costs, samples.ANTHROPIC_COST, "1.65,1.65", ",1.65", ("missing_field", "cost_usd")),
    ],
)
def test_a_bad_line_is_refused_alone_with_its_reason(parse, content, old, new, told) -> None:
    whole = parse(content)

    parsed = parse(content.decode().replace(old, new, 1).encode())

    (reject,) = parsed.rejects
    assert (reject.line, reject.code) == (2, told[0])
    assert told[1] in reject.reason
    assert reject.advice
    assert parsed.rows["line"].to_list() == whole.rows["line"].to_list()[1:]


@pytest.mark.parametrize(
    ("content", "written"),
    [
        (samples.ANTHROPIC_TOKENS, {"cache_write_5m": 302_527, "cache_write_1h": 0}),
        (samples.ANTHROPIC_TOKENS_2026_02, {"cache_write_5m": 302_527, "cache_write_1h": 0}),
        (samples.ANTHROPIC_TOKENS_2025, {"cache_write_5m": 302_527, "cache_write_1h": 0}),
        (samples.ANTHROPIC_TOKENS_OLDEST, {"cache_write_other": 302_527}),
    ],
)
def test_every_generation_of_anthropic_tokens_holds_the_same_usage(content, written) -> None:
    row = anthropic.parse_usage(content).rows.row(0, named=True)

    assert _kinds(row) == {"input_uncached": 43, "cache_read": 3_301_672, **written, "output": 32_676}
    assert (row["bucket_start_at"], row["bucket_end_at"], row["endpoint"]) == (FIRST, SECOND, "messages")
    assert (row["project_id"], row["api_key_id"]) == ("default", "claude-sdk")
    assert (row["model"], row["service_tier"], row["request_count"]) == (
        "claude-opus-4-5-20251101",
        "standard",
        None,
    )


def test_anthropic_use_without_a_key_is_the_console() -> None:
    rows = anthropic.parse_usage(samples.ANTHROPIC_TOKENS).rows.rows(named=True)

    assert [row["api_key_id"] for row in rows] == ["claude-sdk", "console", "jobs"]
    assert [row["project_id"] for row in rows] == ["default", "Search", "Search"]
    assert "not_available" not in rows[1]["dimensions"]


def test_anthropic_cost_is_dollars_in_whole_cents_for_the_kind_named() -> None:
    rows = anthropic.parse_costs(samples.ANTHROPIC_COST).rows.rows(named=True)

    assert [row["amount"] for row in rows] == [Decimal(c) for c in ("1.65", "1.89", "0.82", "0", "-0.30")]
    assert [row["token_kind"] for row in rows] == [
        "cache_read",
        "cache_write_5m",
        "output",
        "input_uncached",
        None,
    ]
    assert [row["cost_type"] for row in rows] == ["tokens"] * 4 + ["fee"]
    assert [row["service_tier"] for row in rows] == [None] * 4 + ["batch"]
    assert {row["currency"] for row in rows} == {"USD"}
    assert (rows[0]["model"], rows[0]["project_id"]) == ("Claude Opus 4.5", "default")


def test_the_first_anthropic_cost_csv_is_read_alike() -> None:
    (row,) = anthropic.parse_costs(samples.ANTHROPIC_COST_2025).rows.rows(named=True)

    assert (row["amount"], row["token_kind"]) == (Decimal("1.65"), "cache_read")
