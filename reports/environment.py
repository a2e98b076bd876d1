"""Templates: where they lie, how they escape, and the words that they may use."""

import hashlib
from base64 import b64encode
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from reports import format as fmt
from reports.charts import LAYOUTS, drawn
from reports.reasons import reason


@cache
def environment() -> Environment:
    """Return what renders the templates: HTML is escaped, and a name that is not defined is an error."""
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=select_autoescape(disabled_extensions=("txt.j2",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    words = (
        fmt.usd, fmt.unit_usd, fmt.signed_usd, fmt.exact_usd, fmt.integer, fmt.signed_integer, fmt.tokens,
        fmt.label, fmt.signed_tokens, fmt.percent, fmt.signed_percent, fmt.ratio, fmt.plural, fmt.month_name,
        fmt.kind_name, fmt.unbroken, fmt.day, reason,
        fmt.small_usd, fmt.width, fmt.rate, fmt.item_class, fmt.plain, code,
    )  # fmt: skip
    environment.filters.update({word.__name__: word for word in words})
    environment.globals.update(_script())
    environment.globals.update(drawn=drawn, chart_layouts=LAYOUTS)
    return environment


def code(text: str) -> Markup:
    """Return the text escaped, with what stands between backticks as code."""
    parts = [escape(part) for part in text.split("`")]
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if i % 2 else part for i, part in enumerate(parts)
    )


def _script() -> dict[str, str]:
    """The one script of the pages, and the hash by which they allow it and nothing else."""
    script = (files("reports") / "templates" / "report.js").read_text("utf-8")
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"script": Markup(script), "script_hash": f"sha256-{digest}"}  # noqa: S704 - our own file
