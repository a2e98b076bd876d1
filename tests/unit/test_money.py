from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.money import quantize, split, split_integer

amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=6)
weights = st.lists(st.integers(min_value=0, max_value=10**12), min_size=1, max_size=30)


@given(amounts, weights)
def test_the_parts_of_a_split_add_up_to_the_total(total: Decimal, parts: list[int]) -> None:
    assert sum(split(total, parts)) == total


@given(st.integers(min_value=-(10**12), max_value=10**12), weights)
def test_the_parts_of_an_integer_add_up_and_keep_its_sign(total: int, parts: list[int]) -> None:
    shares = split_integer(total, parts)
    assert sum(shares) == total
    assert all(share * total >= 0 for share in shares)


@given(st.integers(min_value=0, max_value=10**9), weights)
def test_no_share_is_a_whole_unit_away_from_its_proportion(total: int, parts: list[int]) -> None:
    whole = sum(parts)
    if whole:
        pairs = zip(split_integer(total, parts), parts, strict=True)
        assert all(abs(share * whole - total * weight) < whole for share, weight in pairs)


def test_three_equal_parts_of_a_dollar_give_the_odd_cent_to_the_first() -> None:
    assert split(Decimal("1.00"), [1, 1, 1]) == [Decimal("0.34"), Decimal("0.33"), Decimal("0.33")]


def test_without_any_weight_the_first_takes_all() -> None:
    assert split(Decimal("1.00"), [0, 0]) == [Decimal("1.00"), Decimal(0)]


def test_nothing_to_split_over_is_refused() -> None:
    with pytest.raises(ValueError, match="no weights"):
        split_integer(3, [])


def test_a_half_goes_to_the_even_neighbour() -> None:
    assert quantize(Decimal("0.125"), Decimal("0.01")) == Decimal("0.12")
    assert quantize(Decimal("0.135"), Decimal("0.01")) == Decimal("0.14")
