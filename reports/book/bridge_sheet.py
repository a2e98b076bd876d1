"""The bridge as formulas: its lines add up on the sheet, and each is held against the rows behind it."""

from decimal import Decimal

import polars as pl
from xlsxwriter import Workbook

from pipeline.money import CENT
from reports.book.sheet import COUNT, EXACT_USD, USD, Cell, Column, Formula, Sheet, place, total
from reports.view import Bridge, Line, shown
from schemas.types import STEPS

ROWS = "Bridge rows"
MOST_ROWS = 20_000
"""What a spreadsheet opens at once; beyond it the rows tell less, and bridge.csv tells all."""

_GRAINS = (
    ("team", "provider", "account", "model", "service_tier", "token_kind", "step"),
    ("team", "provider", "account", "model", "step"),
    ("team", "provider", "account", "step"),
    ("team", "step"),
)
_COLUMNS = (
    Column("Line", width=34),
    Column("Code", width=20),
    Column("Tokens", COUNT, 18),
    Column("Low", COUNT, 18),
    Column("High", COUNT, 18),
    Column("US dollars", USD, 16),
    Column("How it is known", width=18),
    Column("Rows behind it", COUNT),
    Column("Tokens in the rows", COUNT, 18),
    Column("US dollars in the rows", EXACT_USD, 18),
    Column("Check", width=10),
    Column("What it is", width=90),
)

_ABOUT = (
    "Metered and billed are formulas over the lines above them. Dollars are whole cents here; the rows hold "
    "them exactly, so that a line may be off its rows by less than a cent."
)


def bridge_rows(bridge: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the bridge in the finest grain that a spreadsheet can hold."""
    sums = [pl.col("tokens").sum(), pl.col("usd").sum(), pl.col("usd").is_null().any().alias("is_partial")]
    for grain in _GRAINS:
        rows = bridge.group_by(grain).agg(sums).filter((pl.col("tokens") != 0) | (pl.col("usd") != 0))
        if rows.height <= MOST_ROWS:
            break
    return rows.sort(grain)


def write_bridge(book: Workbook, bridge: Bridge, rows: pl.DataFrame, month: str) -> None:
    """Write the sheet of the bridge and the sheet of the rows that it adds up."""
    sheet = Sheet(book, "Bridge", f"From traced to billed, {month}", _ABOUT)
    sheet.head(_COLUMNS)
    first = sheet.row
    for line in bridge.lines:
        sheet.line(_cells(line, sheet.row, rows), _COLUMNS)
    last = sheet.row - 1
    metered = bridge.metered
    tokens = total(2, first, last, metered.tokens or 0)
    usd = total(5, first, last, shown(metered))
    sheet.line(_sum(metered, tokens, usd), _COLUMNS, is_total=True)
    if bridge.billed:
        for line in bridge.invoice:
            sheet.line(_sum(line, None, line.usd.shown), _COLUMNS)
        billed = total(5, last + 1, sheet.row - 1, shown(bridge.billed))
        sheet.line(_sum(bridge.billed, None, billed), _COLUMNS, is_total=True)
    _write_rows(book, rows, month)


def _cells(line: Line, row: int, rows: pl.DataFrame) -> list[Cell | Formula]:
    tokens, usd = _of_step(rows, line.code)
    letters = {"tokens": place(row, 2), "usd": place(row, 5), "own": place(row, 8), "their": place(row, 9)}
    check = '=IF(AND({tokens}={own},ABS({usd}-{their})<=0.01),"adds up","differs")'.format(**letters)
    is_right = tokens == line.tokens and abs(usd - shown(line)) <= CENT
    return [
        line.title,
        line.code,
        line.tokens,
        line.low,
        line.high,
        line.usd.shown,
        line.basis,
        line.evidence_count,
        Formula(_sumifs(rows, "tokens", row), tokens),
        Formula(_sumifs(rows, "usd", row), usd),
        Formula(check, "adds up" if is_right else "differs"),
        line.sentence,
    ]


def _sum(line: Line, tokens: Formula | None, usd: Formula | Decimal | None) -> list[Cell | Formula]:
    nothing: list[Cell | Formula] = [None] * 3
    return [line.title, line.code, tokens, None, None, usd, line.basis, *nothing, None, line.sentence]


def _of_step(rows: pl.DataFrame, step: str) -> tuple[int, Decimal]:
    mine = rows.filter(step=step)
    return int(mine["tokens"].sum()), Decimal(mine["usd"].sum() or 0)


def _sumifs(rows: pl.DataFrame, column: str, row: int) -> str:
    """The sum of a column of the rows over those of the step that stands in this row."""
    names = [name for name in rows.columns if name != "is_partial"]
    first, last = 5, max(5, 4 + rows.height)
    letters = (chr(65 + names.index(name)) for name in (column, "step"))
    what, where = (f"'{ROWS}'!${letter}${first}:${letter}${last}" for letter in letters)
    return f"=SUMIFS({what},{where},{place(row, 1)})"


def _write_rows(book: Workbook, rows: pl.DataFrame, month: str) -> None:
    titles = {"tokens": Column("Tokens", COUNT, 16), "usd": Column("US dollars", EXACT_USD, 18)}
    names = [name for name in rows.columns if name != "is_partial"]
    columns = {
        name: titles.get(name, Column(name.replace("_", " ").capitalize(), width=22)) for name in names
    }
    grain = ", ".join(name.replace("_", " ") for name in names[:-2])
    about = f"What the bridge of {month} adds up, by {grain}. bridge.csv has every row."
    Sheet(book, ROWS, "Rows of the bridge", about).frame(rows, columns)


def steps_of(rows: pl.DataFrame) -> list[str]:
    """Return the steps that hold anything, in the order of the page."""
    found = set(rows["step"])
    return [step for step in STEPS if step in found]
