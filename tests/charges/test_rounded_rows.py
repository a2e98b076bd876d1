"""An invoice that sums rows of whole cents is off by half a cent a row, and that is rounding."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.charges.bills import daily, line, meter, part

Tie = Callable[..., Any]


@pytest.mark.parametrize(("cents", "is_rounding"), [(4, True), (5, True), (6, False)])
def test_half_a_cent_a_row_is_rounding_and_more_is_not(tied: Tie, cents: int, is_rounding: bool) -> None:
    # 10 days of 1,000,000 tokens at 3 dollars a million: 30 dollars, and the rows of ten days may lose 5 cents
    billed = Decimal(30) - Decimal(cents) / 100
    rows = daily("input_uncached", lambda _: Decimal(3), 1_000_000, 10)
    assert len(rows) == 10
    assert {row["origin"] for row in rows} == {"cost"}
    quantity = Decimal(10_000_000)
    found = tied(
        meter({"input_uncached": 1_000_000}, days=10),
        [*rows, line(billed, "input_uncached", quantity=quantity)],
    )
    assert part(found, "billed") == billed
    assert (part(found, "price") == 0) == is_rounding
