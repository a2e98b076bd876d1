from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from pipeline.money import to_cents
from reports.rounding import CENT, agree, cents

AMOUNTS = st.lists(st.decimals(-(10**9), 10**9, places=12, allow_nan=False), max_size=30)


@given(AMOUNTS)
def test_cents_add_up_to_the_rounded_sum_and_stay_within_a_cent(amounts: list[Decimal]) -> None:
    shown = to_cents(amounts)
    assert sum(shown, Decimal(0)) == cents(sum(amounts, Decimal(0)))
    assert all(abs(a - b) < CENT and b == cents(b) for a, b in zip(amounts, shown, strict=True))


@given(AMOUNTS.filter(len), st.integers(-(10**6), 10**6))
def test_cents_add_up_to_whatever_total_is_asked_for(amounts: list[Decimal], total: int) -> None:
    assert sum(to_cents(amounts, total * CENT), Decimal(0)) == total * CENT


def test_the_larger_remainder_gets_the_cent_and_ties_go_to_the_earlier() -> None:
    assert to_cents([Decimal("0.004"), Decimal("0.006")]) == [Decimal("0.00"), Decimal("0.01")]
    assert to_cents([Decimal("0.005"), Decimal("0.005")]) == [Decimal("0.01"), Decimal("0.00")]
    assert to_cents([Decimal("-0.004"), Decimal("0")]) == [Decimal("0.00"), Decimal("0.00")]


def test_amounts_agree_within_a_cent() -> None:
    assert agree(Decimal("1.001"), Decimal("1.01"))
    assert not agree(Decimal("1.00"), Decimal("1.01"))
