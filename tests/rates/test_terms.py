"""Which contract prices a token on a day, and at what rate: worked by hand with awkward numbers."""

import itertools
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contract_settings import Contract, Floor, Price
from pipeline.period import Month
from pipeline.pricing import RateCard, expected_rates
from pipeline.providers import PROVIDERS
from pipeline.rates.sku import Rated, Sku
from pipeline.rates.terms import Lapse, rivals
from pipeline.settings import Settings
from schemas.tables import BY_NAME

OCTOBER = Month(2026, 10)
LIST = Decimal("0.0000003")
PRICES = tuple(
    Price(provider="openai", model=model, token_kind=kind, usd_per_million=Decimal("0.3"), service_tier=tier)
    for model in ("m-1", "m-2", "n-1")
    for kind in ("input_uncached", "output")
    for tier in ("standard", "batch")
)


def contract(name: str = "a", percent: str | None = "15", **more: Any) -> Contract:
    share = {} if percent is None else {"discount_percent": Decimal(percent)}
    return Contract(name=name, provider="openai", **share, **more)


def card(*contracts: Contract, lapses: dict[str, tuple[Lapse, ...]] | None = None) -> RateCard:
    return RateCard(Settings(prices=PRICES, contracts=contracts), PROVIDERS, lapses)


def rated(found: RateCard, day: int = 7, model: str = "m-1", **more: Any) -> Rated:
    words = {"service_tier": "standard", "token_kind": "output", **more}
    return found.rate("openai", model, day=date(2026, 10, day), **words)


def test_a_discount_is_off_the_list_and_says_so() -> None:
    found = rated(card(contract(percent="12.5")))

    assert found.usd_per_token == Decimal("0.0000002625")
    assert (found.list_usd_per_token, found.contract) == (LIST, "a")
    assert found.agreed_usd_per_token == found.usd_per_token
    assert found.origin == "contract 'a', 12.5 % off configuration"


def test_a_negative_discount_is_a_surcharge() -> None:
    assert rated(card(contract(percent="-10"))).usd_per_token == Decimal("0.00000033")


def test_a_rate_is_rounded_to_the_smallest_amount_half_to_even() -> None:
    found = rated(card(contract(percent="33.3333")))

    assert found.usd_per_token == Decimal("0.000000200000")
    assert rated(card(contract(percent="33.33325"))).usd_per_token == Decimal("0.000000200000")
    assert rated(card(contract(percent="33.3330"))).usd_per_token == Decimal("0.000000200001")


def test_agreed_rates_need_no_list() -> None:
    terms = contract(percent=None, usd_per_million={"output": Decimal("7.77")}, models=("secret-*",))

    found = rated(card(terms), model="secret-1")

    assert found.usd_per_token == Decimal("0.00000777")
    assert found.list_usd_per_token is None
    assert rated(card(terms), model="secret-1", token_kind="input_uncached").usd_per_token is None  # noqa: S106
    assert rated(card(terms), model="secret-1", service_tier="batch").usd_per_token is None
    assert rated(card(terms), model="secret-1", service_tier="all").usd_per_token == Decimal("0.00000777")


def test_a_discount_off_a_price_that_nobody_knows_is_unknown() -> None:
    found = rated(card(contract()), model="no-such-model")

    assert found.usd_per_token is None
    assert "no-such-model" in found.origin
    assert found.contract == "a"


@pytest.mark.parametrize(
    ("terms", "asked"),
    [
        ({"models": ("n-*",)}, {}),
        ({"models": ("m",)}, {}),
        ({"token_kinds": ("input_uncached",)}, {}),
        ({"service_tiers": ("batch",)}, {}),
        ({"account": "other"}, {"account": "mine"}),
        ({"account": "other"}, {}),
        ({"geography": "us"}, {"geography": "eu"}),
        ({"geography": "us"}, {}),
    ],
)
def test_a_contract_for_something_else_does_not_count(terms: dict, asked: dict) -> None:
    found = rated(card(contract(**terms)), **asked)

    assert (found.usd_per_token, found.contract) == (LIST, None)


@pytest.mark.parametrize(
    ("terms", "asked"),
    [
        ({"models": ("x", "m-?")}, {}),
        ({"token_kinds": ("output",)}, {}),
        ({"service_tiers": ("standard",)}, {"service_tier": "all"}),
        ({"account": "mine"}, {"account": "mine"}),
        ({"geography": "us"}, {"geography": "us"}),
    ],
)
def test_a_contract_for_it_counts(terms: dict, asked: dict) -> None:
    assert rated(card(contract(**terms)), **asked).usd_per_token == Decimal("0.000000255")


def test_a_contract_counts_from_its_first_day_to_before_its_last() -> None:
    found = card(contract(valid_from=date(2026, 10, 15), valid_to=date(2026, 10, 20)))

    assert [rated(found, day).contract for day in (14, 15, 19, 20)] == [None, "a", "a", None]


def test_the_narrower_contract_counts_whatever_the_order() -> None:
    wide = contract("wide", "5")
    narrower = [
        contract("glob", "6", models=("m-*",)),
        contract("model", "7", models=("m-1",)),
        contract("account", "8", account="mine"),
    ]
    for index, expected in enumerate(("6", "7", "8")):
        terms = [wide, *narrower[: index + 1]]
        for order in (terms, terms[::-1]):
            found = rated(card(*order), account="mine").usd_per_token
            assert found == LIST * (100 - Decimal(expected)) / 100


def test_two_that_are_as_narrow_and_disagree_leave_no_rate_and_both_are_named() -> None:
    both = contract("b", "10"), contract("a", "20", valid_from=date(2026, 10, 10))

    before, after = (rated(card(*both), day) for day in (9, 10))

    assert before.contract == "b"
    assert (after.usd_per_token, after.rivals) == (None, ("a", "b"))
    assert after.origin == "contracts 'a' and 'b' both price it and disagree"
    assert rivals(both) == [both]


