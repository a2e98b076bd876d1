from decimal import Decimal

import pytest

from reports import format as fmt

S = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("12408.31", "$12,408.31"), ("-3.2", "−$3.20"), ("0", "$0.00"), ("-0.001", "$0.00"),
        ("0.005", "$0.00"), ("0.015", "$0.02"), ("123456789012345.675", "$123,456,789,012,345.68"),
    ],
)  # fmt: skip
def test_dollars_have_two_digits_and_a_real_minus_sign(amount: str, text: str) -> None:
    assert fmt.usd(Decimal(amount)) == text


def test_an_unknown_price_is_never_zero() -> None:
    assert fmt.usd(None) == fmt.signed_usd(None) == fmt.exact_usd(None) == "no price known"


def test_signs_are_written_on_both_sides_of_zero() -> None:
    assert [fmt.signed_usd(Decimal(n)) for n in ("1", "0", "-1")] == ["+$1.00", "$0.00", "−$1.00"]
    assert [fmt.signed_integer(n) for n in (1200, 0, -1200)] == ["+1,200", "0", "−1,200"]


def test_exact_dollars_keep_every_digit() -> None:
    assert fmt.exact_usd(Decimal("-1234.500000000001")) == "−$1,234.500000000001"
    assert fmt.exact_usd(Decimal("7.100000000000")) == "$7.10"
    assert fmt.exact_usd(Decimal("7")) == "$7.00"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"), (9999, "9,999"), (10_000, f"10.0{S}k"), (12_345, f"12.3{S}k"), (999_949, f"1.00{S}M"),
        (999_499, f"999{S}k"), (1_240_000, f"1.24{S}M"), (-4_825_700_000, f"−4.83{S}B"),
        (123_000_000_000_000_000, f"123,000{S}T"),
    ],
)  # fmt: skip
def test_tokens_have_three_digits_and_a_scale(count: int, text: str) -> None:
    assert fmt.tokens(count) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (11, 1000, f"1.1{S}%"),
        (-32, 1000, f"−3.2{S}%"),
        (1, 100_000, f"<0.1{S}%"),
        (0, 5, f"0.0{S}%"),
        (5, 0, "n/a"),
    ],
)
def test_percent_is_of_the_size_of_the_whole(part: int, whole: int, text: str) -> None:
    assert fmt.percent(part, whole) == text


def test_a_signed_percent_carries_its_sign() -> None:
    assert fmt.signed_percent(32, 1000) == f"+3.2{S}%"
    assert fmt.signed_percent(-32, -1000) == f"−3.2{S}%"
    assert fmt.signed_percent(1, 100_000) == f"+0.0{S}%"


def test_all_is_only_said_when_it_is_all() -> None:
    assert fmt.ratio(512_881, 512_904) == f"512,881 of 512,904 (>99.9{S}%)"
    assert fmt.ratio(5, 5) == f"5 of 5 (100.0{S}%)"
    assert fmt.ratio(0, 0) == "0 of 0"


def test_months_have_names() -> None:
    assert fmt.month_name("2026-10") == "October 2026"
    assert fmt.month_name("This month") == "This month"


def test_nouns_agree_with_their_number() -> None:
    assert [fmt.plural(n, "file") for n in (0, 1, 1200)] == ["0 files", "1 file", "1,200 files"]


def test_no_line_breaks_between_a_minus_sign_and_its_amount() -> None:
    assert fmt.unbroken("from −$3.65 to $1") == "from −\N{WORD JOINER}$3.65 to $1"


def test_names_lose_what_would_turn_or_break_a_line() -> None:
    assert fmt.label("pay\u202ements\x00\n") == "pay\ufffdments\ufffd\ufffd"
    assert fmt.label("x" * 81) == "x" * 79 + "…"
    assert fmt.label("x" * 80) == "x" * 80
