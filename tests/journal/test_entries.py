"""Entries of the journal over several months, with the arithmetic written out."""

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.charges.arrivals import Arrivals
from pipeline.contracts import validate
from pipeline.journal import journal
from pipeline.journal_settings import Journal
from pipeline.money import CENT, to_cents
from pipeline.period import Month
from schemas.tables import BY_NAME
from tests.focus.months import arrivals, share, tables
from tests.focus.rows import frame

NOTHING = frame("report.journal", [])
RULES = {
    "expense": "6000", "tax": "1400", "payables": "2000", "accrued": "2200", "prepaid": "1300", "rounding": "6990",
    "expenses": [{"account": "6010", "team": "r*", "category": "usage"}],
    "cost_centres": {"red": "CC1"}, "cost_centre": "CC0",
}  # fmt: skip


def posted(
    found: dict[str, pl.DataFrame], earlier: pl.DataFrame = NOTHING, come: Arrivals | None = None
) -> pl.DataFrame:
    rows = journal(found, earlier, come or arrivals([], journal=RULES))
    validate(BY_NAME["report.journal"], rows)
    assert_balanced(rows)
    return rows


def assert_balanced(rows: pl.DataFrame) -> None:
    sums = rows.group_by("entry_id").agg(pl.col("debit").sum(), pl.col("credit").sum())
    assert sums["debit"].to_list() == sums["credit"].to_list()


def told(rows: pl.DataFrame, entry: str) -> list[tuple[Any, ...]]:
    """Account, cost centre and signed amount of each line of the entries of a kind."""
    own = rows.filter(entry=entry).select("account", "cost_centre", pl.col("debit") - pl.col("credit"))
    return [(account, centre, str(usd)) for account, centre, usd in own.rows()]


def test_an_invoice_is_expense_by_team_tax_and_payables() -> None:
    shares = [
        share("60.004", team="red"), share("30.004", team="blue"), share("-5", team="blue", category="credit", pool="credits"),
        share("7.3", team="red", category="tax", pool="tax"), share("-0.008", team="red", category="tax", pool="rounding"),
    ]  # fmt: skip
    rows = posted(tables(allocation=[*shares, share(1, view="initiating", team="blue")]))
    assert told(rows, "invoice") == [
        ("6990", None, "-0.01"),
        ("1400", None, "7.30"),
        ("6000", "CC0", "-5.00"),
        ("6000", "CC0", "30.01"),
        ("6010", "CC1", "60.00"),
        ("2000", None, "-92.30"),
    ]
    assert set(rows["posted_on"]) == {date(2026, 10, 31)}
    assert set(rows["entry_id"]) == {"2026-10/invoice/openai/acme/INV"}


def test_a_credit_note_is_the_other_way_round() -> None:
    rows = posted(tables(allocation=[share("-12.34", invoice_id="CN", category="credit", pool="credits")]))
    assert told(rows, "invoice") == [("6000", "CC1", "-12.34"), ("2000", None, "12.34")]


def test_without_a_configuration_the_accounts_are_named_in_words() -> None:
    rows = posted(tables(allocation=[share(1), share(1, category="tax", pool="tax")]), come=arrivals([]))
    assert rows["account"].to_list() == ["input_tax", "llm_expense", "accounts_payable"]
    assert rows["cost_centre"].null_count() == 3
    assert Journal() == arrivals([]).settings.journal


ACCRUED = {"entry": "accrual", "for_month": "2026-10", "usd": Decimal("30.01")}
BRIDGE = [
    {"team": "red", "usd": Decimal(2)},
    {"team": "blue", "usd": Decimal(1)},
    {"team": "blue", "usd": None},
]


def november(
    accruals: list[dict[str, Any]], invoices: list[dict[str, Any]], earlier: pl.DataFrame
) -> pl.DataFrame:
    found = tables(accrual=[row | {"month": "2026-11"} for row in accruals])
    return posted(found, earlier, arrivals(invoices, journal=RULES)._replace(month=Month.parse("2026-11")))


