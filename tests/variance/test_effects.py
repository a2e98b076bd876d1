"""What moves a team's cost: each effect against a value worked out by hand, and all of them exactly."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.variance.effects import Cell, Effects, effects

D = Decimal


def cell(kind: str, prior: tuple[int, str], now: tuple[int, str]) -> Cell:
    return Cell(kind, prior[0], D(prior[1]), now[0], D(now[1]))


def of(lines: dict[str, list[Cell]], lasting: str | None = None) -> dict[str, Effects]:
    return effects(lines, frozenset(lines if lasting is None else lasting))


def test_price_and_volume_at_once() -> None:
    """100 tokens at 0.10, then 150 at 0.12: 150 x 0.02 is price, half of 10.00 is volume."""
    found = of({"a": [cell("output", (100, "10"), (150, "18"))]})

    assert found["a"] == Effects(price=D(3), cache_hit=D(0), mix=D(0), volume=D(5))


def test_tokens_that_move_to_another_model_are_mix() -> None:
    """As many tokens as before: 50 of them at 0.10 instead of at 0.30."""
    lines = {
        "cheap": [cell("output", (100, "10"), (150, "15"))],
        "dear": [cell("output", (100, "30"), (50, "15"))],
    }

    assert of(lines) == {
        "cheap": Effects(D(0), D(0), mix=D(5), volume=D(0)),
        "dear": Effects(D(0), D(0), mix=D(-15), volume=D(0)),
    }


def test_more_output_for_the_same_tokens_is_mix() -> None:
    """100 in at 0.01 and 100 out at 0.05; then 50 and 150: 50 tokens cost 0.04 more each."""
    lines = {"a": [cell("input_uncached", (100, "1"), (50, "0.5")), cell("output", (100, "5"), (150, "7.5"))]}

    assert of(lines)["a"] == Effects(D(0), D(0), mix=D(2), volume=D(0))


def test_a_larger_share_of_cache_reads_is_cache_hit_and_growth_is_volume() -> None:
    """Twice the input and output. Divided as before the input would cost 16.40; it costs 4.00 + 1.60."""
    lines = {
        "a": [
            cell("input_uncached", (800, "8"), (400, "4")),
            cell("cache_read", (200, "0.2"), (1600, "1.6")),
            cell("output", (100, "5"), (200, "10")),
        ]
    }

    assert of(lines)["a"] == Effects(price=D(0), cache_hit=D("-10.8"), mix=D(0), volume=D("13.2"))


def test_a_prompt_that_comes_from_the_cache_for_the_first_time_takes_this_months_price_of_reads() -> None:
    """1,000 tokens at 0.01, then all of them at 0.001: 9.00 less, and nothing of it is price."""
    lines = {"a": [cell("input_uncached", (1000, "10"), (0, "0")), cell("cache_read", (0, "0"), (1000, "1"))]}

    assert of(lines)["a"] == Effects(price=D(0), cache_hit=D(-9), mix=D(0), volume=D(0))


def test_one_hour_writes_instead_of_five_minutes_are_cache_hit() -> None:
    """100 writes at 0.0125, then at 0.02 for an hour: 100 x 0.0075."""
    lines = {
        "a": [
            cell("cache_write_5m", (100, "1.25"), (0, "0")),
            cell("cache_write_1h", (0, "0"), (100, "2")),
            cell("output", (100, "5"), (100, "5")),
        ]
    }

    assert of(lines)["a"] == Effects(D(0), cache_hit=D("0.75"), mix=D(0), volume=D(0))


def test_new_and_gone_lines_are_volume_and_take_no_part_in_the_mix_of_the_others() -> None:
    """A keeps its 100 tokens, whatever comes and goes beside it."""
    lines = {
        "a": [cell("output", (100, "10"), (100, "10"))],
        "gone": [cell("output", (900, "45"), (0, "0"))],
        "new": [cell("output", (0, "0"), (500, "20"))],
    }

    found = of(lines, lasting="a")

    assert found == {
        "a": Effects(D(0), D(0), D(0), D(0)),
        "gone": Effects(D(0), D(0), D(0), volume=D(-45)),
        "new": Effects(D(0), D(0), D(0), volume=D(20)),
    }


def test_negative_tokens_of_a_correction_count_as_they_stand() -> None:
    """300 - 100 tokens, then 400 - 200: no growth; 100 more of one at 0.01 and 100 less of the other."""
    lines = {
        "a": [cell("output", (300, "3"), (400, "4"))],
        "b": [cell("output", (-100, "-1"), (-200, "-2"))],
    }

    found = of(lines)

    assert found["a"] == Effects(D(0), D(0), mix=D(1), volume=D(0))
    assert found["b"] == Effects(D(0), D(0), mix=D(-1), volume=D(0))


@pytest.mark.parametrize("before", [(-100, "-1"), (0, "0")])
def test_where_nothing_was_used_before_there_is_no_growth_and_all_is_volume(before: tuple[int, str]) -> None:
    found = of({"a": [cell("output", before, (50, "0.5"))]})

    assert found["a"] == Effects(D(0), D(0), D(0), volume=D("0.5") - D(before[1]))


def test_dollars_without_tokens_are_price() -> None:
    """Five dollars back on no tokens last month, then ten tokens at 0.10."""
    found = of({"a": [cell("output", (0, "-5"), (10, "1"))]})

    assert found["a"] == Effects(price=D(5), cache_hit=D(0), mix=D(0), volume=D(1))


def test_a_third_of_a_dollar_is_rounded_once_and_volume_takes_the_rest() -> None:
    """3 tokens for a dollar, then one for nothing: a third of a dollar is price, two thirds are volume."""
    found = of({"a": [cell("output", (3, "1"), (1, "0"))]})

    assert found["a"] == Effects(D("-0.333333333333"), D(0), D(0), volume=D("-0.666666666667"))


KINDS = ("input_uncached", "cache_read", "cache_write_1h", "output", "input_image")
TOKENS = st.integers(-1000, 10**9) | st.just(0)
USD = st.decimals(-(10**6), 10**9, places=12) | st.just(D(0))
CELLS = st.dictionaries(st.sampled_from(KINDS), st.tuples(TOKENS, USD, TOKENS, USD), min_size=1)
LINES = st.dictionaries(st.sampled_from("abcd"), CELLS, min_size=1)


def _lines(drawn: dict[str, dict[str, tuple[int, D, int, D]]]) -> dict[str, list[Cell]]:
    return {name: [Cell(kind, *each) for kind, each in cells.items()] for name, cells in drawn.items()}


@given(LINES, st.sets(st.sampled_from("abcd")))
def test_the_effects_on_a_line_are_its_change_to_the_last_decimal(drawn, lasting) -> None:
    lines = _lines(drawn)

    for name, found in effects(lines, frozenset(lasting)).items():
        change = sum((Fraction(each.usd) - Fraction(each.prior_usd) for each in lines[name]), Fraction(0))
        assert sum(map(Fraction, found)) == change


@given(LINES)
def test_the_order_of_lines_and_kinds_does_not_matter(drawn) -> None:
    lines = _lines(drawn)
    turned = {name: lines[name][::-1] for name in reversed(lines)}

    assert effects(lines, frozenset(lines)) == effects(turned, frozenset(lines))


PRICED = st.dictionaries(
    st.sampled_from(KINDS), st.tuples(st.integers(1, 10**9), st.integers(0, 10**9)), min_size=1
)


@given(st.dictionaries(st.sampled_from("abcd"), PRICED, min_size=1), st.integers(1, 50))
def test_so_many_times_the_tokens_at_the_same_rates_are_volume_alone(drawn, times: int) -> None:
    tiny = D("0.000000000001")
    lines = {
        name: [
            Cell(kind, n, n * rate * tiny, n * times, n * times * rate * tiny)
            for kind, (n, rate) in cells.items()
        ]
        for name, cells in drawn.items()
    }

    for name, found in effects(lines, frozenset(lines)).items():
        assert found[:3] == (0, 0, 0)
        assert found.volume == sum(each.prior_usd for each in lines[name]) * (times - 1)


@given(st.dictionaries(st.sampled_from("abcd"), PRICED, min_size=1), st.integers(0, 10**6))
def test_other_rates_for_the_same_tokens_are_price_alone(drawn, more: int) -> None:
    tiny = D("0.000000000001")
    lines = {
        name: [
            Cell(kind, n, n * rate * tiny, n, n * (rate + more) * tiny) for kind, (n, rate) in cells.items()
        ]
        for name, cells in drawn.items()
    }

    for name, found in effects(lines, frozenset(lines)).items():
        assert found == (sum(each.tokens for each in lines[name]) * more * tiny, 0, 0, 0)
