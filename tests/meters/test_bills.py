"""Billed: exact amounts in the words of the tie-out, restated like usage; unknown rates stay unknown."""

from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from pipeline.bills import bill
from pipeline.period import Month
from pipeline.settings import Settings
from schemas.tables import BY_NAME

OCTOBER = Month(2026, 10)
DAY = "bucket_start_at | bucket_end_at"
ONE = "2026-10-01T00:00 | 2026-10-02T00:00"
TWO = "2026-10-02T00:00 | 2026-10-03T00:00"


@pytest.fixture
def billed(cost, invoices, files):
    def build(config=None, **raw):
        empty = {"cost": cost(), "invoices": invoices(), "files": files()}
        found = bill(**{**empty, **raw}, settings=config or Settings(), month=OCTOBER)
        BY_NAME["core.billed"].contract.validate(found.billed)
        return found

    return build


def _codes(found) -> list[str]:
    return [code for code in found.findings["code"].to_list() if not code.startswith("incomplete")]


def test_cost_rows_become_charges(billed, cost) -> None:
    rows = cost(f"""
        {DAY} | line_item  | model | token_kind | service_tier | quantity | quantity_unit | amount | cost_type
        {ONE} | o1, input  | o1    | cache_read | null         | 2.5      | 1000_tokens   | 0.0063 | tokens
        {ONE} | web search | null  | null       | null         | 3        | null          | 0.03   | fee
        {TWO} | o3, output | o3    | output     | batch        | 7        | null          | 1.1    | tokens
    """)

    found = billed(cost=rows)

    columns = ["billed_on", "category", "model", "token_kind", "service_tier", "quantity", "amount_usd"]
    assert sorted(found.billed.select(columns).rows(), key=str) == sorted(
        [
            (
                date(2026, 10, 1),
                "usage",
                "o1-2024-12-17",
                "cache_read",
                "all",
                Decimal(2500),
                Decimal("0.0063"),
            ),
            (date(2026, 10, 1), "fee", None, None, "all", Decimal(3), Decimal("0.03")),
            (date(2026, 10, 2), "usage", "o3-2025-04-16", "output", "batch", None, Decimal("1.1")),
        ],
        key=str,
    )
    assert set(found.billed["origin"]) == {"cost"}
    assert found.billed["invoice_id"].null_count() == 3
    assert found.unmapped.is_empty()
    assert _codes(found) == []


def test_an_unknown_sku_keeps_its_dollars_and_is_listed(billed, cost) -> None:
    rows = cost(f"""
        {DAY} | line_item | cost_type | amount
        {ONE} | novelty   | unknown   | 5
        {TWO} | novelty   | unknown   | 6
        {TWO} | goodwill  | unknown   | -1
    """)

    found = billed(cost=rows)

    assert sorted(found.billed.select("category", "amount_usd").rows()) == [
        ("credit", Decimal(-1)),
        ("usage", Decimal(5)),
        ("usage", Decimal(6)),
    ]
    assert found.unmapped.select("subject", "value", "origin", "rows", "usd").rows() == [
        ("sku", "goodwill", "cost", 1, Decimal(-1)),
        ("sku", "novelty", "cost", 2, Decimal(11)),
    ]


def test_a_display_name_that_no_table_knows_is_listed(billed, cost) -> None:
    rows = cost(
        f"""
        {DAY} | model           | token_kind | amount
        {ONE} | Claude Opus 4.5 | output     | 5
        {ONE} | Claude Opus 99  | output     | 6
    """,
        provider="anthropic",
    )

    found = billed(cost=rows)

    assert sorted(found.billed["model"]) == ["Claude Opus 99", "claude-opus-4-5-20251101"]
    assert found.unmapped.select("subject", "value", "usd").rows() == [
        ("model", "Claude Opus 99", Decimal(6))
    ]


def test_costs_without_line_items_are_a_note_not_an_unknown_sku(billed, cost) -> None:
    rows = cost(f"{DAY} | grouping | cost_type | amount\n{ONE} | | unknown | 5")

    found = billed(cost=rows)

    assert found.unmapped.is_empty()
    assert _codes(found) == ["cost_without_detail"]


