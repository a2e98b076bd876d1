"""Floors: months below, the day of the lapse, what comes back, and what cannot be judged."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from pipeline.contract_settings import Contract, Floor
from pipeline.period import Month
from pipeline.rates.floors import Standing, Volume, judged_months, lapses_of, standings
from pipeline.rates.rate_findings import floor_findings

FLOOR = 1_000


def contract(valid_from: str = "2026-01-01", valid_to: str | None = None, **floor: Any) -> Contract:
    measure = {} if "monthly_usd" in floor else {"monthly_tokens": FLOOR}
    return Contract(
        name="deal", provider="openai", discount_percent=Decimal(20), valid_from=valid_from, valid_to=valid_to,
        floor=Floor(**measure, **floor),
    )  # fmt: skip


def standing(terms: Contract, closing: str, volumes: Mapping[str, int | None]) -> Standing:
    """`volumes` by month; null where the meter is not whole, and months left out are at the floor."""

    def volume(_: Contract, month: Month) -> Volume:
        amount = volumes.get(str(month), FLOOR)
        return Volume(Decimal(amount or 0), amount is not None)

    (found,) = standings((terms,), Month.parse(closing), volume)
    return found


def starts(found: Standing) -> list[tuple[str, str | None]]:
    return [(str(lapse.start), lapse.end and str(lapse.end)) for lapse in found.lapses]


def codes(found: Standing, closing: str) -> dict[str, str]:
    rows = floor_findings(Month.parse(closing), found)
    return {row["code"][0]: row["message"][0] for row in rows}


def test_a_floor_that_is_reached_to_the_token_is_reached() -> None:
    found = standing(contract(), "2026-10", {"2026-10": FLOOR})

    assert (found.lapses, found.below, found.lapses_on, found.unknown) == ((), (), None, ())
    assert floor_findings(Month(2026, 10), found) == []


def test_one_token_below_counts_as_below_and_the_lapse_is_announced() -> None:
    found = standing(contract(grace_months=1), "2026-10", {"2026-10": FLOOR - 1})

    assert [(str(month), volume) for month, volume in found.below] == [("2026-10", FLOOR - 1)]
    assert starts(found) == [("2026-11-01", None)]
    assert (found.lapses_on, found.months_left) == (date(2026, 11, 1), 0)
    assert codes(found, "2026-10") == {
        "volume_floor_missed": "Contract 'deal' (openai) is below its floor of 1,000 tokens a month: 999 in "
        "2026-10. Its terms lapse on 2026-11-01."
    }


def test_months_of_grace_are_counted_down() -> None:
    terms = contract(grace_months=3)
    below = {f"2026-{number:02d}": 10 * number for number in (8, 9, 10, 11)}

    first, second, third, after = (
        standing(terms, closing, below) for closing in ("2026-08", "2026-09", "2026-10", "2026-11")
    )

    assert [(it.months_left, it.lapses_on) for it in (first, second, third, after)] == [
        (2, date(2026, 11, 1)),
        (1, date(2026, 11, 1)),
        (0, date(2026, 11, 1)),
        (0, None),
    ]
    assert [starts(it) for it in (first, second, third, after)] == [
        [], [], [("2026-11-01", None)], [("2026-11-01", None)],
    ]  # fmt: skip
    assert "80 in 2026-08, 90 in 2026-09. If the next month is too, its terms lapse on 2026-11-01." in codes(
        second, "2026-09"
    ).get("volume_floor_missed", "")
    assert "lapsed on 2026-11-01: from then on the expected rate is the list price" in codes(
        after, "2026-11"
    ).get("contract_lapsed", "")


def test_a_month_at_the_floor_starts_the_count_anew() -> None:
    found = standing(contract(grace_months=2), "2026-10", {"2026-08": 1, "2026-10": 1})

    assert starts(found) == []
    assert (found.months_left, found.lapses_on) == (1, date(2026, 12, 1))


def test_without_grace_the_month_itself_has_lapsed() -> None:
    found = standing(contract(grace_months=0), "2026-10", {"2026-10": 1})

    assert starts(found) == [("2026-10-01", None)]
    assert found.lapses_on is None


def test_days_of_notice_make_a_lapse_at_mid_month() -> None:
    terms = contract(grace_months=1, notice_days=14)

    assert starts(standing(terms, "2026-10", {"2026-09": 1})) == [("2026-10-15", None)]
    assert starts(standing(contract(grace_months=0, notice_days=14), "2026-10", {"2026-10": 1})) == [
        ("2026-10-15", None)
    ]


def test_terms_that_lapse_on_the_last_day_have_lapsed_and_are_not_announced() -> None:
    terms = contract(grace_months=0, notice_days=30, counts_from="2026-10")
    found = standing(terms, "2026-10", {"2026-10": 1})

    assert starts(found) == [("2026-10-31", None)]
    assert found.lapses_on is None
    assert set(codes(found, "2026-10")) == {"volume_floor_missed", "contract_lapsed"}


def test_terms_that_lapsed_stay_so_unless_the_contract_says_that_they_recover() -> None:
    below = {"2026-03": 1}

    assert starts(standing(contract(grace_months=1), "2026-10", below)) == [("2026-04-01", None)]
    assert starts(standing(contract(grace_months=1, recovers=True), "2026-10", below)) == [
        ("2026-04-01", "2026-05-01")
    ]
    longer = {"2026-03": 1, "2026-04": 1}
    assert starts(standing(contract(grace_months=1, recovers=True), "2026-10", longer)) == [
        ("2026-04-01", "2026-06-01")
    ]
    monthly = contract(grace_months=0, recovers=True)
    assert starts(standing(monthly, "2026-10", {"2026-03": 1, "2026-04": 1, "2026-09": 1})) == [
        ("2026-03-01", "2026-05-01"),
        ("2026-09-01", "2026-10-01"),
    ]


def test_a_month_without_a_whole_meter_is_named_and_counts_neither_way() -> None:
    found = standing(contract(grace_months=2), "2026-10", {"2026-08": 1, "2026-09": None, "2026-10": 1})

    assert [str(month) for month in found.unknown] == ["2026-09"]
    assert (starts(found), len(found.below), found.months_left) == ([], 1, 1)
    assert "in 2026-09 is not known: the meter does not cover" in codes(found, "2026-10")["floor_not_judged"]


def test_a_month_that_is_known_to_reach_the_floor_is_judged_however_little_is_covered() -> None:
    def volume(_: Contract, month: Month) -> Volume:
        return Volume(Decimal(FLOOR), is_whole=False)

    (found,) = standings((contract(),), Month(2026, 10), volume)

    assert found.unknown == ()


@pytest.mark.parametrize(
    ("terms", "months"),
    [
        (contract("2026-08-01"), ["2026-08", "2026-09", "2026-10"]),
        (contract("2026-08-02"), ["2026-09", "2026-10"]),
        (contract("2026-08-31", "2026-10-31"), ["2026-09"]),
        (contract("2026-08-01", "2026-11-01"), ["2026-08", "2026-09", "2026-10"]),
        (contract("2026-01-01", counts_from="2026-09"), ["2026-09", "2026-10"]),
        (contract("2026-09-15", counts_from="2026-01"), ["2026-10"]),
        (contract("2025-12-01", "2026-02-01"), ["2025-12", "2026-01"]),
    ],
)
def test_only_whole_months_of_the_contract_count(terms: Contract, months: list[str]) -> None:
    found = judged_months(terms, terms.floor, Month(2026, 10))

    assert [str(month) for month in found] == months


def test_a_lapse_that_the_provider_stated_is_not_counted_again() -> None:
    found = standing(contract(lapsed_from=date(2026, 10, 12)), "2026-10", {"2026-03": 1})

    assert starts(found) == [("2026-10-12", None)]
    assert "contract_lapsed" in codes(found, "2026-10")


def test_terms_that_end_before_they_lapse_do_not_lapse() -> None:
    terms = contract("2026-01-01", "2026-11-01", grace_months=1)

    found = standing(terms, "2026-10", {"2026-10": 1})

    assert (starts(found), found.lapses_on) == ([], None)


def test_a_contract_that_has_not_begun_has_no_standing() -> None:
    assert standings((contract("2026-11-01"),), Month(2026, 10), lambda *_: Volume(Decimal(0), True)) == ()


def test_lapses_go_by_the_name_of_the_contract() -> None:
    found = standing(contract(grace_months=0), "2026-10", {"2026-10": 1})

    assert lapses_of([found]) == {"deal": found.lapses}


def test_what_is_left_after_a_lapse_is_said() -> None:
    terms = contract(grace_months=0, lapsed_discount_percent=Decimal("2.5"), monthly_usd=Decimal("1000.50"),
                     counts_from="2026-10")  # fmt: skip
    messages = codes(standing(terms, "2026-10", {"2026-10": 999}), "2026-10")

    assert (
        "below its floor of 1,000.50 USD at list price a month: 999.00 in 2026-10"
        in (messages["volume_floor_missed"])
    )
    assert "the expected rate is the list price less 2.5 %" in messages["contract_lapsed"]
