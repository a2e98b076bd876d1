"""Executing and initiating teams, and what the calls tell of what they were for."""

from decimal import Decimal

import pytest

from tests.allocating.conftest import Company

D = Decimal


@pytest.fixture
def busy(company: Company) -> Company:
    """Red executes what blue initiates for a quarter of its tokens; green has a call without usage."""
    company.bill(
        "line_number | model | token_kind | billed_usd\n1 | m | output | 8.00\n2 | null | null | 0.80"
    )
    company.meter(
        "team | tokens | usd | feature\nred | 400 | 4 | search\ngreen | 200 | 2 | \nunowned | 200 | 2 | "
    )
    company.call(
        """
        call_id | team    | initiating_team | feature | environment | workload   | output_tokens
        1       | red     | blue            | search  | production  | serving    | 100
        2       | red     | red             | search  | ci          | evaluation | 300
        3       | green   | blue            |         | production  | embedding  | null
        4       | unowned | blue            |         | unknown     | compaction | 50
        """
    )
    return company


def test_each_view_has_the_team_that_it_is_named_for(busy: Company) -> None:
    assert busy.shares("team") == [("green", D("2.20")), ("red", D("4.40")), ("unowned", D("2.20"))]
    # A quarter of red's, and all of green's and of what nobody owns: 1 + 2 + 2 of 8.
    assert busy.shares("team", view="initiating") == [("blue", D("5.50")), ("red", D("3.30"))]


def test_a_pool_of_one_view_may_have_a_team_in_the_other(busy: Company) -> None:
    rows = busy.allocation().filter(workload="compaction")
    assert rows.select("view", "team", "is_pool", "pool").unique().sort("view").rows() == [
        ("executing", "unowned", True, "unowned"),
        ("initiating", "blue", False, "usage"),
    ]


def test_shares_of_calls_say_what_they_were_for(busy: Company) -> None:
    rows = busy.shares("line_number", "team", "feature", "environment", "workload")
    assert [row for row in rows if row[0] == 1] == [
        # Without any recorded tokens of green in the cell, its calls tell by their number.
        (1, "green", None, "production", "embedding", D("2.00")),
        (1, "red", "search", "ci", "evaluation", D("3.00")),
        (1, "red", "search", "production", "serving", D("1.00")),
        (1, "unowned", None, None, "compaction", D("2.00")),
    ]


def test_what_stays_in_a_pool_is_of_no_workload_once_it_is_shared_out(busy: Company) -> None:
    busy.configure(unowned="even")
    rows = busy.allocation().filter(view="executing", pool="unowned")
    assert rows.select("method", "workload", "feature").unique().rows() == [("even", None, None)]
    assert rows["team"].unique().sort().to_list() == ["blue", "green", "red"]


def test_a_team_without_calls_in_the_place_starts_its_own(company: Company) -> None:
    company.bill("billed_usd\n1.00")
    company.meter("team | step | tokens | usd | basis\nred | retries | 100 | 1 | estimated")
    assert company.shares("team", "workload", view="initiating") == [("red", None, D("1.00"))]


def test_the_order_of_rows_does_not_show(busy: Company) -> None:
    first = busy.allocation()
    for name in ("charges", "bridge", "calls"):
        setattr(busy, name, getattr(busy, name).reverse())
    assert busy.allocation().equals(first)
