"""Pages of a month as HTML: self-contained, escaped, the same bytes for the same tables."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from reports import format as fmt
from reports.cause_pages import CausePage, cause_pages
from reports.pages import Page, index_page, open_month, team_page
from reports.reasons import reason
from reports.view import CauseText, MaterialityText


def render_month(
    tables: Mapping[str, pl.DataFrame],
    causes: Sequence[CauseText],
    company: str,
    materiality: MaterialityText,
) -> Iterator[tuple[str, str]]:
    """Yield path and HTML of the index, of each team and pool, and of each of their causes.

    One page at a time, so that memory does not grow with the number of teams.
    """
    month = open_month(tables, causes, company, materiality)
    yield _html("page.html.j2", index_page(month))
    for row in month.teams:
        yield _html("page.html.j2", team_page(month, row))
        for page in cause_pages(month, month.owns[row.name]):
            yield _html("cause.html.j2", page)


def _html(template: str, page: Page | CausePage) -> tuple[str, str]:
    return page.path, _environment().get_template(template).render(page=page)


def code(text: str) -> Markup:
    """Return the text escaped, with what stands between backticks as code."""
    parts = [escape(part) for part in text.split("`")]
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if i % 2 else part for i, part in enumerate(parts)
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    words = (
        fmt.usd, fmt.signed_usd, fmt.small_usd, fmt.exact_usd, fmt.integer, fmt.signed_integer, fmt.tokens,
        fmt.label,
        fmt.signed_tokens, fmt.percent, fmt.signed_percent, fmt.ratio, fmt.plural, fmt.month_name,
        fmt.kind_name, fmt.unbroken, fmt.width, fmt.rate, fmt.item_class, fmt.plain, fmt.day, reason, code,
    )  # fmt: skip
    environment.filters.update({word.__name__: word for word in words})
    script = (files("reports") / "templates" / "report.js").read_text("utf-8")
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals.update(script=Markup(script), script_hash=f"sha256-{digest}")  # noqa: S704 (our own)
    return environment