def test_costs_of_a_model_as_a_whole_are_a_note_not_an_unknown_sku(billed, cost) -> None:
    rows = cost(f"{DAY} | grouping | model | amount\n{ONE} | model | m | 5", provider="openrouter")

    found = billed(cost=rows)

    assert found.billed.select("model", "category", "amount_usd").rows() == [("m", "usage", Decimal(5))]
    assert found.unmapped.is_empty()
    assert _codes(found) == ["cost_without_detail"]


@pytest.mark.parametrize(("older", "newer"), [("aa", "zz"), ("zz", "aa")])
def test_the_latest_pull_of_a_day_counts_and_a_shrinking_one_is_reported(
    billed, cost, files, older, newer
) -> None:
    rows = cost(f"""
        {DAY} | file_id | line_item | token_kind | amount
        {ONE} | {older} | a, output | output     | 2
        {ONE} | {newer} | a, output | output     | 3
        {TWO} | {older} | a, output | output     | 5
        {TWO} | {newer} | a, output | output     | 4.5
    """)
    pulled = files(f"""
        uri | file_id | pulled_at        | pulled_at_basis
        x   | {older} | 2026-10-03T00:00 | name
        y   | {newer} | 2026-10-04T00:00 | name
    """)

    found = billed(cost=rows, files=pulled)

    assert sorted(found.billed["amount_usd"]) == [Decimal(3), Decimal("4.5")]
    assert _codes(found) == ["shrinking_export"]
    shrunk = found.findings.filter(found.findings["code"] == "shrinking_export")["message"][0]
    assert "from 5.00 to 4.50" in shrunk


def test_two_groupings_of_one_day_are_never_added(billed, cost) -> None:
    """Line items that were rounded one by one may lack a cent of the total: they still count."""
    rows = cost(f"""
        {DAY} | file_id | grouping   | line_item | token_kind | amount
        {ONE} | f1      |            | null      | null       | 10.00
        {ONE} | f2      | line_item  | a, output | output     | 9.995
        {TWO} | f1      |            | null      | null       | 10.00
        {TWO} | f2      | line_item  | a, output | output     | 9.5
    """)

    found = billed(cost=rows)

    assert sorted(found.billed.select("billed_on", "amount_usd").rows()) == [
        (date(2026, 10, 1), Decimal("9.995")),
        (date(2026, 10, 2), Decimal(10)),
    ]
    assert "groupings_disagree" in _codes(found)


def test_invoice_lines_become_charges_of_the_month_of_their_period(billed, invoices) -> None:
    lines = invoices(
        """
        invoice_id | period_start_on | period_end_on | category | token_kind | quantity | amount | total
        A1         | 2026-10-01      | 2026-11-01    | usage    | output     | 1.5      | 12     | 10
        A1         | 2026-10-01      | 2026-11-01    | credit   | null       | null     | -2     | 10
        B1         | 2026-09-01      | 2026-10-01    | usage    | output     | 1        | 9      | 9
    """,
        quantity_unit="1M tokens",
        description="as printed",
    )

    found = billed(invoices=lines)

    assert found.billed.select("invoice_id", "category", "line_item", "quantity", "amount_usd").rows() == [
        ("A1", "usage", "as printed", Decimal(1_500_000), Decimal(12)),
        ("A1", "credit", "as printed", None, Decimal(-2)),
    ]
    assert found.findings.is_empty()


def test_an_invoice_over_several_months_is_reported(billed, invoices) -> None:
    lines = invoices(
        "period_end_on | token_kind | amount | total\n2027-01-01 | output | 12 | 12",
    )

    found = billed(invoices=lines)

    assert found.billed["amount_usd"].to_list() == [Decimal(12)]
    assert _codes(found) == ["long_period"]


def test_an_invoice_in_two_files_counts_once_and_a_changed_total_is_reported(billed, invoices, files) -> None:
    lines = invoices("""
        file_id | token_kind | amount | total
        zz      | output     | 12     | 12
        aa      | output     | 13     | 13
    """)
    pulled = files(
        """
        uri | file_id | pulled_at        | pulled_at_basis
        x   | zz      | 2026-11-03T00:00 | modified
        y   | aa      | 2026-11-04T00:00 | modified
    """,
        kind="invoice",
    )

    found = billed(invoices=lines, files=pulled)

    assert found.billed["amount_usd"].to_list() == [Decimal(13)]
    assert _codes(found) == ["invoice_restated"]
    assert "12.00 and later of 13.00" in found.findings["message"][0]


