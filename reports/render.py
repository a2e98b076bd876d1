"""Pages and mails of a month: self-contained, escaped, the same bytes for the same tables."""

from collections.abc import Iterator

from reports.cause_pages import CausePage, cause_pages
from reports.environment import environment
from reports.mail import Letterhead, render_mails
from reports.month import Month
from reports.pages import Page, index_page, team_page


def render_month(month: Month, letterhead: Letterhead) -> Iterator[tuple[str, str]]:
    """Yield path and content of the index, of teams and pools, of the mails of these, and of their causes.

    One page at a time, so that memory does not grow with the number of teams.
    """
    yield from _page(index_page(month), letterhead)
    for row in month.teams:
        opened = month.opened(row.name)
        yield from _page(team_page(month, opened), letterhead)
        for cause in cause_pages(month, opened):
            yield _html("cause.html.j2", cause)


def month_pages(month: Month) -> Iterator[Page]:
    """Yield the index and a page for each team and pool, as values."""
    yield index_page(month)
    for row in month.teams:
        yield team_page(month, month.opened(row.name))


def _page(page: Page, letterhead: Letterhead) -> Iterator[tuple[str, str]]:
    yield _html("page.html.j2", page)
    yield from render_mails([page], letterhead).items()


def _html(template: str, page: Page | CausePage) -> tuple[str, str]:
    return page.path, environment().get_template(template).render(page=page)
