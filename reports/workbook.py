"""The workbook of a month: bridge, tie-out, causes, shares, last month, evidence, open items, as formulas."""

import calendar
import io
from datetime import datetime

from xlsxwriter import Workbook

from reports import format as fmt
from reports import story
from reports.book import figures, lists
from reports.book.bridge_sheet import bridge_rows, write_bridge
from reports.book.shares_sheet import write_shares
from reports.book.variance_sheet import write_variance
from reports.month import Month
from reports.pages import month_causes
from reports.teams import totals
from reports.variance import change

_OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def render_workbook(month: Month) -> bytes:
    """Return the .xlsx file of a month, with the figures of its pages; the same bytes for the same tables."""
    target = io.BytesIO()
    with Workbook(target, _OPTIONS) as book:
        book.set_properties({"title": f"{month.company}, {month.name}", "created": _made_at(month.name)})
        _write(book, month)
    return target.getvalue()


def _write(book: Workbook, month: Month) -> None:
    tables = month.tables
    rows = bridge_rows(tables["recon.bridge"])
    headline = month.close["headline"] if month.close else f"{month.name} was not closed."
    lists.write_notes(book, month.close, str(headline), story.warnings(month.close, month.whole))
    write_bridge(book, month.whole, rows, month.name)
    figures.write_tieout(book, month.tieout)
    figures.write_causes(book, month_causes(month))
    figures.write_causes_by_team(book, rows)
    figures.write_teams(book, month.teams, totals(month.teams))
    write_shares(book, tables["recon.allocation"])
    moved = tables["recon.variance"]
    write_variance(book, moved, change(moved, month.name, None), fmt.month_name(month.name))
    lists.write_evidence(book, tables["recon.evidence"])
    lists.write_items(book, tables["report.open_item"])


def _made_at(month: str) -> datetime:
    """The last day of the month: a date of its own would change the bytes."""
    try:
        year, number = map(int, month.split("-"))
        return datetime(year, number, calendar.monthrange(year, number)[1])  # noqa: DTZ001 (of a file's properties)
    except ValueError:
        return datetime(2000, 1, 1)  # noqa: DTZ001