LATE = [
    {"invoice_id": "INV-9", "amount": Decimal("29"), "issued_on": date(2026, 11, 20)},
    {"invoice_id": "INV-9", "amount": Decimal("2.5"), "category": "tax", "issued_on": date(2026, 11, 20)},
]
COME = [
    {"entry": "reversal", "for_month": "2026-10", "usd": Decimal("-30.01")},
    {"entry": "invoice", "for_month": "2026-10", "invoice_id": "INV-9", "usd": Decimal("31.50")},
]


def test_usage_without_an_invoice_is_accrued_and_taken_back_line_by_line_when_it_comes() -> None:
    october = posted(tables(accrual=[ACCRUED], bridge=BRIDGE))
    assert told(october, "accrual") == [
        ("6000", "CC0", "10.00"),
        ("6010", "CC1", "20.01"),
        ("2200", None, "-30.01"),
    ]
    rows = november(COME, LATE, october)
    assert told(rows, "reversal") == [
        ("6000", "CC0", "-10.00"),
        ("6010", "CC1", "-20.01"),
        ("2200", None, "30.01"),
    ]
    assert told(rows, "late_invoice") == [
        ("6000", "CC0", "9.66"), ("6010", "CC1", "19.34"), ("1400", None, "2.50"), ("2000", None, "-31.50"),
    ]  # fmt: skip
    assert set(rows["posted_on"]) == {date(2026, 11, 30)}


def test_what_is_awaited_tells_the_teams_of_an_accrual_before_the_calls_do() -> None:
    rows = posted(
        tables(accrual=[ACCRUED], bridge=BRIDGE, allocation=[share(5, invoice_id=None, team="blue")])
    )
    assert told(rows, "accrual") == [("6000", "CC0", "30.01"), ("2200", None, "-30.01")]
    assert rows.filter(entry="invoice").is_empty()


def test_an_accrual_of_which_nobody_knows_the_team_and_one_of_nothing() -> None:
    assert told(posted(tables(accrual=[ACCRUED])), "accrual") == [
        ("6000", None, "30.01"),
        ("2200", None, "-30.01"),
    ]
    assert posted(tables(accrual=[ACCRUED | {"usd": Decimal(0)}])).is_empty()


def test_where_no_journal_posted_the_accrual_nothing_is_taken_back_and_the_invoice_is_expense() -> None:
    rows = november(COME, LATE, NOTHING)
    assert told(rows, "reversal") == []
    assert told(rows, "late_invoice") == [
        ("6000", None, "29.00"),
        ("1400", None, "2.50"),
        ("2000", None, "-31.50"),
    ]


def test_prepaid_credit_is_an_asset_until_usage_draws_it_and_is_not_accrued_too() -> None:
    entries = [
        {"entry": "granted", "grant_id": "TOP", "invoice_id": "TOP", "usd": Decimal(50)},
        {"entry": "drawn", "grant_id": "TOP", "usd": Decimal(-50)},
        {"entry": "overdrawn", "grant_id": "TOP", "usd": Decimal("-4.50")},
    ]
    awaited = [share("40", invoice_id=None), share("14.50", invoice_id=None, team="blue")]
    rows = posted(tables(prepaid=entries, allocation=awaited, accrual=[ACCRUED | {"usd": Decimal(55)}]))
    assert told(rows, "purchase") == [("1300", None, "50.00"), ("2000", None, "-50.00")]
    assert told(rows, "prepaid_drawn") == [
        ("6000", "CC0", "14.50"), ("6010", "CC1", "40.00"), ("1300", None, "-50.00"), ("2200", None, "-4.50"),
    ]  # fmt: skip
    assert told(rows, "accrual") == []


