"""The sheets that add up: tie-out, causes by team, teams."""

from collections.abc import Sequence
from decimal import Decimal

import polars as pl
from xlsxwriter import Workbook

from reports.book.bridge_sheet import steps_of
from reports.book.sheet import COUNT, EXACT_USD, USD, Cell, Column, Formula, Sheet, exact_total, place, total
from reports.rounding import ZERO
from reports.story import Cause
from reports.teams import TeamRow
from reports.tieout import Grid
from reports.view import COMPONENTS


def write_tieout(book: Workbook, grid: Grid) -> None:
    """Write a row per invoice; billed and the last row are formulas."""
    about = (
        "From metered tokens to each invoice, in US dollars. Billed is the sum of its row; the last row adds "
        "up the invoices."
    )
    sheet = Sheet(book, "Tie-out", "From metered to billed", about)
    parts = grid.components[:-1]
    titles = [*(COMPONENTS[part][0] for part in parts), COMPONENTS["billed"][0]]
    columns = [Column("Provider", width=18), Column("Account", width=26), Column("Invoice", width=24)]
    columns += [Column(title, USD) for title in titles]
    sheet.head(columns)
    first, left, right = sheet.row, 3, 2 + len(parts)
    for invoice in grid.rows:
        reach = f"{place(sheet.row, left)}:{place(sheet.row, right)}"
        billed = Formula(f"=ROUND(SUM({reach}),2)" if parts else "=0", invoice.cells["billed"])
        name = invoice.invoice_id or "awaited"
        sheet.line(
            [invoice.provider, invoice.account, name, *(invoice.cells[part] for part in parts), billed],
            columns,
        )
    last = sheet.row - 1
    sums = [
        total(3 + place_of, first, last, grid.total[part]) for place_of, part in enumerate(grid.components)
    ]
    sheet.line(["All invoices", None, None, *sums], columns, is_total=True)


def write_causes(book: Workbook, causes: Sequence[Cause]) -> None:
    """Write the causes with what to do about each."""
    sheet = Sheet(
        book,
        "Causes",
        "Why traced and metered differ",
        "Signed: positive where the provider counts more than was traced.",
    )
    columns = [
        Column("Cause", width=34),
        Column("Tokens", COUNT, 16),
        Column("Low", COUNT, 16),
        Column("High", COUNT, 16),
        Column("US dollars", USD, 14),
        Column("How it is known", width=18),
        Column("Rows of evidence", COUNT),
        Column("What to do", width=90),
        Column("Where to begin", width=90),
        Column("Saves at most, US dollars", USD, 18),
    ]
    sheet.head(columns)
    for cause in causes:
        line = cause.line
        cells: list[Cell | Formula] = [
            line.title,
            line.tokens,
            line.low,
            line.high,
            line.usd.shown,
            line.basis,
            line.evidence_count,
            cause.advice,
            f"{cause.lever.first} {cause.lever.holds}." if cause.lever else None,
            cause.lever.saves if cause.lever and cause.lever.saves else None,
        ]
        sheet.line(cells, columns)


def write_causes_by_team(book: Workbook, rows: pl.DataFrame) -> None:
    """Write the exact dollars of each cause by team; the last row adds up the teams."""
    about = (
        "US dollars at the expected rate, exact; empty where the team has nothing of the cause, or no price."
    )
    sheet = Sheet(book, "Causes by team", "Which team's calls the causes are of", about)
    steps = [step for step in steps_of(rows) if step != "traced"]
    sums = rows.group_by("team", "step").agg(pl.col("usd").sum())
    found = {(team, step): usd for team, step, usd in sums.iter_rows()}
    columns = [
        Column("US dollars by team"),
        *(Column(step.replace("_", " ").capitalize(), EXACT_USD) for step in steps),
    ]
    sheet.head(columns)
    first = sheet.row
    for team in sorted(set(rows["team"])):
        sheet.line([team, *(found.get((team, step)) for step in steps)], columns)
    whole = [sum((found.get((team, step)) or ZERO for team in set(rows["team"])), ZERO) for step in steps]
    last = sheet.row - 1
    sums_below = [exact_total(1 + number, first, last, amount) for number, amount in enumerate(whole)]
    sheet.line(["All teams", *sums_below], columns, is_total=True)


def write_teams(book: Workbook, rows: Sequence[TeamRow], whole: TeamRow) -> None:
    """Write what each team and pool was billed; explained and the last row are formulas."""
    about = "Traced, explained and unexplained add up to billed; the teams and pools add up to the invoices."
    sheet = Sheet(book, "Allocation", "Who was billed what", about)
    columns = [
        Column("Team or pool", width=30),
        Column("Is a pool"),
        Column("Calls", COUNT),
        Column("Metered tokens", COUNT, 18),
        Column("Gross drift, tokens", COUNT, 18),
        Column("Unpriced tokens", COUNT, 16),
        Column("Traced, US dollars", USD),
        Column("Explained, US dollars", USD),
        Column("Unexplained, US dollars", USD),
        Column("Billed, US dollars", USD),
    ]
    sheet.head(columns)
    first = sheet.row
    for row in rows:
        billed = Formula(f"=ROUND(SUM({place(sheet.row, 6)}:{place(sheet.row, 8)}),2)", row.total_usd)
        sheet.line([*_counts(row), row.traced_usd, row.explained_usd, row.unexplained_usd, billed], columns)
    values = [
        *_counts(whole)[2:],
        whole.traced_usd,
        whole.explained_usd,
        whole.unexplained_usd,
        whole.total_usd,
    ]
    last = sheet.row - 1
    sums = [
        total(2 + number, first, last, value)
        for number, value in enumerate(values)
        if isinstance(value, (int, Decimal))
    ]
    sheet.line(["All", None, *sums], columns, is_total=True)


def _counts(row: TeamRow) -> list[Cell]:
    return [row.name, row.is_pool, row.calls, row.metered, row.gross, row.unpriced]
