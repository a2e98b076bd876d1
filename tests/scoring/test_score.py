"""Figures of a truth and a bridge small enough to be scored by hand."""

from collections.abc import Callable

import polars as pl
import pytest

from assets.score import CAUSES, FIGURES, cause_table, dropped, gross_drift, score

Build = Callable[..., pl.DataFrame]


@pytest.fixture
def truth(truth_of: Build) -> pl.DataFrame:
    """Gross drift, in cells without team and day: 150 + 200 + 80 + 70 = 500 tokens."""
    return truth_of("""
        model | token_kind     | day        | team | cause          | tokens
        m     | input_uncached | 2026-10-05 | red  | traced         |   1000
        m     | output         | 2026-10-05 | red  | traced         |    500
        m     | output         | 2026-10-05 | red  | retries        |     60
        m     | output         | 2026-10-06 | red  | retries        |     40
        m     | output         | 2026-10-06 | blue | retries        |     50
        m     | input_uncached | 2026-10-05 | red  | cancellations  |    200
        m     | output         | 2026-10-05 | red  | not_billed     |    -80
        e     | output         | 2026-10-07 | blue | uninstrumented |     70
    """)


@pytest.fixture
def bridge(bridge_of: Build) -> pl.DataFrame:
    return bridge_of("""
        model | token_kind     | team           | step           | tokens
        m     | input_uncached | red            | traced         |   1000
        m     | output         | red            | traced         |    500
        m     | output         | red            | retries        |    115
        m     | output         | blue           | retries        |      5
        m     | input_uncached | red            | cancellations  |    180
        m     | output         | red            | not_billed     |    -80
        m     | output         | red            | reasoning      |     10
        e     | output         | uninstrumented | uninstrumented |     70
        m     | output         | red            | unexplained    |     20
        m     | input_uncached | red            | unexplained    |     20
    """)


def test_gross_drift_is_what_causes_moved_in_a_month_without_what_was_traced(truth: pl.DataFrame) -> None:
    assert gross_drift(truth) == 500


def test_a_misplaced_token_is_counted_once_though_it_is_wrong_in_two_cells(truth, bridge) -> None:
    """Retries 30 too few, cancellations 20; reasoning 10 too many, unexplained 40: 100 / 2 of 500."""
    assert score(truth, bridge)["misplaced"] == pytest.approx(0.10)


def test_by_team_and_cause_the_wrong_team_counts_and_the_pool_of_the_untraced_does_not(truth, bridge) -> None:
    """Retries of red 15 and of blue 45, cancellations 20, reasoning 10, unexplained 40: 130 / 2 of 500."""
    assert score(truth, bridge)["by_team"] == pytest.approx(0.13)


def test_unexplained_tokens_of_two_kinds_do_not_cancel(truth, bridge_of) -> None:
    bridge = bridge_of("""
        token_kind     | team | step        | tokens
        output         | red  | unexplained |     30
        input_uncached | red  | unexplained |    -20
    """)
    assert score(truth, bridge)["unexplained"] == pytest.approx(0.10)


def test_a_cause_is_held_against_its_own_size(truth, bridge) -> None:
    figures = score(truth, bridge)
    assert figures["own.retries"] == pytest.approx((15 + 45) / 150)
    assert figures["size.retries"] == 150
    assert figures["bias.retries"] == pytest.approx(-30 / 150)
    assert figures["own.cancellations"] == pytest.approx(20 / 200)
    assert figures["own.uninstrumented"] == 0
    assert figures["inferred"] == pytest.approx((60 + 20 + 10) / (150 + 200))


def test_a_cause_that_the_world_lacks_has_no_own_error_but_a_false_share(truth, bridge) -> None:
    figures = score(truth, bridge)
    assert (figures["own.reasoning"], figures["bias.reasoning"]) == (None, None)
    assert figures["false.reasoning"] == pytest.approx(10 / 500)
    assert figures["false.sampling"] == 0
    assert figures["false.retries"] is None


def test_a_bridge_of_other_metered_tokens_is_told_to_be_misread(truth, bridge, bridge_of) -> None:
    """Metered: 1200 input, 570 output and 70 of the other model; here 46 tokens more."""
    assert score(truth, bridge)["misread"] == 0
    more = bridge_of("""
        team | step   | tokens
        red  | traced |     46
    """)
    assert score(truth, pl.concat([bridge, more]))["misread"] == pytest.approx(46 / 1840)


def test_the_table_of_causes_has_the_order_of_the_page(truth, bridge) -> None:
    rows = {row.pop("cause"): row for row in cause_table(truth, bridge).to_dicts()}
    assert list(rows) == [
        "traced", "not_billed", "retries", "cancellations", "reasoning", "uninstrumented", "unexplained",
    ]  # fmt: skip
    assert rows["retries"] == {"truth": 150, "ours": 120, "size": 150, "off": 30}
    assert rows["unexplained"] == {"truth": 0, "ours": 40, "size": 0, "off": 40}


