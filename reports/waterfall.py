"""The waterfall as values: from where to where each bar reaches, and where the axis starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

ZERO = Decimal(0)


@dataclass(frozen=True)
class Step:
    """A bar to be drawn: a total reaches from zero to `value`, any other goes on from the last level."""

    label: str
    value: Decimal
    text: str
    role: str
    """total, step, rest or invoice."""
    more: str = ""
    """What else appears on hover."""


@dataclass(frozen=True)
class Bar:
    """A step with its ends, both within the axis."""

    step: Step
    low: Decimal
    high: Decimal
    level: Decimal
    """Where the next bar goes on."""
    css: str
    """total, up, down or rest."""


@dataclass(frozen=True)
class Waterfall:
    """Bars, and the axis on which they stand."""

    bars: tuple[Bar, ...]
    start: Decimal
    end: Decimal
    is_broken: bool
    """The axis starts above zero; totals are not seen whole."""

    @property
    def ticks(self) -> list[Decimal]:
        """Round values on the axis, about four."""
        with localcontext(prec=30):
            unit = _nice((self.end - self.start) / 4)
            first = (self.start / unit).to_integral_value(rounding="ROUND_CEILING")
            last = (self.end / unit).to_integral_value(rounding="ROUND_FLOOR")
            return [number * unit for number in range(int(first), int(last) + 1)]


def waterfall(steps: Sequence[Step]) -> Waterfall:
    """Return the bars of a waterfall.

    The axis starts at zero unless the steps would then be too small to see; if it does not, totals are
    marked as broken and the caption says where the axis starts.
    """
    with localcontext(prec=30):
        levels = _levels(steps)
        spans = _spans(steps, levels)
        start, end, is_broken = _axis(spans)
        bars = tuple(
            Bar(step, max(low, start), high, level, _css(step))
            for step, (low, high), level in zip(steps, spans, levels, strict=True)
        )
    return Waterfall(bars, start, end, is_broken)


def _levels(steps: Sequence[Step]) -> list[Decimal]:
    level, found = ZERO, []
    for step in steps:
        level = step.value if step.role == "total" else level + step.value
        found.append(level)
    return found


def _spans(steps: Sequence[Step], levels: Sequence[Decimal]) -> list[tuple[Decimal, Decimal]]:
    """Low and high end of each bar."""
    before, found = ZERO, []
    for step, level in zip(steps, levels, strict=True):
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


def _css(step: Step) -> str:
    if step.role in {"total", "rest"}:
        return step.role
    return "down" if step.value < 0 else "up"
