"""One plain sentence, whatever the signs."""

from decimal import Decimal

import pytest

from pipeline.headline import sentence


@pytest.mark.parametrize(
    ("amount", "rest", "told"),
    [
        ("1159.41", "10.17", "$1,159.41, of which $10.17 (0.9 %) is unexplained."),
        ("100.00", "0.04", "$100.00, of which $0.04 (<0.1 %) is unexplained."),
        ("100.00", "0.00", "$100.00, and all of it is accounted for."),
        ("100.00", "-3.00", "$100.00, $3.00 (3.0 %) less than traces and known causes add up to."),
        ("2.00", "3.00", "$2.00, $3.00 (150.0 %) more than traces and known causes add up to."),
        ("-200.00", "4.00", "−$200.00, $4.00 (2.0 %) more than traces and known causes add up to."),
        ("0.00", "-1.00", "$0.00, $1.00 less than traces and known causes add up to."),
    ],
)
def test_the_rest_is_a_part_of_the_amount_or_what_it_differs_by(amount: str, rest: str, told: str) -> None:
    assert sentence("Acme was billed", Decimal(amount), Decimal(rest)) == f"Acme was billed {told}"
