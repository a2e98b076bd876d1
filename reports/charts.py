"""The waterfall as geometry: where bars, connectors, ticks and labels stand. The template draws it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

ZERO = Decimal(0)


@dataclass(frozen=True)
class Step:
    """A bar to be drawn: a total reaches from the axis to `value`, any other goes on from the last level."""

    label: str
    value: Decimal
    text: str
    role: str
    """total, step, rest or invoice."""
    more: str = ""
    """What else appears on hover."""


@dataclass(frozen=True)
class Layout:
    """Sizes of a drawing in user units: labels beside the bars, or above them where space is scarce."""

    width: int
    left: int
    right: int
    row: int
    bar: int
    is_stacked: bool


WIDE = Layout(width=960, left=284, right=140, row=34, bar=18, is_stacked=False)
NARROW = Layout(width=360, left=2, right=6, row=50, bar=16, is_stacked=True)
_TOP = 26


@dataclass(frozen=True)
class Bar:
    """One row of the drawing; coordinates in user units, as text with one decimal."""

    label: str
    text: str
    css: str
    x: str
    y: str
    width: str
    height: str
    text_y: str
    row_y: str
    more: str
    connector: tuple[str, str, str] | None
    """x, y1 and y2 of the thin line from the bar before."""
    is_broken: bool


@dataclass(frozen=True)
class Tick:
    """A grid line and the value that it stands for."""

    x: str
    value: Decimal
    anchor: str


@dataclass(frozen=True)
class Waterfall:
    """A whole drawing."""

    layout: Layout
    height: int
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    is_broken: bool
    start: Decimal
    """Value at the left end of the axis."""


def waterfall(steps: Sequence[Step], layout: Layout) -> Waterfall:
    """Return the geometry of a horizontal waterfall.

    The axis starts at zero unless the steps would then be too small to see; if it does not, totals are
    marked as broken and the caption says where the axis starts.
    """
    with localcontext(prec=30):
        spans = _spans(steps)
        start, end, is_broken = _axis(spans)
        scale = Decimal(layout.width - layout.left - layout.right) / (end - start)

        def x(value: Decimal) -> Decimal:
            return layout.left + (value - start) * scale

        bars = tuple(
            _bar(step, (x(max(low, start)), x(high)), i, layout, is_broken=is_broken)
            for i, (step, (low, high)) in enumerate(zip(steps, spans, strict=True))
        )
        joined = _connect(bars, [x(level) for level in _levels(steps)], layout)
        ticks = tuple(_tick(value, x(value), layout) for value in _ticks(start, end))
    return Waterfall(layout, _TOP + layout.row * len(steps) + 6, joined, ticks, is_broken, start)


def _levels(steps: Sequence[Step]) -> list[Decimal]:
    level, found = ZERO, []
    for step in steps:
        level = step.value if step.role == "total" else level + step.value
        found.append(level)
    return found


def _spans(steps: Sequence[Step]) -> list[tuple[Decimal, Decimal]]:
    """Low and high end of each bar."""
    before, found = ZERO, []
    for step, level in zip(steps, _levels(steps), strict=True):
        other = ZERO if step.role == "total" else before
        found.append((min(other, level), max(other, level)))
        before = level
    return found


def _axis(spans: Sequence[tuple[Decimal, Decimal]]) -> tuple[Decimal, Decimal, bool]:
    """Start and end of the axis, and whether it starts above zero."""
    high = max((high for _, high in spans), default=ZERO)
    low = min((low for low, _ in spans), default=ZERO)
    tops = [low if low else high for low, high in spans]
    floor = min(tops, default=ZERO)
    room = high - floor
    if low < 0 or not room or floor <= 0 or room * 4 >= high:
        return low, max(high, low + 1), False
    unit = _nice(room / 4)
    start = ((floor - room / 5) / unit).to_integral_value(rounding="ROUND_FLOOR") * unit
    return (start, high, True) if start > 0 else (ZERO, high, False)


def _nice(size: Decimal) -> Decimal:
    """The smallest of 1, 2 or 5 times a power of ten that is not below the size."""
    power = Decimal(1).scaleb(size.adjusted())
    return next(power * step for step in (1, 2, 5, 10) if power * step >= size)


def _ticks(start: Decimal, end: Decimal) -> list[Decimal]:
    unit = _nice((end - start) / 4)
    first = (start / unit).to_integral_value(rounding="ROUND_CEILING")
    last = (end / unit).to_integral_value(rounding="ROUND_FLOOR")
    return [n * unit for n in range(int(first), int(last) + 1)]


def _bar(step: Step, ends: tuple[Decimal, Decimal], i: int, layout: Layout, *, is_broken: bool) -> Bar:
    left, right = ends
    top = _TOP + i * layout.row
    y = top + (layout.row - layout.bar - 6 if layout.is_stacked else (layout.row - layout.bar) // 2)
    direction = "total" if step.role == "total" else "down" if step.value < 0 else "up"
    return Bar(
        label=step.label,
        text=step.text,
        css="rest" if step.role == "rest" else direction,
        x=_text(left),
        y=_text(Decimal(y)),
        width=_text(max(right - left, Decimal("1.5"))),
        height=str(layout.bar),
        text_y=_text(Decimal(top + 17 if layout.is_stacked else y + layout.bar - 4)),
        row_y=str(top),
        more=step.more,
        connector=None,
        is_broken=is_broken and step.role == "total",
    )


def _connect(bars: Sequence[Bar], levels: Sequence[Decimal], layout: Layout) -> tuple[Bar, ...]:
    found = list(bars[:1])
    for before, bar, level in zip(bars, bars[1:], levels, strict=False):
        line = (_text(level), _text(Decimal(before.y) + layout.bar), bar.y)
        found.append(Bar(**{**bar.__dict__, "connector": line}))
    return tuple(found)


def _tick(value: Decimal, x: Decimal, layout: Layout) -> Tick:
    near_left, near_right = x < layout.left + 20, x > layout.width - layout.right - 20
    is_edge = layout.is_stacked and (near_left or near_right)
    return Tick(_text(x), value, ("start" if near_left else "end") if is_edge else "middle")


def _text(number: Decimal) -> str:
    return f"{number:.1f}"
