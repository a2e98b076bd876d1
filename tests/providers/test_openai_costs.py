"""OpenAI costs: exact dollars and what a SKU text names."""

from decimal import Decimal

import pytest

from pipeline.parsing.line_items import line_item
from pipeline.providers.openai import parse_costs


def _result(**fields: object) -> dict:
    return {
        "object": "organization.costs.result",
        "amount": {"value": 0.06, "currency": "usd"},
        "line_item": None,
        "project_id": None,
        "quantity": None,
        "quantity_unit": None,
        **fields,
    }


def test_an_amount_is_read_from_its_digits(openai_page, as_bytes) -> None:
    content = as_bytes(openai_page([_result()])).replace(b"0.06", b"0.003400000000000000000000000000000000")

    row = parse_costs(content).rows.row(0, named=True)

    assert row["amount"] == Decimal("0.0034")
    assert (row["currency"], row["cost_type"], row["grouping"]) == ("USD", "unknown", "")


def test_an_amount_as_text_is_read_too(openai_page, as_bytes) -> None:
    rows = parse_costs(as_bytes(openai_page([_result(amount={"value": "12.5", "currency": "EUR"})]))).rows

    assert rows["amount"].to_list() == [Decimal("12.5")]
    assert rows["currency"].to_list() == ["EUR"]


def test_a_line_item_row_names_model_kind_quantity(openai_page, as_bytes) -> None:
    result = _result(line_item="gpt-4o-2024-08-06, cached input", quantity=1.5, quantity_unit="1000_tokens")

    row = parse_costs(as_bytes(openai_page([result], []))).rows.row(0, named=True)

    assert (row["model"], row["token_kind"], row["cost_type"]) == (
        "gpt-4o-2024-08-06",
        "cache_read",
        "tokens",
    )
    assert (row["quantity"], row["quantity_unit"]) == (Decimal("1.5"), "1000_tokens")
    assert row["grouping"] == "line_item"


@pytest.mark.parametrize(
    ("words", "model", "kind", "tier", "cost_type"),
    [
        ("gpt-6-astra, input_tokens", "gpt-6-astra", "input_uncached", None, "tokens"),
        ("gpt-4o-2024-08-06, Input", "gpt-4o-2024-08-06", "input_uncached", None, "tokens"),
        ("gpt-5.6-luna, output", "gpt-5.6-luna", "output", None, "tokens"),
        ("gpt-5.6-luna, cached input", "gpt-5.6-luna", "cache_read", None, "tokens"),
        ("gpt-5.6-luna, Cached_Input_Tokens", "gpt-5.6-luna", "cache_read", None, "tokens"),
        ("gpt-5.6-luna, batch output", "gpt-5.6-luna", "output", "batch", "tokens"),
        ("text-embedding-3-small, embeddings", "text-embedding-3-small", "input_uncached", None, "tokens"),
        ("input_tokens", None, "input_uncached", None, "tokens"),
        ("gpt-4o", "gpt-4o", None, None, "unknown"),
        ("Something new", None, None, None, "unknown"),
        ("web search tool calls", None, None, None, "fee"),
        (None, None, None, None, "unknown"),
    ],
)
def test_a_sku_text_names_what_it_names_and_nothing_else(words, model, kind, tier, cost_type) -> None:
    assert line_item(words, None, {"gpt-4o"}) == {
        "model": model,
        "token_kind": kind,
        "service_tier": tier,
        "cost_type": cost_type,
    }


def test_a_unit_that_is_no_token_makes_a_fee() -> None:
    assert line_item("dall-e-3", "images", ())["cost_type"] == "fee"


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ({"value": 1, "currency": "XYZ"}, "unknown_currency"),
        ({"value": 1}, "unknown_currency"),
        ({"value": None, "currency": "usd"}, "missing_field"),
        ({"value": "1,234.5", "currency": "usd"}, "bad_amount"),
        ({"value": "NaN", "currency": "usd"}, "bad_amount"),
        ({"value": 1e300, "currency": "usd"}, "bad_amount"),
        (0.06, "missing_field"),
        (None, "missing_field"),
    ],
    ids=str,
)
def test_a_bad_amount_is_refused_alone(openai_page, as_bytes, amount, code) -> None:
    parsed = parse_costs(as_bytes(openai_page([_result(), _result(amount=amount)])))

    assert [(reject.position, reject.code) for reject in parsed.rejects] == [(1, code)]
    assert parsed.rows.height == 1
    assert parsed.read == 2


def test_a_negative_amount_is_money_off_not_an_error(openai_page, as_bytes) -> None:
    rows = parse_costs(as_bytes(openai_page([_result(amount={"value": -2.5, "currency": "usd"})]))).rows

    assert rows["amount"].to_list() == [Decimal("-2.5")]
