"""Pages of a month as HTML: self-contained, escaped, the same bytes for the same tables."""

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from reports.cause_pages import CausePage, cause_pages
from reports.environment import environment
from reports.pages import Page, index_page, open_month, team_page
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
    return page.path, environment().get_template(template).render(page=page)
