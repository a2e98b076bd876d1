"""The waterfall as a drawing: a Vega-Lite chart as SVG, whose colours are those of the page around it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import vl_convert
from markupsafe import Markup

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


LAYOUTS = {
    "wide": Layout(width=960, left=284, right=140, row=34, bar=18, is_stacked=False),
    "narrow": Layout(width=360, left=2, right=6, row=50, bar=16, is_stacked=True),
}
_TOP, _BOTTOM = 26, 6
_INK = {"total": "text", "up": "up", "down": "down", "rest": "rest_text"}
"""Colour of a value."""
_FEWEST = Decimal("1.5")
"""Units that a bar is wide at least."""
_LABELS = {
    "usd": "format(datum.value, '$,~f')",
    "tokens": "datum.value < 1e6 ? format(datum.value, ',~f') : format(datum.value / 1e6, ',~f') + ' M'",
}
PAGE = {
    "total": "var(--total)", "up": "var(--up)", "down": "var(--down)", "rest_text": "var(--rest)",
    "text": "var(--ink)", "soft": "var(--soft)", "paper": "var(--paper)",
}  # fmt: skip
"""Colours of a page, whether it is light or dark; the rest is hatched."""
_FONT = "system-ui, sans-serif"
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
    classes `connectors_marks`, `bars_marks`, `breaks_marks`, `labels_marks` and `values_marks`.
    """
    if not found.bars:
        return Markup()
    layout = LAYOUTS[name]
    svg = vl_convert.vegalite_to_svg(_chart(found, layout, unit, colours))
    inner = svg[svg.index(">") + 1 : svg.rindex("</svg>")]
    return Markup(_NAMED.sub(_with_title, inner))  # noqa: S704 - the library escapes what it is given


def _with_title(match: re.Match[str]) -> str:
    """A browser shows the title of an element on hover; a label it only reads out."""
    return f"{match[0][:-2]}><title>{match[1]}</title></path>"


def _chart(found: Waterfall, layout: Layout, unit: str, colours: Mapping[str, str]) -> dict[str, Any]:
    size = {"width": layout.plot, "height": {"step": layout.row}}
    space = {"left": layout.left, "right": layout.right, "top": _TOP, "bottom": _BOTTOM}
    weight = {"expr": "datum.css === 'total' ? 650 : 400"}
    text = {"type": "text", "aria": False, "font": _FONT, "fontSize": 14, "fontWeight": weight}
    above = {"dy": -13} if layout.is_stacked else {}
    sunk = {"yOffset": 9} if layout.is_stacked else {}
    side = {"align": "left"} if layout.is_stacked else {"align": "right"}
    margin = 0 if layout.is_stacked else -14
    return {
        **size, "padding": space, "autosize": "none", "background": None,
        "config": {"view": {"stroke": None}, "scale": {"bandPaddingInner": 0, "bandPaddingOuter": 0}},
        "data": {"values": [_row(i, bar, found, layout, colours) for i, bar in enumerate(found.bars)]},
        "encoding": {"y": {"field": "row", "type": "ordinal", "axis": None}},
        "layer": [
            _connectors(colours, sunk),
            _bars(found, layout, unit, colours, sunk),
            _breaks(layout, colours, sunk),
            {"name": "labels", "mark": {**text, **side, **above, "fill": colours["text"]},
             "encoding": {"x": {"value": margin}, "text": {"field": "label"}}},
            {"name": "values", "mark": {**text, "align": "right", **above, "fill": {"expr": "datum.ink"}},
             "encoding": {"x": {"value": layout.plot + layout.right - 2}, "text": {"field": "text"}}},
        ],
    }  # fmt: skip


def _row(i: int, bar: Bar, found: Waterfall, layout: Layout, colours: Mapping[str, str]) -> dict[str, Any]:
    least = (found.end - found.start) * _FEWEST / layout.plot
    high = max(bar.high, bar.low + least)
    return {
        "row": i, "next": min(i + 1, len(found.bars) - 1), "css": bar.css, "label": bar.step.label,
        "text": bar.step.text, "hover": f"{bar.step.label}: {bar.step.text}{bar.step.more}",
        "low": float(bar.low), "high": float(high), "level": float(bar.level),
        "fill": colours[bar.css], "ink": colours[_INK[bar.css]],
        "broken": found.is_broken and bar.css == "total",
    }  # fmt: skip


def _bars(
    found: Waterfall, layout: Layout, unit: str, colours: Mapping[str, str], sunk: Mapping[str, int]
) -> dict[str, Any]:
    axis = {
        "orient": "top", "title": None, "tickCount": 4, "domain": False, "ticks": False,
        "labelOverlap": False, "labelFlush": layout.is_stacked, "labelPadding": 6, "labelExpr": _LABELS[unit],
        "labelFont": _FONT, "labelFontSize": 12, "labelColor": colours["soft"], "gridColor": colours["soft"],
        "gridOpacity": 0.35,
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
