"""Pages of a month as HTML: self-contained, escaped, the same bytes for the same tables."""

from collections.abc import Mapping, Sequence
from functools import cache

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined

from reports import format as fmt
from reports.pages import Page, index_page, open_month, team_page
from reports.reasons import reason
from reports.view import CauseText, MaterialityText


def render_month(
    tables: Mapping[str, pl.DataFrame],
    causes: Sequence[CauseText],
    company: str,
    materiality: MaterialityText,
) -> dict[str, str]:
    """Return path -> HTML of the index and of a page for each team and pool of one month."""
    month = open_month(tables, causes, company, materiality)
    pages = [index_page(month), *(team_page(month, row) for row in month.teams)]
    return {page.path: _html(page) for page in sorted(pages, key=lambda page: page.path)}


def _html(page: Page) -> str:
    return _environment().get_template("page.html.j2").render(page=page)


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
        fmt.usd, fmt.unit_usd, fmt.signed_usd, fmt.exact_usd, fmt.integer, fmt.signed_integer, fmt.tokens,
        fmt.label, fmt.signed_tokens, fmt.percent, fmt.signed_percent, fmt.ratio, fmt.plural, fmt.month_name,
        fmt.kind_name, fmt.unbroken, fmt.day, reason,
    )  # fmt: skip
    environment.filters.update({word.__name__: word for word in words})
    return environment
