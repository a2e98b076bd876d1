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
    for page in month_pages(month):
        yield _html("page.html.j2", page)
        yield from render_mails([page], letterhead).items()
        if page.team is not None:
            for cause in cause_pages(month, month.owns[page.team]):
                yield _html("cause.html.j2", cause)


def month_pages(month: Month) -> Iterator[Page]:
    """Yield the index and a page for each team and pool, as values."""
    yield index_page(month)
    for row in month.teams:
        yield team_page(month, row)


def _html(template: str, page: Page | CausePage) -> tuple[str, str]:
    return page.path, environment().get_template(template).render(page=page)
