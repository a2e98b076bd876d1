"""Writing of sheets: text is never a formula or a link, and every formula carries its value."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import polars as pl
from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

LONGEST = 2000
"""Characters of a cell, far below what a spreadsheet takes."""

USD = "#,##0.00;[Red]-#,##0.00"
EXACT_USD = "#,##0.00####;[Red]-#,##0.00####"
COUNT = "#,##0;[Red]-#,##0"

Cell = str | int | Decimal | bool | None


class Formula(NamedTuple):
    """A formula and its value, for readers that do not calculate."""

    text: str
    value: int | Decimal | str


class Column(NamedTuple):
    """Head of a column, the form of its numbers, and its width in characters."""

    title: str
    form: str = ""
    width: int = 14


class Sheet:
    """A sheet that is written from the top: a title, what it says, then a table."""

    def __init__(self, book: Workbook, name: str, title: str, about: str) -> None:
        self.page: Worksheet = book.add_worksheet(name)
        self._book = book
        self._forms: dict[tuple[str, bool], Format] = {}
        self.row = 3
        self.page.write_string(0, 0, title, book.add_format({"bold": True, "font_size": 14}))
        self.page.write_string(1, 0, about)
        self.page.set_landscape()
        self.page.fit_to_pages(1, 0)

    def head(self, columns: Sequence[Column]) -> None:
        """Write the heads of the table, which stay in sight, and set the widths of its columns."""
        form = self._book.add_format(
            {"bold": True, "bg_color": "#E7ECF3", "font_color": "#1B2A41", "bottom": 1, "text_wrap": True}
        )
        for number, column in enumerate(columns):
            self.page.write_string(self.row, number, column.title, form)
            self.page.set_column(number, number, column.width)
        self.row += 1
        self.page.freeze_panes(self.row, 1)

    def line(
        self, cells: Sequence[Cell | Formula], columns: Sequence[Column], *, is_total: bool = False
    ) -> None:
        """Write a row."""
        for number, (cell, column) in enumerate(zip(cells, columns, strict=True)):
            self._write(number, cell, self._form(column.form, is_total))
        self.row += 1

    def frame(self, frame: pl.DataFrame, columns: Mapping[str, Column]) -> None:
        """Write the rows of a frame below the heads of its columns, with a filter."""
        heads = list(columns.values())
        self.head(heads)
        top = self.row
        for cells in frame.select(list(columns)).iter_rows():
            self.line(cells, heads)
        self.page.autofilter(top - 1, 0, max(top, self.row - 1), len(heads) - 1)

    def _form(self, number: str, is_total: bool) -> Format:
        key = (number, is_total)
        if key not in self._forms:
            what = {"num_format": number} if number else {}
            self._forms[key] = self._book.add_format(
                {**what, **({"bold": True, "top": 1} if is_total else {})}
            )
        return self._forms[key]

    def _write(self, number: int, cell: Cell | Formula, form: Format) -> None:
        if isinstance(cell, Formula):
            self.page.write_formula(self.row, number, cell.text, form, _value(cell.value))
        elif isinstance(cell, bool):
            self.page.write_string(self.row, number, "yes" if cell else "no", form)
        elif isinstance(cell, (int, Decimal)):
            self.page.write_number(self.row, number, float(cell), form)
        elif cell is None:
            self.page.write_blank(self.row, number, None, form)
        else:
            self.page.write_string(self.row, number, clean(cell), form)


def clean(text: str) -> str:
    """Return text that a sheet can hold: no control characters, and not longer than LONGEST."""
    plain = "".join(c if c.isprintable() else " " for c in text[: LONGEST + 1])
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 1] + "…"


def place(row: int, column: int) -> str:
    """Return the name of a cell, as in D7; rows and columns are counted from 0."""
    return str(xl_rowcol_to_cell(row, column))


def total(column: int, first: int, last: int, value: int | Decimal) -> Formula:
    """Return the sum of a column from one row to another, both counted from 0 and included."""
    if last < first:
        return Formula("=0", value)
    return Formula(f"=ROUND(SUM({place(first, column)}:{place(last, column)}),2)", value)


def exact_total(column: int, first: int, last: int, value: int | Decimal) -> Formula:
    """Return the sum of a column as `total` does, with all its digits."""
    if last < first:
        return Formula("=0", value)
    return Formula(f"=SUM({place(first, column)}:{place(last, column)})", value)


def _value(value: int | Decimal | str) -> float | str:
    return value if isinstance(value, str) else float(value)
