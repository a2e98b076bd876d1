"""The sheet of who carries the bills: a row per team, kind of money and method, both views side by side."""

from decimal import Decimal

import polars as pl
from xlsxwriter import Workbook

from reports.allocation import KINDS
from reports.book.sheet import EXACT_USD, Cell, Column, Formula, Sheet, exact_total, place
from schemas.allocation import POOLS, VIEWS

_KEYS = ("team", "is_pool", "pool", "method")
_COLUMNS = (
    Column("Team or pool", width=30),
    Column("Is a pool"),
    Column("Kind of money", width=28),
    Column("Method", width=16),
    Column("Executing, US dollars", EXACT_USD, 20),
    Column("Initiating, US dollars", EXACT_USD, 20),
    Column("Difference, US dollars", EXACT_USD, 20),
)


def write_shares(book: Workbook, allocation: pl.DataFrame) -> None:
    """Write recon.allocation by team, kind of money and method; both views add up to the bills."""
    about = (
        "Executing: the team whose service made the calls. Initiating: the team whose request was at the "
        "root of their traces. Exact; allocation_shares.csv has every line."
    )
    if allocation.is_empty():
        about = "No bill has come, so that there is nothing to allocate."
    sheet = Sheet(book, "Shares", "Who carries the bills", about)
    if allocation.is_empty():
        return
    sheet.head(_COLUMNS)
    first, sums = sheet.row, _sums(allocation)
    for row in sums.iter_rows(named=True):
        executing, initiating = (row[view] for view in VIEWS)
        gap = Formula(f"={place(sheet.row, 5)}-{place(sheet.row, 4)}", initiating - executing)
        cells: list[Cell | Formula] = [row["team"], row["is_pool"], KINDS[row["pool"]], row["method"]]
        sheet.line([*cells, executing, initiating, gap], _COLUMNS)
    last = sheet.row - 1
    executing, initiating = (Decimal(sums[view].sum() or 0) for view in VIEWS)
    whole = (executing, initiating, initiating - executing)
    below = [exact_total(4 + number, first, last, value) for number, value in enumerate(whole)]
    sheet.line(["All", None, None, None, *below], _COLUMNS, is_total=True)


def _sums(allocation: pl.DataFrame) -> pl.DataFrame:
    in_view = [pl.col("usd").filter(pl.col("view") == view).sum().alias(view) for view in VIEWS]
    sums = allocation.group_by(_KEYS).agg(in_view)
    something = sums.filter(pl.any_horizontal(pl.col(view) != 0 for view in VIEWS))
    return something.sort("is_pool", "team", pl.col("pool").cast(pl.Enum(POOLS)), "method",
                          descending=[True, False, False, False])  # fmt: skip
