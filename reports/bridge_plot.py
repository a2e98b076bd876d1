"""The bridge of a month as one drawing without a page around it: for places that show an image."""

from collections.abc import Mapping
from decimal import Decimal
from html import escape

from reports import format as fmt
from reports.charts import WIDE, Bar, Step, Tick, waterfall

_FILLS = {"total": "#33566b", "up": "#b4552d", "down": "#2f7d5b", "rest": "#8a8a8a"}
_TEXT = 'font-family="system-ui, sans-serif" font-size="13" fill="#5b6770"'


def bridge_plot(steps: Mapping[str, int], titles: Mapping[str, str]) -> str:
    """Return an SVG of the steps in their order, from traced to metered, in tokens; it needs no styles."""
    bars = [
        Step(
            titles.get(code, code),
            Decimal(tokens),
            fmt.integer(tokens),
            "total" if code == "traced" else _role(code),
        )
        for code, tokens in steps.items()
        if tokens or code == "traced"
    ]
    whole = sum(steps.values())
    drawing = waterfall([*bars, Step("Metered", Decimal(whole), fmt.integer(whole), "total")], WIDE)
    lines = [*map(_tick, drawing.ticks), *map(_bar, drawing.bars)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE.width} {drawing.height}" '
        f'width="{WIDE.width}" height="{drawing.height}" role="img">'
        f"<title>From traced to metered, in tokens</title>{''.join(lines)}</svg>"
    )


def _role(code: str) -> str:
    return "rest" if code == "unexplained" else "step"


def _tick(tick: Tick) -> str:
    text = fmt.tokens(int(tick.value))
    return f'<text x="{tick.x}" y="14" text-anchor="{tick.anchor}" {_TEXT}>{escape(text)}</text>'


def _bar(bar: Bar) -> str:
    return (
        f'<text x="0" y="{bar.text_y}" {_TEXT}>{escape(bar.label)}</text>'
        f'<rect x="{bar.x}" y="{bar.y}" width="{bar.width}" height="{bar.height}" fill="{_FILLS[bar.css]}"/>'
        f'<text x="{WIDE.width}" y="{bar.text_y}" text-anchor="end" {_TEXT}>{escape(bar.text)}</text>'
    )
