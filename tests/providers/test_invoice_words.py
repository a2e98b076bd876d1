"""Invoice manifests in the words that people use for the same thing."""

import json
from datetime import date
from decimal import Decimal

import pytest

from pipeline.formats import detect

LINES = [{"description": "API usage", "amount": "100.00"}]
HEAD = {"issuer": "OpenAI", "currency": "USD", "total": "109.00", "lines": LINES, "tax": "19.00"}


def rows(fields: dict[str, object]) -> list[tuple[object, ...]]:
    content = json.dumps(fields).encode()
    parsed = detect(content, "invoice", "invoice.json").parse(content)
    assert parsed.rejects == []
    columns = ("invoice_id", "period_start_on", "period_end_on", "category", "amount")
    return sorted(parsed.rows.select(columns).rows(), key=str)


def expected(*amounts: tuple[str, str]) -> list[tuple[object, ...]]:
    head = ("INV-9", date(2026, 10, 1), date(2026, 11, 1))
    return sorted(((*head, category, Decimal(amount)) for category, amount in amounts), key=str)


OCTOBER = {"period": "2026-10"}
AMOUNTS = (("usage", "100.00"), ("credit", "-10.00"), ("tax", "19.00"))


@pytest.mark.parametrize("name", ["invoice_id", "invoice_number", "number", "id"])
def test_the_number_of_an_invoice_has_several_names(name: str) -> None:
    assert rows({**HEAD, **OCTOBER, name: "INV-9", "credits": "10.00"}) == expected(*AMOUNTS)


@pytest.mark.parametrize(
    "period",
    [
        {"period": {"start": "2026-10-01", "end": "2026-11-01"}},
        {"period": {"start": "2026-10-01", "end": "2026-10-31"}},
        {"period_start": "2026-10-01", "period_end": "2026-10-31"},
    ],
)
def test_a_period_is_a_month_or_two_days_and_the_last_of_a_month_is_billed(period: dict[str, object]) -> None:
    assert rows({**HEAD, **period, "invoice_id": "INV-9", "credits": -10}) == expected(*AMOUNTS)


def test_credits_may_be_a_list_of_lines() -> None:
    credits_given = [{"description": "promotion", "amount": "4.00"}, {"amount": "-6.00"}]
    found = rows({**HEAD, **OCTOBER, "invoice_id": "INV-9", "credits": credits_given})
    assert found == expected(("usage", "100.00"), ("credit", "-4.00"), ("credit", "-6.00"), ("tax", "19.00"))