@pytest.mark.parametrize(
    "other",
    [
        {"percent": "10"},
        {"valid_from": date(2027, 1, 1)},
        {"models": ("n-*",)},
        {"models": ("m-1",)},
        {"account": "mine"},
        {"token_kinds": ("output",)},
        {"service_tiers": ("batch",)},
    ],
)
def test_contracts_that_agree_or_are_told_apart_are_no_rivals(other: dict) -> None:
    one = contract("one", "10", valid_to=date(2027, 1, 1))

    assert rivals((one, contract("two", **{"percent": "20", **other}))) == []


@pytest.mark.parametrize("dates", [{}, {"valid_from": date(2026, 1, 1)}, {"valid_to": date(2026, 1, 1)}])
def test_rivals_meet_on_a_day(dates: dict) -> None:
    one, two = contract("one", "10", models=("m-*", "x")), contract("two", "20", models=("m-*",), **dates)

    assert rivals((one, two)) == [(one, two)]
    assert rivals((two, one)) == [(two, one)]


def test_agreed_rates_and_a_discount_for_the_same_are_rivals() -> None:
    rates = contract("rates", None, usd_per_million={"output": Decimal("0.2")})
    share = contract("share", "10", token_kinds=("output",), service_tiers=())

    assert rivals((rates, share)) == [(rates, share)]


def test_a_lapsed_tier_costs_what_is_left_from_its_day_to_before_its_end() -> None:
    floor = Floor(monthly_tokens=1, lapsed_discount_percent=Decimal(5))
    terms = contract(valid_from=date(2026, 1, 1), floor=floor)
    found = card(terms, lapses={"a": (Lapse(date(2026, 10, 15), date(2026, 10, 20)),)})
    agreed, left = Decimal("0.000000255"), Decimal("0.000000285")

    rates = [rated(found, day) for day in (14, 15, 19, 20)]

    assert [rate.usd_per_token for rate in rates] == [agreed, left, left, agreed]
    assert {rate.agreed_usd_per_token for rate in rates} == {agreed}
    assert {rate.lapsed_usd_per_token for rate in rates} == {left}
    assert rates[1].origin == "contract 'a' lapsed on 2026-10-15, 5 % off configuration"


def test_agreed_rates_lapse_to_the_list() -> None:
    terms = contract(
        percent=None, usd_per_million={"output": Decimal("0.1")}, valid_from=date(2026, 1, 1),
        floor=Floor(monthly_tokens=1),
    )  # fmt: skip

    found = rated(card(terms, lapses={"a": (Lapse(date(2026, 10, 1), None),)}))

    assert (found.usd_per_token, found.contract) == (LIST, "a")


DAYS = st.one_of(
    st.none(), st.integers(-40, 60).map(lambda offset: OCTOBER.first_day + timedelta(days=offset))
)


@st.composite
def some_contracts(draw: st.DrawFn) -> list[Contract]:
    found = []
    for number in range(draw(st.integers(0, 4))):
        start, end = draw(DAYS), draw(DAYS)
        if start and end and end <= start:
            start = None
        models = draw(st.sampled_from([("*",), ("m-*",), ("m-1",), ("n-1", "m-2")]))
        share = draw(st.decimals(-50, 100, places=3))
        account = draw(st.sampled_from([None, "mine"]))
        found.append(
            Contract(
                name=f"c{number}", provider="openai", discount_percent=share, models=models, account=account,
                valid_from=start, valid_to=end,
            )
        )  # fmt: skip
    return found


@given(some_contracts(), st.sampled_from(["m-1", "m-2", "n-1", "unknown"]))
def test_the_runs_of_a_month_are_its_days_one_by_one(contracts: list[Contract], model: str) -> None:
    found = card(*contracts)
    sku = Sku("openai", "mine", model, "standard", "output")

    runs = list(found.segments(sku, OCTOBER))

    days = [OCTOBER.first_day + timedelta(days=number) for number in range(31)]
    by_run = {day: rate for start, end, rate in runs for day in days if start <= day < end}
    assert [run[0] for run in runs] == [OCTOBER.first_day, *(run[1] for run in runs[:-1])]
    assert runs[-1][1] == OCTOBER.next.first_day
    assert {day: by_run[day].usd_per_token for day in days} == {
        day: found.rate_of(sku, day).usd_per_token for day in days
    }
    assert all(
        one[2]._replace(origin="") != two[2]._replace(origin="") for one, two in itertools.pairwise(runs)
    )


def test_the_table_of_rates_keeps_its_contract_and_stands_on_a_card(table) -> None:
    found = card(contract(account="mine", valid_from=date(2026, 10, 15)))
    keys = table(
        "account | model\nmine | m-1\nother | m-1",
        {name: BY_NAME["recon.expected_rate"].schema[name] for name in ("account", "model", "provider",
         "service_tier", "token_kind", "context", "geography")},
        provider="openai", service_tier="standard", token_kind="output", context="all", geography="all",  # noqa: S106
    )  # fmt: skip

    rates = expected_rates(keys, OCTOBER, found)

    BY_NAME["recon.expected_rate"].contract.validate(rates)
    columns = ("account", "valid_from", "valid_to", "usd_per_token", "contract")
    assert rates.select(columns).rows() == [
        ("mine", date(2026, 10, 1), date(2026, 10, 15), LIST, None),
        ("mine", date(2026, 10, 15), date(2026, 11, 1), Decimal("0.000000255"), "a"),
        ("other", date(2026, 10, 1), date(2026, 11, 1), LIST, None),
    ]
    assert set(rates["price_card_version"]) == {found.version}