def test_a_usage_line_without_a_kind_is_listed_with_its_dollars(billed, invoices) -> None:
    lines = invoices(
        "description | token_kind | amount | total\nAPI usage | null | 12 | 12\nodd | smells | 3 | 3"
    )

    found = billed(invoices=lines)

    assert found.billed["token_kind"].to_list() == [None, None]
    assert found.unmapped.select("subject", "value", "usd").rows() == [
        ("sku", "API usage", Decimal(12)),
        ("sku", "odd", Decimal(3)),
    ]


def test_an_invoice_line_that_sums_up_is_no_riddle_where_the_cost_export_has_the_detail(
    billed, cost, invoices
) -> None:
    detail = cost(f"{DAY} | line_item | token_kind | amount\n{ONE} | a, output | output | 12")
    lines = invoices("account | description | amount | total\nmain | sum | 12 | 12\nother | sum | 9 | 9")

    found = billed(cost=detail, invoices=lines.with_columns(provider=pl.lit("openai")))

    assert found.unmapped.select("account", "value", "usd").rows() == [("other", "sum", Decimal(9))]


def test_other_currencies_take_the_configured_rate(billed, invoices) -> None:
    lines = invoices("token_kind | amount | total\noutput | 10.01 | 10.01", currency="EUR")
    rates = Settings.model_validate({"exchange_rates": {"eur": "1.0837"}})

    row = billed(rates, invoices=lines).billed.row(0, named=True)

    assert (row["amount"], row["currency"]) == (Decimal("10.01"), "EUR")
    assert row["amount_usd"] == Decimal("10.847837")


def test_without_a_rate_dollars_are_unknown_and_the_month_is_in_error(billed, invoices) -> None:
    lines = invoices("token_kind | amount | total\noutput | 10 | 10", currency="EUR")

    found = billed(invoices=lines)

    assert found.billed.select("amount", "amount_usd").rows() == [(Decimal(10), None)]
    assert found.findings.select("code", "severity").rows() == [("unknown_currency", "error")]
    assert "10.00 EUR" in found.findings["message"][0]


def test_nothing_gives_nothing(billed) -> None:
    assert all(frame.is_empty() for frame in billed())


def test_an_invoice_takes_the_rate_of_its_issue_and_a_cost_line_that_of_its_day(
    billed, invoices, cost
) -> None:
    dated = [("1.11", "2026-10-07"), ("1.22", "2026-11-02")]
    rates = Settings.model_validate(
        {
            "exchange_rates": [
                *({"currency": "EUR", "usd": usd, "day": day, "source": "bank"} for usd, day in dated),
                {"currency": "EUR", "usd": "1.33", "month": "2026-10", "source": "books"},
            ]
        }
    )
    lines = invoices("token_kind | amount | total\noutput | 10 | 10", currency="EUR")
    on = {"dated": date(2026, 11, 2), "undated": None, "another": date(2026, 11, 3)}

    found = {
        name: billed(rates, invoices=lines.with_columns(issued_on=pl.lit(day, pl.Date))).billed
        for name, day in on.items()
    }

    told = ("amount_usd", "exchange_rate", "exchange_rate_source")
    assert found["dated"].select(told).rows() == [(Decimal("12.20"), Decimal("1.22"), "bank")]
    assert found["undated"].select(told).rows() == [(Decimal("13.30"), Decimal("1.33"), "books")]
    assert found["another"].rows() == found["undated"].rows()
    days = cost(f"{DAY} | line_item | token_kind | amount\n{TWO} | a, output | output | 10", currency="EUR")
    second = Settings.model_validate(
        {"exchange_rates": [{"currency": "EUR", "usd": "2", "day": "2026-10-02"}]}
    )
    assert billed(second, cost=days).billed["amount_usd"].to_list() == [20]
    first = Settings.model_validate(
        {"exchange_rates": [{"currency": "EUR", "usd": "2", "day": "2026-10-01"}]}
    )
    assert billed(first, cost=days).billed["amount_usd"].to_list() == [None]


def test_dollars_have_no_exchange_rate(billed, invoices) -> None:
    row = billed(invoices=invoices("token_kind | amount | total\noutput | 10 | 10", currency="USD")).billed

    assert row.select("amount_usd", "exchange_rate", "exchange_rate_source").rows() == [(10, None, None)]
