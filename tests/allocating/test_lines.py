"""Bills given to teams, with the arithmetic written out."""

from decimal import Decimal

import polars as pl
import pytest

from tests.allocating.conftest import Company

D = Decimal


def test_teams_share_a_line_by_dollars_to_the_cent(company: Company) -> None:
    company.bill("billed_usd\n10.00")
    company.meter("team | tokens | usd\nblue | 10 | 1\ngreen | 10 | 1\nred | 10 | 1")
    # A third of 10.00 each; the cent that is left goes to the first.
    assert company.shares("team") == [("blue", D("3.34")), ("green", D("3.33")), ("red", D("3.33"))]


def test_a_line_goes_to_those_who_used_what_it_names(company: Company) -> None:
    company.bill(
        "line_number | model | token_kind | billed_usd\n1 | m | output | 6.00\n2 | n | output | 4.00"
    )
    company.meter("team | model | tokens | usd\nblue | m | 100 | 1\nred | m | 200 | 2\nred | n | 100 | 100")
    assert company.shares("line_number", "team") == [
        (1, "blue", D("2.00")),
        (1, "red", D("4.00")),
        (2, "red", D("4.00")),
    ]


def test_of_a_tier_that_the_meter_does_not_tell_all_users_share(company: Company) -> None:
    company.bill("model | service_tier | token_kind | billed_usd\nm | batch | output | 4.00")
    company.meter(
        "team | service_tier | token_kind | tokens | usd\n"
        "blue | all | output | 100 | 1\nred | all | output | 300 | 3\nred | all | input_uncached | 900 | 1"
    )
    assert company.shares("team") == [("blue", D("1.00")), ("red", D("3.00"))]


def test_tokens_without_a_price_are_not_free(company: Company) -> None:
    company.bill("billed_usd\n10.00")
    company.meter(
        "team | model | tokens | usd\nblue | m | 600 | 6\nblue | n | 300 | null\nred | n | 300 | null"
    )
    # Priced tokens cost 0.01 on average, so 900 tokens of blue weigh 9 and 300 of red 3: three to one.
    assert company.shares("team") == [("blue", D("7.50")), ("red", D("2.50"))]


def test_where_nothing_has_a_price_all_tokens_are_alike(company: Company) -> None:
    company.bill("billed_usd\n4.00")
    company.meter("team | tokens | usd\nblue | 100 | null\nred | 300 | null")
    assert company.shares("team") == [("blue", D("1.00")), ("red", D("3.00"))]


def test_a_team_whose_net_is_negative_takes_nothing_from_others(company: Company) -> None:
    company.bill("billed_usd\n-4.00")
    company.meter("team | tokens | usd\nblue | -100 | -1\nred | 300 | 3")
    assert company.shares("team") == [("red", D("-4.00"))]


def test_the_bill_of_an_account_without_a_meter_goes_by_what_was_traced(company: Company) -> None:
    company.bill("billed_usd\n4.00")
    company.call("call_id | team | output_tokens\n1 | blue | 100\n2 | red | 300")
    assert company.shares("team", "method") == [
        ("blue", "evidence", D("1.00")),
        ("red", "evidence", D("3.00")),
    ]


def test_a_model_without_a_meter_goes_by_its_calls_where_the_line_names_it(company: Company) -> None:
    company.bill("line_number | model | billed_usd\n1 | m | 1.00\n2 | new | 4.00\n3 | null | 2.00")
    company.meter("team | tokens | usd\nblue | 100 | 1")
    company.call("call_id | team | model | output_tokens\n1 | red | new | 9")
    # The line without a model goes by the meter alone: the traced model may be one of the metered.
    assert company.shares("line_number", "team") == [
        (1, "blue", D("1.00")),
        (2, "red", D("4.00")),
        (3, "blue", D("2.00")),
    ]


def test_a_bill_without_meter_and_calls_goes_to_a_pool(company: Company) -> None:
    company.bill("billed_usd\n4.00")
    assert company.shares("team", "is_pool", "method") == [("uninstrumented", True, "pool", D("4.00"))]


def test_a_line_for_a_model_that_nobody_uses_is_unexplained(company: Company) -> None:
    company.bill("model | billed_usd\nghost | 4.00")
    company.meter("team | tokens | usd\nblue | 100 | 1\nred | 300 | 3")
    assert company.shares("team", "pool", "method") == [
        ("blue", "unexplained", "proportional", D("1.00")),
        ("red", "unexplained", "proportional", D("3.00")),
    ]