@pytest.mark.parametrize(
    ("tokens", "ends", "coverage"),
    [(101, (90, 110), 1.0), (101, (100, 110), 1.0), (101, (101, 110), 0.0), (99, (90, 99), 0.0)],
)
def test_an_interval_covers_what_lies_inside_or_on_its_ends(
    truth_of: Build, bridge_of: Build, tokens: int, ends: tuple[int, int], coverage: float
) -> None:
    known = truth_of("team | cause | tokens \n red | retries | 100")
    row = f"red | retries | {tokens} | {ends[0]} | {ends[1]}"
    ours = bridge_of(f"team | step | tokens | tokens_low | tokens_high \n {row}", basis="estimated")
    figures = score(known, ours)
    assert figures["coverage"] == coverage
    assert figures["width"] == pytest.approx((ends[1] - ends[0]) / 100)


@pytest.mark.parametrize(("tokens", "coverage"), [(185, 1.0), (175, 1.0), (186, 0.0), (174, 0.0)])
def test_errors_of_several_rows_add_up_by_the_root_of_their_squares(
    truth_of: Build, bridge_of: Build, tokens: int, coverage: float
) -> None:
    """180 plus or minus 5 out of 100 plus or minus 3 and 80 plus or minus 4."""
    known = truth_of(f"team | cause | tokens \n red | retries | {tokens}")
    ours = bridge_of(
        """
        service | team | step    | tokens | tokens_low | tokens_high
        s       | red  | retries |    100 |         97 |         103
        t       | red  | retries |     80 |         76 |          84
    """,
        basis="estimated",
    )
    assert score(known, ours)["coverage"] == coverage


@pytest.mark.parametrize(("low", "coverage"), [(0, 1.0), (1, 0.0)])
def test_an_interval_that_holds_nothing_covers_a_cell_that_the_truth_does_not_name(
    truth_of: Build, bridge_of: Build, low: int, coverage: float
) -> None:
    known = truth_of("team | cause | tokens \n blue | not_billed | -5")
    ours = bridge_of(
        f"team | step | tokens | tokens_low | tokens_high \n red | retries | 9 | {low} | 20",
        basis="estimated",
    )
    assert score(known, ours)["coverage"] == coverage


def test_what_is_known_exactly_does_not_count_for_coverage_and_what_is_not_claimed_counts_apart(
    truth_of: Build, bridge_of: Build
) -> None:
    known = truth_of("""
        team  | cause         | tokens
        red   | retries       |    100
        blue  | retries       |     50
        green | cancellations |     70
        red   | not_billed    |    -10
    """)
    estimated = bridge_of(
        """
        team | step       | tokens | tokens_low | tokens_high
        red  | retries    |     90 |         80 |         110
        red  | not_billed |    -12 |        -13 |         -11
    """,
        basis="estimated",
    )
    exact = bridge_of("team | step | tokens \n blue | retries | 49")
    figures = score(known, pl.concat([estimated, exact]))
    assert figures["coverage"] == 1.0
    assert figures["coverage_with_unclaimed"] == 0.5
    assert figures["width"] == pytest.approx(0.3)


def test_what_took_the_tokens_of_a_cause_that_was_left_out_is_told_by_its_size(
    truth: pl.DataFrame, bridge: pl.DataFrame, bridge_of: Build
) -> None:
    """Of 200 true tokens of cancellations 150 become unexplained, and retries of red take 30 more."""
    without = bridge_of("""
        model | token_kind     | team | step        | tokens
        m     | output         | red  | retries     |    145
        m     | output         | blue | retries     |      5
        m     | output         | red  | not_billed  |    -80
        m     | output         | red  | reasoning   |     10
        e     | output         | red  | uninstrumented |  70
        m     | output         | red  | unexplained |    -10
        m     | input_uncached | red  | unexplained |    180
    """)
    rows = {row.pop("cause"): row for row in dropped(truth, bridge, without, "cancellations").to_dicts()}
    assert rows["unexplained"] == {"grew": pytest.approx(150 / 200), "moved": pytest.approx(190 / 200)}
    assert rows["retries"] == {"grew": pytest.approx(30 / 200), "moved": pytest.approx(30 / 200)}
    assert rows["not_billed"] == {"grew": 0, "moved": 0}
    assert dropped(truth, bridge, without, "sampling").is_empty()


def test_every_figure_is_there_and_says_what_it_means(truth, bridge) -> None:
    figures = score(truth, bridge)
    assert {figure.code for figure in FIGURES} <= set(figures)
    assert {f"own.{cause}" for cause in CAUSES} <= set(figures)
    assert all(figure.sentence.endswith(".") for figure in FIGURES)


def test_an_empty_month_has_no_figures_and_no_error(truth: pl.DataFrame, bridge: pl.DataFrame) -> None:
    assert score(truth.clear(), bridge.clear())["misplaced"] is None
