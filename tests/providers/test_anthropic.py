"""Anthropic: usage leaves, cents as text, times without an offset, the default workspace."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from pipeline.providers.anthropic import dollars, parse_costs, parse_usage


def test_usage_fields_are_the_leaves(anthropic_page, messages, as_bytes) -> None:
    row = parse_usage(as_bytes(anthropic_page([messages()]))).rows.row(0, named=True)

    assert row["input_uncached_tokens"] == 1500
    assert row["cache_read_tokens"] == 200
    assert row["cache_write_5m_tokens"] == 500
    assert row["cache_write_1h_tokens"] == 1000
    assert row["cache_write_other_tokens"] is None
    assert row["output_tokens"] == 600
    assert row["request_count"] is None
    assert (row["endpoint"], row["grouping"], row["dimensions"]) == ("messages", "", "{}")


def test_null_in_a_grouped_workspace_is_the_default_workspace(anthropic_page, messages, as_bytes) -> None:
    page = anthropic_page([messages(workspace_id="wrkspc_1"), messages(api_key_id="apikey_1")])

    rows = parse_usage(as_bytes(page)).rows

    assert rows["project_id"].to_list() == ["wrkspc_1", "default"]
    assert rows["api_key_id"].to_list() == ["console", "apikey_1"]
    assert rows["grouping"].to_list() == ["api_key_id+workspace_id"] * 2
    assert rows["dimensions"].to_list() == ['{"workspace_id":"wrkspc_1"}', '{"api_key_id":"apikey_1"}']


def test_null_in_an_ungrouped_workspace_stays_null(anthropic_page, messages, as_bytes) -> None:
    rows = parse_usage(as_bytes(anthropic_page([messages(model="claude-opus-4-6")]))).rows

    assert rows["project_id"].to_list() == [None]


@pytest.mark.parametrize(
    "start",
    ["2026-10-01T00:00:00Z", "2026-10-01T00:00:00", "2026-10-01T02:00:00+02:00", "2026-10-01T00:00:00.000Z"],
)
def test_a_time_without_offset_is_utc(anthropic_page, messages, as_bytes, start) -> None:
    page = anthropic_page([messages()])
    page["data"][0]["starting_at"] = start

    rows = parse_usage(as_bytes(page)).rows

    assert rows["bucket_start_at"].to_list() == [datetime(2026, 10, 1, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"uncached_input_tokens": None}, "missing_field"),
        ({"output_tokens": -3}, "bad_count"),
        ({"cache_creation": 7}, "bad_count"),
        ({"cache_creation": {"ephemeral_5m_input_tokens": "x"}}, "bad_count"),
    ],
    ids=str,
)
def test_a_bad_result_is_refused_alone(anthropic_page, messages, as_bytes, fields, code) -> None:
    parsed = parse_usage(as_bytes(anthropic_page([messages(), messages(**fields)])))

    assert [(reject.position, reject.code) for reject in parsed.rejects] == [(1, code)]
    assert parsed.rows.height == 1


def _cost(**fields: object) -> dict:
    return {
        "amount": "123.45",
        "currency": "USD",
        "cost_type": "tokens",
        "description": "Claude Sonnet 4 Usage - Input Tokens",
        "model": "claude-sonnet-4-20250514",
        "token_type": "uncached_input_tokens",
        "service_tier": "standard",
        "context_window": "0-200k",
        "workspace_id": None,
        **fields,
    }


def test_cents_as_text_come_out_in_dollars(anthropic_page, as_bytes) -> None:
    row = parse_costs(as_bytes(anthropic_page([_cost()]))).rows.row(0, named=True)

    assert row["amount"] == Decimal("1.2345")
    assert (row["model"], row["token_kind"], row["cost_type"]) == (
        "claude-sonnet-4-20250514",
        "input_uncached",
        "tokens",
    )
    assert row["line_item"] == "Claude Sonnet 4 Usage - Input Tokens"


@pytest.mark.parametrize(("cents", "expected"), [("1", "0.01"), ("0.0000001", "0.000000001"), (250, "2.5")])
def test_cents_keep_their_digits(cents, expected) -> None:
    assert dollars(cents) == Decimal(expected)


@pytest.mark.parametrize(
    ("token_type", "kind"),
    [
        ("cache_read_input_tokens", "cache_read"),
        ("cache_creation.ephemeral_5m_input_tokens", "cache_write_5m"),
        ("cache_creation.ephemeral_1h_input_tokens", "cache_write_1h"),
        ("output_tokens", "output"),
    ],
)
def test_token_types_are_kinds(anthropic_page, as_bytes, token_type, kind) -> None:
    rows = parse_costs(as_bytes(anthropic_page([_cost(token_type=token_type)]))).rows

    assert rows["token_kind"].to_list() == [kind]


@pytest.mark.parametrize("cost_type", ["web_search", "code_execution", "session_usage"])
def test_what_is_no_token_is_a_fee(anthropic_page, as_bytes, cost_type) -> None:
    rows = parse_costs(
        as_bytes(anthropic_page([_cost(cost_type=cost_type, token_type=None, model=None)]))
    ).rows

    assert rows["cost_type"].to_list() == ["fee"]
    assert rows["token_kind"].to_list() == [None]


def test_a_token_type_that_nobody_knows_is_unknown_not_guessed(anthropic_page, as_bytes) -> None:
    unheard = {"token_type": "thought_tokens"}
    rows = parse_costs(as_bytes(anthropic_page([_cost(**unheard)]))).rows

    assert (rows["cost_type"][0], rows["token_kind"][0]) == ("unknown", None)


def test_an_unknown_currency_is_refused(anthropic_page, as_bytes) -> None:
    parsed = parse_costs(as_bytes(anthropic_page([_cost(currency="ZZZ")])))

    assert [reject.code for reject in parsed.rejects] == ["unknown_currency"]
