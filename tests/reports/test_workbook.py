"""The workbook has the figures of the tables, adds them up by formulas, and runs nothing that it was given."""

import io
import re
import zipfile
from decimal import Decimal

import openpyxl
import pytest

from reports.month import open_month
from reports.workbook import render_workbook
from tests.reports.conftest import CAUSES, MATERIALITY

CENT = Decimal("0.01")
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    '=HYPERLINK("http://x","y")',
    "Ünïcödé 漢字",
    "a\nb\x00c",
    "x" * 5000,
)


class Book:
    """A workbook read twice: its formulas, and the values that they carry."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.formulas = openpyxl.load_workbook(io.BytesIO(content))
        self.values = openpyxl.load_workbook(io.BytesIO(content), data_only=True)

    def rows(self, sheet: str) -> list[list[object]]:
        """The rows below the heads of the table."""
        return [list(row) for row in self.values[sheet].iter_rows(min_row=5, values_only=True)]

    def value(self, sheet: str, cell: str) -> Decimal:
        """The value of a cell, calculated from the cells that its formula names."""
        content = self.formulas[sheet][cell].value
        if not isinstance(content, str) or not content.startswith("="):
            return Decimal(str(content or 0))
        if content == "=0":
            return Decimal(0)
        if found := re.fullmatch(r"=([A-Z]\d+)-([A-Z]\d+)", content):
            return self.value(sheet, found[1]) - self.value(sheet, found[2])
        found = re.fullmatch(r"=(?:ROUND\()?SUM\((\w+:\w+)\)(,2\))?", content)
        assert found, content
        cells = [each.coordinate for row in self.formulas[sheet][found[1]] for each in row]
        whole = sum((self.value(sheet, each) for each in cells), Decimal(0))
        return round(whole, 2) if found[2] else whole


def shares() -> list[dict[str, object]]:
    """Two lines of a bill in both views: usage of two teams, and a fee that is shared and in part pooled."""
    line = {"provider": "openai", "account": "org-acme", "invoice_id": "1", "line_number": 1, "category": "usage",
            "service_tier": "all", "method_details": "told"}  # fmt: skip
    names = ("view", "team", "is_pool", "pool", "method", "usd")
    rows = [
        ("executing", "search", "false", "usage", "direct", "60.125"),
        ("executing", "search", "false", "usage", "direct", "0.005"),
        ("executing", "payments", "false", "usage", "direct", "30.37"),
        ("executing", "payments", "false", "fees", "even", "4.5"),
        ("executing", "unowned", "true", "fees", "pool", "5"),
        ("initiating", "search", "false", "usage", "direct", "20.13"),
        ("initiating", "payments", "false", "usage", "direct", "70.37"),
        ("initiating", "payments", "false", "fees", "even", "4.5"),
        ("initiating", "unowned", "true", "fees", "pool", "5"),
    ]
    return [{**line, **dict(zip(names, row, strict=True))} for row in rows]


@pytest.fixture
def book(make_month):
    return lambda **replaced: Book(
        render_workbook(open_month(make_month(**replaced), CAUSES, "Acme", MATERIALITY))
    )


def test_every_sum_is_a_formula_that_makes_what_it_says(book) -> None:
    made, seen = book(recon__allocation=shares()), 0
    for sheet in ("Bridge", "Tie-out", "Causes by team", "Allocation", "Shares", "Month over month"):
        for row in made.formulas[sheet].iter_rows():
            for cell in row:
                if isinstance(cell.value, str) and re.match(r"=(ROUND\()?SUM\(", cell.value):
                    told = Decimal(str(made.values[sheet][cell.coordinate].value))
                    assert abs(made.value(sheet, cell.coordinate) - told) < Decimal("0.000001"), cell
                    seen += 1
    assert seen > 20


def test_the_bridge_ends_at_the_bill_and_every_line_agrees_with_its_rows(book) -> None:
    made = book()
    lines = {row[1]: row for row in made.rows("Bridge")}
    assert Decimal(str(lines["metered"][5])).quantize(CENT) == Decimal("12297.01")
    assert Decimal(str(lines["billed"][5])).quantize(CENT) == Decimal("12194.40")
    assert lines["metered"][2] == 4_825_700_000
    steps = [row for row in lines.values() if row[10] is not None]
    assert [row[10] for row in steps] == ["adds up"] * len(steps)
    behind = made.rows("Bridge rows")
    for row in steps:
        mine = [each for each in behind if each[6] == row[1]]
        assert sum(int(each[7]) for each in mine) == row[2] == row[8]
        usd = sum((Decimal(str(each[8] or 0)) for each in mine), Decimal(0))
        assert abs(usd - Decimal(str(row[5] or 0))) <= CENT


def test_sumifs_of_a_line_reach_over_all_rows(book) -> None:
    made = book()
    last = made.values["Bridge rows"].max_row
    formula = made.formulas["Bridge"]["I5"].value
    assert formula == f"=SUMIFS('Bridge rows'!$H$5:$H${last},'Bridge rows'!$G$5:$G${last},B5)"


def test_invoices_and_teams_add_up_to_the_bill(book) -> None:
    made = book()
    *invoices, total = made.rows("Tie-out")
    assert round(sum(row[-1] for row in invoices), 2) == round(total[-1], 2) == 12194.40
    *teams, whole = made.rows("Allocation")
    assert round(sum(row[-1] for row in teams), 2) == round(whole[-1], 2) == 12194.40


def test_shares_stand_by_team_kind_and_method_and_add_up_to_the_bills_in_both_views(book) -> None:
    made = book(recon__allocation=shares())
    assert made.rows("Shares") == [
        ["unowned", "yes", "Fees", "pool", 5, 5, 0],
        ["payments", "no", "Usage", "direct", 30.37, 70.37, 40],
        ["payments", "no", "Fees", "even", 4.5, 4.5, 0],
        ["search", "no", "Usage", "direct", 60.13, 20.13, -40],
        ["All", None, None, None, 100, 100, 0],
    ]
    assert made.formulas["Shares"]["G6"].value == "=F6-E6"
    assert made.value("Shares", "E9") == made.value("Shares", "F9") == 100


def test_without_a_bill_the_shares_say_so(book) -> None:
    assert book().values["Shares"]["A2"].value == "No bill has come, so that there is nothing to allocate."
    assert book().values["Shares"].max_row == 2


def test_last_month_and_the_effects_make_this_month_by_team_and_model(book) -> None:
    made = book()
    head = [cell.value for cell in made.values["Month over month"][4]]
    assert head[6:] == [
        "US dollars, September 2026",
        "Price",
        "Cache hits",
        "Mix",
        "Volume",
        "Unpriced",
        "US dollars",
    ]
    rows = {(row[0], row[1]): row for row in made.rows("Month over month")}
    assert rows["payments", "m1"][6:] == [100.004, 1.003, -2.004, 0.502, 10.001, 0, 109.506]
    assert rows["search", "m3"][-1] == 0
    assert len(rows) == 5
    for number in range(5, 10):
        told = made.values["Month over month"][f"M{number}"].value
        assert made.value("Month over month", f"M{number}") == Decimal(str(told))
    assert made.value("Month over month", "M9") == Decimal("168.676")


def test_two_accounts_of_a_team_and_model_are_one_row_and_no_price_is_an_empty_cell(book, make_month) -> None:
    rows = make_month()["recon.variance"].to_dicts()
    effects = [name for name in rows[0] if name.endswith("_usd")]
    unknown = {**rows[0], **dict.fromkeys(effects), "usd": None, "team": "dark", "unpriced_tokens": 10}
    made = book(recon__variance=[*rows, {**rows[0], "account": "other"}, unknown])
    found = {(row[0], row[1]): row for row in made.rows("Month over month")}
    assert found["payments", "m1"][3] == 20
    assert found["payments", "m1"][-1] == 219.012
    assert found["dark", "m1"][5:] == [10, *[None] * 7]


def test_a_month_with_none_before_it_says_so_on_its_sheet(book, make_month) -> None:
    rows = [{**row, "prior_month": None} for row in make_month()["recon.variance"].to_dicts()]
    sheet = book(recon__variance=rows).values["Month over month"]
    assert sheet["A2"].value.startswith(
        "September 2026 was not closed here, so that there is nothing to compare"
    )
    assert sheet.max_row == 2


def test_the_evidence_holds_ids_and_counts_and_the_largest_rows_first(book) -> None:
    rows = book().rows("Evidence")
    assert [row[4] for row in rows] == [-1000 * i for i in range(8, 0, -1)]
    assert {len(row) for row in rows} == {7}


def test_the_same_month_makes_the_same_bytes(book) -> None:
    first, second = book().content, book().content
    assert first == second
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {item.date_time for item in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_month_of_nothing_is_a_workbook_that_says_so(book) -> None:
    empty = ("recon__bridge", "recon__tieout", "recon__evidence", "recon__anatomy", "recon__finding")
    nothing = {name: [] for name in (*empty, "report__team", "report__close")}
    made = book(**nothing)
    assert made.values["Summary"]["A1"].value == "This month was not closed."
    assert made.value("Bridge", "F7") == 0


def test_names_from_files_stay_names(book, make_month) -> None:
    bridge = make_month()["recon.bridge"].to_dicts()
    for row, name in zip(bridge, HOSTILE * len(bridge), strict=False):
        row["team"] = row["model"] = name
    made = book(recon__bridge=bridge)
    rows = made.formulas["Bridge rows"]
    cells = [cell for row in rows.iter_rows(min_row=5, max_col=7) for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    texts = {cell.value for cell in cells if cell.data_type == "s"}
    assert '=HYPERLINK("http://x","y")' in texts
    assert "a b c" in texts
    assert max(map(len, texts)) <= 2000
    assert not any(cell.hyperlink for cell in cells)
