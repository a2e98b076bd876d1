"""The sheet of what moved the cost since last month: a row per team and model, the effects add up."""

from decimal import Decimal

import polars as pl
from xlsxwriter import Workbook

from reports.book.sheet import COUNT, EXACT_USD, Cell, Column, Formula, Sheet, exact_total, place
from reports.variance import EFFECTS, TITLES, Change

_KEYS = ("team", "model")
_AMOUNTS = ("prior_usd", *(f"{name}_usd" for name in EFFECTS))
_COUNTS = ("prior_tokens", "tokens", "prior_unpriced_tokens", "unpriced_tokens")


def write_variance(book: Workbook, table: pl.DataFrame, change: Change, month: str) -> None:
    """Write recon.variance by team and model; this month and the last row are formulas.

    `change` is that of the index: its sentence stands above the table, or alone with nothing to compare.
    """
    sheet = Sheet(book, "Month over month", f"From {change.prior_month} to {month}", change.sentence)
    if not change.rows:
        return
    columns = [
        Column("Team or pool", width=30),
        Column("Model", width=30),
        Column(f"Tokens, {change.prior_month}", COUNT, 18),
        Column("Tokens", COUNT, 18),
        Column(f"Unpriced tokens, {change.prior_month}", COUNT, 18),
        Column("Unpriced tokens", COUNT, 18),
        Column(f"US dollars, {change.prior_month}", EXACT_USD, 18),
        *(Column(TITLES[name][0], EXACT_USD) for name in EFFECTS),
        Column("US dollars", EXACT_USD, 18),
    ]
    sheet.head(columns)
    first, sums = sheet.row, _sums(table)
    for row in sums.iter_rows(named=True):
        cells: list[Cell | Formula] = [row[name] for name in (*_KEYS, *_COUNTS, *_AMOUNTS)]
        sheet.line([*cells, _across(sheet.row, row["usd"])], columns)
    last, width = sheet.row - 1, len(_KEYS)
    whole: list[int | Decimal] = [int(sums[name].sum()) for name in _COUNTS]
    whole += [Decimal(sums[name].sum() or 0) for name in (*_AMOUNTS, "usd")]
    below = [exact_total(width + number, first, last, value) for number, value in enumerate(whole)]
    sheet.line(["All", None, *below], columns, is_total=True)


def _sums(table: pl.DataFrame) -> pl.DataFrame:
    known = [
        pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()).alias(name)
        for name in (*_AMOUNTS, "usd")
    ]
    return table.group_by(_KEYS).agg(pl.col(_COUNTS).sum(), *known).sort(_KEYS)


def _across(row: int, usd: Decimal | None) -> Formula | None:
    """Last month and the effects; nothing where no token of the row has a price in this month."""
    if usd is None:
        return None
    first = len(_KEYS) + len(_COUNTS)
    return Formula(f"=SUM({place(row, first)}:{place(row, first + len(_AMOUNTS) - 1)})", usd)
