"""The bridge of a month as one drawing without a page around it: for places that show an image."""

from collections.abc import Mapping
from decimal import Decimal

from reports.charts import LAYOUTS, draw
from reports.waterfall import Step, waterfall

_COLOURS = {
    "total": "#33566b", "up": "#b4552d", "down": "#2f7d5b", "rest": "#8a8a8a", "rest_text": "#8a8a8a",
    "text": "#5b6770", "soft": "#5b6770", "paper": "#ffffff",
}  # fmt: skip
"""They can be seen on white and on black."""


def bridge_plot(steps: Mapping[str, int], titles: Mapping[str, str]) -> str:
    """Return an SVG of the steps in their order, from traced to metered, in tokens; it needs no styles."""
    bars = [
        Step(titles.get(code, code), Decimal(tokens), f"{tokens:,}", _role(code))
        for code, tokens in steps.items()
        if tokens or code == "traced"
    ]
    whole = sum(steps.values())
    found = waterfall([*bars, Step("Metered", Decimal(whole), f"{whole:,}", "total")])
    wide = LAYOUTS["wide"]
    height = wide.height(len(found.bars))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide.width} {height}" width="{wide.width}" '
        f'height="{height}" role="img"><title>From traced to metered, in tokens</title>'
        f"{draw(found, 'wide', 'tokens', _COLOURS)}</svg>"
    )


def _role(code: str) -> str:
    return {"traced": "total", "unexplained": "rest"}.get(code, "step")