def test_credit_that_expired_is_written_off_and_no_usage_is_paid_from_it() -> None:
    lost = [
        {"entry": "expired", "grant_id": "promo", "usd": Decimal("-25.50")},
        {"entry": "expired", "grant_id": "trial", "usd": Decimal("-1")},
    ]
    found = tables(prepaid=lost, accrual=[ACCRUED], bridge=BRIDGE)
    rows = posted(found, come=arrivals([], journal=RULES | {"expired": "6800"}))
    assert told(rows, "prepaid_expired") == [
        ("6800", "CC0", "25.50"), ("1300", None, "-25.50"), ("6800", "CC0", "1.00"), ("1300", None, "-1.00"),
    ]  # fmt: skip
    assert told(rows, "prepaid_drawn") == []
    assert rows.filter(entry="accrual")["debit"].sum() == Decimal("30.01")


def test_a_credit_out_of_a_grant_is_no_saving() -> None:
    shares = [
        share(30), share(30, team="blue"), share("-4", category="credit", pool="credits"),
        share("-8", team="blue", category="credit", pool="credits"),
    ]  # fmt: skip
    drawn = {"entry": "drawn", "grant_id": "promo", "invoice_id": "INV", "usd": Decimal(-12)}
    rows = posted(tables(allocation=shares, prepaid=[drawn]))
    assert told(rows, "prepaid_drawn") == [
        ("6000", "CC0", "8.00"),
        ("6000", "CC1", "4.00"),
        ("1300", None, "-12.00"),
    ]
    expense = rows.filter(pl.col("account").is_in(["6000", "6010"]))
    assert (expense["debit"].sum() - expense["credit"].sum()) == 60


def test_names_of_accounts_cannot_make_two_entries_one() -> None:
    two = [
        share(1, account="a/b", invoice_id="c"),
        share(1, account="a", invoice_id="b/c"),
        share(1, invoice_id="=1+1"),
    ]
    rows = posted(tables(allocation=two))
    assert rows["entry_id"].n_unique() == 3
    assert rows["entry_id"].str.starts_with("2026-10/").all()


amounts = st.integers(-(10**7), 10**7).map(lambda n: Decimal(n).scaleb(-4))


@given(st.lists(amounts, min_size=1, max_size=9))
def test_signed_amounts_become_cents_that_add_up_and_lie_within_one(parts: list[Decimal]) -> None:
    found = to_cents(parts)
    assert sum(found) == sum(parts).quantize(CENT)
    assert all(abs(cents - part) <= CENT for cents, part in zip(found, parts, strict=True))
    assert all(cents == cents.quantize(CENT) for cents in found)


def test_cents_of_odd_amounts() -> None:
    third = Decimal("0.003333333333")
    assert to_cents([third, third, Decimal("0.003333333334")]) == [0, 0, CENT]
    assert to_cents([Decimal("-0.01")] * 2 + [Decimal("0.02")]) == [-CENT, -CENT, 2 * CENT]
    assert to_cents([]) == []


CATEGORY = [
    ("usage", "usage"),
    ("tax", "tax"),
    ("credit", "credits"),
    ("rounding", "rounding"),
    ("fee", "fees"),
]
SHARES = st.tuples(
    st.sampled_from("abcdefg"), st.sampled_from(CATEGORY), amounts, st.sampled_from(["INV", "B"])
)


@given(st.lists(SHARES, max_size=12))
def test_whatever_the_shares_are_the_entry_balances_and_payables_are_the_invoice(
    shares: list[tuple[str, tuple[str, str], Decimal, str]],
) -> None:
    rows = [
        share(usd, team=team, category=kind[0], pool=kind[1], invoice_id=name)
        for team, kind, usd, name in shares
    ]
    found = posted(tables(allocation=rows))
    payables = (
        found.filter(account="2000")
        .group_by("invoice_id")
        .agg(pl.col("credit").sum() - pl.col("debit").sum())
    )
    sums: dict[str, Decimal] = {}
    for _, _, usd, name in shares:
        sums[name] = sums.get(name, Decimal(0)) + usd
    wanted = {name: total.quantize(CENT) for name, total in sums.items() if total.quantize(CENT)}
    assert dict(payables.rows()) == wanted


@pytest.mark.parametrize("text", ["", "x" * 61])
def test_an_account_has_a_name(text: str) -> None:
    with pytest.raises(ValueError, match="String should have at"):
        Journal(expense=text)
