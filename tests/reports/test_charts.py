"""The waterfall: where its bars reach as values, and what the drawing shows of them."""

import re
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from reports.bridge_plot import bridge_plot
from reports.charts import LAYOUTS, drawn
from reports.waterfall import Step, Waterfall, waterfall

SVG = "{http://www.w3.org/2000/svg}"
SIMPLE = [
    Step("Traced", Decimal(100), "$100.00", "total"),
    Step("Retries", Decimal(60), "+$60.00", "step", ", 12 tokens"),
    Step("Duplicates", Decimal(-40), "−$40.00", "step"),
    Step("Unexplained", Decimal(0), "$0.00", "rest"),
    Step("Metered", Decimal(120), "$120.00", "total"),
]
SMALL = [
    Step("Traced", Decimal(10_000), "", "total"),
    Step("Retries", Decimal(100), "", "step"),
    Step("Metered", Decimal(10_100), "", "total"),
]
VALUES = [[], [0, 0, 0], [0, 500, 500], [100, -150, -50], [5, 0, 5], [10**15, 3, 10**15 + 3], [-5, -5, -10]]


def root(found: Waterfall, name: str, unit: str = "usd") -> ElementTree.Element:
    inner = drawn(found, name, unit)
    return ElementTree.fromstring(f'<svg xmlns="{SVG[1:-1]}">{inner}</svg>')  # noqa: S314 - drawn here


def layer(svg: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    [group] = [each for each in svg.iter(f"{SVG}g") if f"{name}_marks" in each.get("class", "").split()]
    return list(group)


def texts(svg: ElementTree.Element, css: str) -> list[ElementTree.Element]:
    return [text for text in svg.iter(f"{SVG}text") if text.get("class") == css]


def boxes(svg: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    """x, y, width and height of the bars; x as in the middle part of the drawing."""
    found = [re.fullmatch(r"M(.+),(.+)h(.+)v(.+)h.+Z", bar.get("d", "")) for bar in layer(svg, "bars")]
    return [tuple(map(float, box.groups())) for box in found if box]


def test_bars_go_on_from_the_level_of_the_bar_before() -> None:
    bars = waterfall(SIMPLE).bars
    assert [(bar.low, bar.high) for bar in bars] == [(0, 100), (100, 160), (120, 160), (120, 120), (0, 120)]
    assert [bar.css for bar in bars] == ["total", "up", "down", "rest", "total"]


def test_small_steps_on_a_large_total_break_the_axis_and_say_so() -> None:
    found = waterfall(SMALL)
    assert found.is_broken
    assert 0 < found.start < 10_000
    for name in LAYOUTS:
        assert len(layer(root(found, name), "breaks")) == 2
        assert layer(root(waterfall(SIMPLE), name), "breaks") == []


def test_large_steps_start_at_zero() -> None:
    found = waterfall(SIMPLE)
    assert not found.is_broken
    assert found.start == 0


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_bar_is_drawn_as_long_as_it_is(name: str) -> None:
    """The axis ends at 160, the highest level."""
    unit = LAYOUTS[name].plot / 160
    assert [(x, width) for x, _, width, _ in boxes(root(waterfall(SIMPLE), name))] == [
        (pytest.approx(low * unit), pytest.approx(width * unit))
        for low, width in ((0, 100), (100, 60), (120, 40), (120, 1.5 / unit), (0, 120))
    ]


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("values", VALUES)
def test_every_bar_stays_inside_the_drawing(values: list[int], name: str) -> None:
    roles = ["total", "step", "total"]
    found = waterfall([Step("s", Decimal(v), "t", role) for v, role in zip(values, roles, strict=False)])
    layout = LAYOUTS[name]
    drawing = boxes(root(found, name)) if values else []
    assert len(drawing) == len(values)
    for x, y, width, height in drawing:
        assert -0.01 <= x <= x + width <= layout.plot + 2
        assert 0 <= y <= y + height <= layout.row * len(values)


@pytest.mark.parametrize("name", LAYOUTS)
def test_names_and_values_stand_beside_their_bars(name: str) -> None:
    """Beside: on the middle of the bar; above: between the bar and the one before. Texts count from the top."""
    svg = root(waterfall(SIMPLE), name)
    layout = LAYOUTS[name]
    top = layout.height(0) - 6
    for (_, y, _, height), label, value in zip(
        boxes(svg), texts(svg, "label"), texts(svg, "value"), strict=True
    ):
        baseline = int(label.get("y", ""))
        assert value.get("y") == label.get("y")
        if layout.is_stacked:
            assert top + y + height - layout.row < baseline - 10 < baseline < top + y
        else:
            assert top + y < baseline < top + y + height


def test_what_a_bar_is_appears_on_hover_and_is_read_out() -> None:
    bar = layer(root(waterfall(SIMPLE), "wide"), "bars")[1]
    assert bar.get("aria-label") == bar.findtext(f"{SVG}title") == "Retries: +$60.00, 12 tokens"


def test_colours_are_those_of_the_page() -> None:
    svg = root(waterfall(SIMPLE), "narrow")
    fills = [bar.get("fill") for bar in layer(svg, "bars")]
    assert fills == ["var(--total)", "var(--up)", "var(--down)", "url(#narrow-hatch)", "var(--total)"]
    assert texts(svg, "value")[1].get("fill") == "var(--up)"


@pytest.mark.parametrize(("unit", "value", "told"), [
    ("usd", "1.6", "$1.50"), ("usd", "1600000", "$1,500,000"), ("tokens", "1600", "1,500"),
    ("tokens", "1600000", "1.50\u00a0M"),
])  # fmt: skip
def test_the_axis_says_what_it_counts(unit: str, value: str, told: str) -> None:
    found = waterfall([Step("Metered", Decimal(value), "", "total")])
    assert told in [text.text for text in root(found, "wide", unit).iter(f"{SVG}text")]


def test_the_same_values_are_the_same_bytes_and_names_are_text() -> None:
    steps = [*SIMPLE[:-1], Step('<img src=x onerror="alert(1)">', Decimal(120), "]]>&", "total")]
    first = drawn(waterfall(steps), "wide", "usd")
    assert first == drawn(waterfall(steps), "wide", "usd")
    names = [text.text for text in texts(root(waterfall(steps), "wide"), "label")]
    assert names == [step.label for step in steps]


def test_the_drawing_for_an_image_is_whole_without_a_page() -> None:
    svg = ElementTree.fromstring(bridge_plot({"traced": 10, "retries": 5}, {"retries": "Retries"}))  # noqa: S314
    assert "var(" not in ElementTree.tostring(svg, "unicode")
    assert [text.text for text in texts(svg, "value")] == ["10", "5", "15"]
