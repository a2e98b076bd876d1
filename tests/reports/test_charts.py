from decimal import Decimal

import pytest

from reports.charts import NARROW, WIDE, Layout, Step, waterfall

SIMPLE = [
    Step("Traced", Decimal(100), "$100.00", "total"),
    Step("Retries", Decimal(60), "+$60.00", "step"),
    Step("Duplicates", Decimal(-40), "−$40.00", "step"),
    Step("Unexplained", Decimal(0), "$0.00", "rest"),
    Step("Metered", Decimal(120), "$120.00", "total"),
]


def test_bars_go_on_from_the_level_of_the_bar_before() -> None:
    plot = Layout(width=160, left=0, right=0, row=20, bar=10, is_stacked=False)
    bars = waterfall(SIMPLE, plot).bars
    assert [(bar.x, bar.width) for bar in bars] == [
        ("0.0", "100.0"), ("100.0", "60.0"), ("120.0", "40.0"), ("120.0", "1.5"), ("0.0", "120.0"),
    ]  # fmt: skip
    assert [bar.css for bar in bars] == ["total", "up", "down", "rest", "total"]


def test_small_steps_on_a_large_total_break_the_axis_and_say_so() -> None:
    drawn = waterfall(
        [
            Step("Traced", Decimal(10_000), "", "total"),
            Step("Retries", Decimal(100), "", "step"),
            Step("Metered", Decimal(10_100), "", "total"),
        ],
        WIDE,
    )
    assert drawn.is_broken
    assert 0 < drawn.start < 10_000
    assert [bar.is_broken for bar in drawn.bars] == [True, False, True]


def test_large_steps_start_at_zero() -> None:
    drawn = waterfall(SIMPLE, WIDE)
    assert not drawn.is_broken
    assert drawn.start == 0


@pytest.mark.parametrize("layout", [WIDE, NARROW])
@pytest.mark.parametrize(
    "values",
    [[], [0, 0, 0], [0, 500, 500], [100, -150, -50], [5, 0, 5], [10**15, 3, 10**15 + 3], [-5, -5, -10]],
)
def test_every_bar_stays_inside_the_drawing(values: list[int], layout: Layout) -> None:
    roles = ["total", "step", "total"]
    steps = [Step("s", Decimal(v), "t", role) for v, role in zip(values, roles, strict=False)]
    drawn = waterfall(steps, layout)
    for bar in drawn.bars:
        assert Decimal(bar.x) >= layout.left
        assert Decimal(bar.x) + Decimal(bar.width) <= layout.width - layout.right + 2
        assert Decimal(bar.y) + Decimal(bar.height) <= drawn.height
    assert len(drawn.ticks) <= 7
