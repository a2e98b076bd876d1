"""Pages of a month as HTML: self-contained, escaped, the same bytes for the same tables."""

from collections.abc import Mapping, Sequence

import polars as pl

from reports.environment import environment
from reports.pages import Page, index_page, open_month, team_page
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
    return environment().get_template("page.html.j2").render(page=page)