@pytest.mark.parametrize(
    ("category", "pool"),
    [
        ("fee", "fees"),
        ("minimum", "minimums"),
        ("credit", "credits"),
        ("discount", "discounts"),
        ("tax", "tax"),
        ("rounding", "rounding"),
        ("adjustment", "usage"),
    ],
)
def test_what_stands_beside_usage_goes_in_proportion_to_it(
    company: Company, category: str, pool: str
) -> None:
    company.bill(f"line_number | category | billed_usd\n1 | usage | 40.00\n2 | {category} | -4.00")
    company.meter("team | tokens | usd\nblue | 100 | 1\nred | 300 | 3")
    beside = [row for row in company.shares("line_number", "team", "pool") if row[0] == 2]
    assert beside == [(2, "blue", pool, D("-1.00")), (2, "red", pool, D("-3.00"))]


def test_a_pool_pays_its_part_of_the_tax(company: Company) -> None:
    company.bill("line_number | category | billed_usd\n1 | usage | 40.00\n2 | tax | 4.00")
    company.meter("team | tokens | usd\nunowned | 100 | 1\nred | 300 | 3")
    assert company.shares("team", "is_pool", "pool") == [
        ("red", False, "tax", D("3.00")),
        ("red", False, "usage", D("30.00")),
        ("unowned", True, "tax", D("1.00")),
        ("unowned", True, "unowned", D("10.00")),
    ]


def test_what_the_exchange_rate_adds_is_apart(company: Company) -> None:
    company.bill("billed_usd | currency_usd\n10.00 | -2.00")
    company.meter("team | tokens | usd\nblue | 100 | 1\nred | 100 | 1")
    assert company.shares("pool") == [("currency", D("-2.00")), ("usage", D("12.00"))]


def test_a_minimum_under_a_commitment_is_idle(company: Company) -> None:
    company.bill("line_number | category | billed_usd\n1 | usage | 40.00\n2 | minimum | 60.00")
    company.meter("team | tokens | usd\nblue | 100 | 1")
    contract = {"name": "c", "provider": "openai", "account": "acme", "commitment_usd": 100}
    company.settings = company.settings.model_validate({"contracts": [contract]})
    assert company.shares("team", "is_pool", "pool", "method") == [
        ("blue", False, "usage", "direct", D("40.00")),
        ("idle", True, "idle", "pool", D("60.00")),
    ]
    elsewhere = {**contract, "account": "other"}
    company.settings = company.settings.model_validate({"contracts": [elsewhere]})
    assert ("blue", "minimums", D("60.00")) in company.shares("team", "pool")


def test_tokens_of_a_line_add_up_to_what_it_counts(company: Company) -> None:
    company.bill("line_number | model | token_kind | quantity | billed_usd\n1 | m | output | 100 | 1.00")
    company.meter("team | tokens | usd\nblue | 10 | 1\ngreen | 10 | 1\nred | 10 | 1")
    rows = (
        company.allocation()
        .filter(view="executing")
        .group_by("team")
        .agg(pl.col("tokens").sum())
        .sort("team")
    )
    assert rows.rows() == [("blue", 34), ("green", 33), ("red", 33)]


def test_a_line_that_counts_no_tokens_has_none(company: Company) -> None:
    company.bill("category | quantity | billed_usd\nfee | 12 | 1.00")
    company.meter("team | tokens | usd\nblue | 10 | 1")
    assert company.allocation()["tokens"].to_list() == [None, None]


def test_every_team_has_whole_cents_of_a_bill(company: Company) -> None:
    company.bill(
        "line_number | model | billed_usd | category\n1 | m | 0.333 | usage\n2 | m | 0.333 | usage\n"
        "3 | null | 0.334 | rounding"
    )
    company.meter("team | tokens | usd\nblue | 10 | 1\ngreen | 10 | 1\nred | 10 | 1")
    assert company.shares("team") == [("blue", D("0.34")), ("green", D("0.33")), ("red", D("0.33"))]
    assert company.shares("line_number") == [(1, D("0.333")), (2, D("0.333")), (3, D("0.334"))]
