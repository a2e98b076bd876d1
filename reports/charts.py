"""The waterfall as a drawing: a Vega-Lite chart as SVG, whose colours are those of the page around it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

import vl_convert
from markupsafe import Markup

from reports import format as fmt
from reports.waterfall import Bar, Waterfall


@dataclass(frozen=True)
class Layout:
    """Sizes of a drawing in user units: labels beside the bars, or above them where space is scarce."""

    width: int
    left: int
    right: int
    row: int
    bar: int
    is_stacked: bool

    @property
    def plot(self) -> int:
        """Width between the margins."""
        return self.width - self.left - self.right

    def height(self, bars: int) -> int:
        """Height with so many bars."""
        return _TOP + self.row * bars + _BOTTOM

    def baseline(self, number: int) -> int:
        """Where the texts of a bar stand."""
        return _TOP + self.row * number + (17 if self.is_stacked else self.row // 2 + 5)


LAYOUTS = {
    "wide": Layout(width=960, left=284, right=140, row=34, bar=18, is_stacked=False),
    "narrow": Layout(width=360, left=2, right=6, row=50, bar=16, is_stacked=True),
}
_TOP, _BOTTOM = 26, 6
_EDGE = 20
"""A text of the axis that is so near to its end stands within it, where space is scarce."""
_INK = {"total": "text", "up": "up", "down": "down", "rest": "rest_text"}
"""Colour of a value."""
_FEWEST = Decimal("1.5")
"""Units that a bar is wide at least."""
PAGE = {
    "total": "var(--total)", "up": "var(--up)", "down": "var(--down)", "rest_text": "var(--rest)",
    "text": "var(--ink)", "soft": "var(--soft)", "paper": "var(--paper)",
}  # fmt: skip
"""Colours of a page, whether it is light or dark; the rest is hatched."""
_TEXT = Markup(
    '<text class="{css}" x="{x}" y="{y}" text-anchor="{anchor}" font-family="system-ui, sans-serif" '
    'font-size="{size}" font-weight="{weight}" fill="{fill}">{text}</text>'
)
_GAP = "M-.35,-1L.6,-1L.35,1L-.6,1Z"
"""Shape of what breaks a bar."""
_NAMED = re.compile(r'<path aria-label="([^"]*)"[^>]*/>')


def drawn(found: Waterfall, name: str, unit: str) -> Markup:
    """Return a waterfall in the colours of a page, which has a pattern `<name>-hatch` for the rest."""
    return draw(found, name, unit, {**PAGE, "rest": f"url(#{name}-hatch)"})


def draw(found: Waterfall, name: str, unit: str, colours: Mapping[str, str]) -> Markup:
    """Return what stands within the SVG element of a waterfall, the same bytes for the same values.

    `name` is one of LAYOUTS, `unit` is usd or tokens; `colours` are those of total, up, down, rest and
    rest_text, text, soft (axis) and paper (what breaks a bar), as SVG takes them. Layers are groups of the
    classes `connectors_marks`, `bars_marks` and `breaks_marks`; texts have the class `label` or `value`.
    """
    if not found.bars:
        return Markup()
    layout = LAYOUTS[name]
    svg = vl_convert.vegalite_to_svg(_chart(found, layout, colours))
    inner = svg[svg.index(">") + 1 : svg.rindex("</svg>")]
    drawing = Markup(_NAMED.sub(_with_title, inner))  # noqa: S704 - the library escapes what it is given
    return drawing + Markup().join((*_scale(found, layout, unit, colours), *_texts(found, layout, colours)))


def _scale(found: Waterfall, layout: Layout, unit: str, colours: Mapping[str, str]) -> Iterator[Markup]:
    """Yield what the axis says."""
    with localcontext(prec=30):
        scale = layout.plot / (found.end - found.start)
        places = [(tick, layout.left + (tick - found.start) * scale) for tick in found.ticks]
    for tick, x in places:
        is_last = x > layout.left + layout.plot - _EDGE
        near = "start" if x < layout.left + _EDGE else "end" if is_last else "middle"
        yield _TEXT.format(
            css="tick", x=f"{x:.1f}", y=_TOP - 12, anchor=near if layout.is_stacked else "middle", size=12,
            weight="400", fill=colours["soft"],
            text=fmt.tokens(int(tick)) if unit == "tokens" else fmt.usd(tick).replace(".00", ""),
        )  # fmt: skip


def _texts(found: Waterfall, layout: Layout, colours: Mapping[str, str]) -> Iterator[Markup]:
    """Yield names and values of bars: the library would measure each, which takes longer than all else."""
    x, anchor = (layout.left, "start") if layout.is_stacked else (layout.left - 14, "end")
    for number, bar in enumerate(found.bars):
        weight = "650" if bar.css == "total" else "400"
        of_both = {"y": layout.baseline(number), "weight": weight, "size": 14}
        yield _TEXT.format(
            css="label", x=x, anchor=anchor, fill=colours["text"], text=bar.step.label, **of_both
        )
        fill, x_value = colours[_INK[bar.css]], layout.width - 2
        yield _TEXT.format(css="value", x=x_value, anchor="end", fill=fill, text=bar.step.text, **of_both)


def _with_title(match: re.Match[str]) -> str:
    """A browser shows the title of an element on hover; a label it only reads out."""
    return f"{match[0][:-2]}><title>{match[1]}</title></path>"


def _chart(found: Waterfall, layout: Layout, colours: Mapping[str, str]) -> dict[str, Any]:
    size = {"width": layout.plot, "height": {"step": layout.row}}
    space = {"left": layout.left, "right": layout.right, "top": _TOP, "bottom": _BOTTOM}
    sunk = {"yOffset": 9} if layout.is_stacked else {}
    return {
        **size, "padding": space, "autosize": "none", "background": None,
        "config": {"view": {"stroke": None}, "scale": {"bandPaddingInner": 0, "bandPaddingOuter": 0}},
        "data": {"values": [_row(i, bar, found, layout, colours) for i, bar in enumerate(found.bars)]},
        "encoding": {"y": {"field": "row", "type": "ordinal", "axis": None}},
        "layer": [
            _connectors(colours, sunk),
            _bars(found, layout, colours, sunk),
            _breaks(layout, colours, sunk),
        ],
    }  # fmt: skip


def _row(i: int, bar: Bar, found: Waterfall, layout: Layout, colours: Mapping[str, str]) -> dict[str, Any]:
    least = (found.end - found.start) * _FEWEST / layout.plot
    high = max(bar.high, bar.low + least)
    return {
        "row": i, "next": min(i + 1, len(found.bars) - 1),
        "hover": f"{bar.step.label}: {bar.step.text}{bar.step.more}",
        "low": float(bar.low), "high": float(high), "level": float(bar.level),
        "fill": colours[bar.css], "broken": found.is_broken and bar.css == "total",
    }  # fmt: skip


def _bars(
    found: Waterfall, layout: Layout, colours: Mapping[str, str], sunk: Mapping[str, int]
) -> dict[str, Any]:
    axis = {
        "orient": "top", "title": None, "values": [float(tick) for tick in found.ticks], "labels": False,
        "domain": False, "ticks": False, "gridColor": colours["soft"], "gridOpacity": 0.35,
    }  # fmt: skip
    scale = {"domain": [float(found.start), float(found.end)], "nice": False, "zero": False}
    return {
        "name": "bars", "mark": {"type": "bar", "height": layout.bar, "fill": {"expr": "datum.fill"}, **sunk},
        "encoding": {
            "x": {"field": "low", "type": "quantitative", "scale": scale, "axis": axis},
            "x2": {"field": "high"}, "description": {"field": "hover"},
        },
    }  # fmt: skip


def _connectors(colours: Mapping[str, str], sunk: Mapping[str, int]) -> dict[str, Any]:
    line = {"type": "rule", "aria": False, "stroke": colours["soft"], "strokeDash": [2, 2], **sunk}
    return {
        "name": "connectors", "transform": [{"filter": "datum.next > datum.row"}], "mark": line,
        "encoding": {"x": {"field": "level", "type": "quantitative"}, "y2": {"field": "next"}},
    }  # fmt: skip


def _breaks(layout: Layout, colours: Mapping[str, str], sunk: Mapping[str, int]) -> dict[str, Any]:
    gap = {"type": "point", "aria": False, "shape": _GAP, "size": (layout.bar + 6) ** 2, "filled": True}
    return {
        "name": "breaks", "transform": [{"filter": "datum.broken"}],
        "mark": {**gap, "opacity": 1, "fill": colours["paper"], **sunk}, "encoding": {"x": {"value": 12}},
    }  # fmt: skip
