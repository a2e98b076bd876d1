"""What no call carries goes by the method that the configuration names, and the row says which."""

from decimal import Decimal
from typing import Any

import pytest

from tests.allocating.conftest import Company

D = Decimal
BRIDGE = """
    team           | step           | tokens | usd | basis
    red            | traced         | 100    | 1   | exact
    blue           | traced         | 300    | 3   | exact
    unowned        | traced         | 100    | 1   | exact
    uninstrumented | uninstrumented | 200    | 2   | exact
    red            | unexplained    | 100    | 1   | allocated
"""
FIXED = {"method": "fixed", "shares": {"red": 90, "green": 10}}


@pytest.fixture
def shared(company: Company) -> Company:
    """A bill of 8.00 of which red and blue called for 1 and 3, and 1, 2 and 1 are nobody's or unexplained."""
    company.bill("billed_usd\n8.00")
    company.meter(BRIDGE)
    return company


def test_pools_stay_apart_where_nothing_is_configured(shared: Company) -> None:
    assert shared.shares("team", "is_pool", "pool", "method") == [
        ("blue", False, "usage", "direct", D("3.00")),
        ("red", False, "unexplained", "proportional", D("1.00")),
        ("red", False, "usage", "evidence", D("1.00")),
        ("uninstrumented", True, "uninstrumented", "pool", D("2.00")),
        ("unowned", True, "unowned", "pool", D("1.00")),
    ]


def test_an_even_split_is_among_all_teams_also_those_without_calls(shared: Company) -> None:
    shared.configure(unowned="even", uninstrumented={"method": "even", "teams": ["green", "blue"]})
    even = [row for row in shared.shares("pool", "team", "method") if row[2] == "even"]
    # A third of a dollar each; the cents are made whole by team.
    assert even == [
        ("uninstrumented", "blue", "even", D("1.00")),
        ("uninstrumented", "green", "even", D("1.00")),
        ("unowned", "blue", "even", D("0.333333333334")),
        ("unowned", "green", "even", D("0.333333333333")),
        ("unowned", "red", "even", D("0.333333333333")),
    ]
    assert shared.shares("team") == [("blue", D("4.34")), ("green", D("1.33")), ("red", D("2.33"))]


def test_a_fixed_split_is_by_its_shares(shared: Company) -> None:
    shared.configure(uninstrumented=FIXED, unowned={"method": "fixed", "shares": {"blue": "1"}})
    fixed = [row for row in shared.shares("pool", "team", "method") if row[2] == "fixed"]
    assert fixed == [
        ("uninstrumented", "green", "fixed", D("0.20")),
        ("uninstrumented", "red", "fixed", D("1.80")),
        ("unowned", "blue", "fixed", D("1.00")),
    ]


def test_a_proportional_split_is_by_what_teams_called_for(shared: Company) -> None:
    shared.configure(unowned="proportional", uninstrumented="proportional")
    # Red called for 1 and blue for 3; what is unexplained is no call's.
    split = [row for row in shared.shares("pool", "team") if row[0] in {"unowned", "uninstrumented"}]
    assert split == [
        ("uninstrumented", "blue", D("1.50")),
        ("uninstrumented", "red", D("0.50")),
        ("unowned", "blue", D("0.75")),
        ("unowned", "red", D("0.25")),
    ]


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("pool", [("unexplained", True, "pool", D("1.00"))]),
        (FIXED, [("green", False, "fixed", D("0.10")), ("red", False, "fixed", D("0.90"))]),
    ],
)
def test_the_unexplained_may_go_elsewhere_than_to_its_place(
    shared: Company, method: Any, expected: list[Any]
) -> None:
    shared.configure(unexplained=method)
    rows = shared.shares("pool", "team", "is_pool", "method")
    assert [row[1:] for row in rows if row[0] == "unexplained"] == expected


@pytest.mark.parametrize(
    ("category", "pool"), [("fee", "fees"), ("credit", "credits"), ("discount", "discounts"), ("tax", "tax")]
)
def test_every_kind_of_line_takes_its_own_method(company: Company, category: str, pool: str) -> None:
    company.bill(f"line_number | category | billed_usd\n1 | usage | 8.00\n2 | {category} | -1.00")
    company.meter(BRIDGE)
    company.configure(**{pool: FIXED})
    beside = [row for row in company.shares("pool", "team", "method") if row[0] == pool]
    assert beside == [(pool, "green", "fixed", D("-0.10")), (pool, "red", "fixed", D("-0.90"))]
    company.configure(**{pool: "pool"})
    assert (pool, True, pool, D("-1.00")) in company.shares("team", "is_pool", "pool")


def test_where_pools_are_shared_out_tax_follows(company: Company) -> None:
    company.bill("line_number | category | billed_usd\n1 | usage | 8.00\n2 | tax | 8.00")
    company.meter(BRIDGE)
    company.configure(unowned=FIXED, uninstrumented=FIXED)
    assert company.shares("pool", "team") == [
        ("tax", "blue", D("3.00")),
        ("tax", "green", D("0.30")),
        ("tax", "red", D("4.70")),
        ("unexplained", "red", D("1.00")),
        ("uninstrumented", "green", D("0.20")),
        ("uninstrumented", "red", D("1.80")),
        ("unowned", "green", D("0.10")),
        ("unowned", "red", D("0.90")),
        ("usage", "blue", D("3.00")),
        ("usage", "red", D("1.00")),
    ]


def test_a_credit_over_teams_without_traffic(company: Company) -> None:
    company.bill("category | billed_usd\ncredit | -0.10")
    company.configure(credits="even")
    assert company.shares("team") == [("blue", D("-0.04")), ("green", D("-0.03")), ("red", D("-0.03"))]


def test_a_credit_that_has_nothing_to_go_by_stays(company: Company) -> None:
    company.bill("category | billed_usd\ncredit | -0.10")
    assert company.shares("team", "is_pool", "pool", "method") == [
        ("credits", True, "credits", "pool", D("-0.10"))
    ]


def test_an_even_split_without_any_team_stays(company: Company) -> None:
    company.bill("category | billed_usd\ntax | 1.00")
    company.settings = company.settings.model_validate({"allocation": {"tax": "even"}})
    assert company.shares("team", "is_pool", "method") == [("tax", True, "pool", D("1.00"))]


def test_a_key_of_one_team_is_direct_also_where_tokens_are_estimated(company: Company) -> None:
    company.bill("billed_usd\n6.00")
    company.meter(
        """
        scope | team | step    | tokens | usd | basis
        key-1 | red  | retries | 100    | 1   | estimated
        key-2 | red  | retries | 200    | 2   | estimated
        key-2 | blue | traced  | 300    | 3   | exact
        """
    )
    assert company.shares("team", "method") == [
        ("blue", "direct", D("3.00")),
        ("red", "direct", D("1.00")),
        ("red", "evidence", D("2.00")),
    ]


def test_the_owner_of_a_scope_takes_what_no_call_explains(company: Company) -> None:
    company.bill("billed_usd\n6.00")
    company.meter("team | step | tokens | usd\nred | uninstrumented | 100 | 1\nblue | traced | 200 | 2")
    rows = (
        company.allocation().filter(view="executing", team="red").select("pool", "method", "method_details")
    )
    assert rows.rows() == [
        ("usage", "evidence", "metered without calls: the configuration names the team as owner of the scope")
    ]
