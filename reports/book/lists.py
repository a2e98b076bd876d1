"""The sheets that list: a summary with notes, a sample of the evidence, open items."""

from collections.abc import Mapping, Sequence

import polars as pl
from xlsxwriter import Workbook

from reports import format as fmt
from reports.book.sheet import COUNT, EXACT_USD, Column, Sheet

SAMPLE = 500
"""Rows of evidence in the workbook; evidence.csv has all."""

_ORDER = {"status": ["open", "disputed", "resolved", "noted"], "severity": ["error", "warning", "note"]}


def write_evidence(book: Workbook, evidence: pl.DataFrame) -> None:
    """Write the largest rows of evidence: ids and counts, nothing else."""
    order = [
        pl.col("usd").abs(),
        pl.col("tokens").abs(),
        pl.col("trace_id"),
        pl.col("span_id"),
        pl.col("step"),
        pl.col("reason"),
    ]
    rows = evidence.sort(order, descending=[True, True, *[False] * 4], nulls_last=True).head(SAMPLE)
    about = (
        f"The {rows.height:,} largest of {evidence.height:,} rows; evidence.csv has all, and "
        "`tallystick explain` finds them by team and cause."
    )
    columns = {
        "step": Column("Cause", width=22),
        "team": Column("Team", width=22),
        "trace_id": Column("Trace", width=36),
        "span_id": Column("Span", width=20),
        "tokens": Column("Tokens", COUNT),
        "usd": Column("US dollars", EXACT_USD),
        "reason": Column("Rule", width=70),
    }
    Sheet(book, "Evidence", "A sample of the evidence", about).frame(rows, columns)


def write_items(book: Workbook, items: pl.DataFrame) -> None:
    """Write what is open, with owner and age."""
    columns = {
        "item_id": Column("Item"),
        "status": Column("Status"),
        "item_class": Column("Class", width=16),
        "severity": Column("Severity"),
        "owner": Column("Owner", width=20),
        "age_bucket": Column("Age, days"),
        "first_month": Column("Since"),
        "usd": Column("US dollars", EXACT_USD),
        "tokens": Column("Tokens", COUNT),
        "message": Column("What", width=90),
        "advice": Column("What to do", width=70),
        "resolution": Column("Settled", width=30),
    }
    first = [pl.col(name).cast(pl.Enum(words)) for name, words in _ORDER.items()]
    rows = items.sort(*first, "is_carried", "item_id", "month")
    Sheet(
        book, "Open items", "What is open, and since when", "Of this month and carried from earlier ones."
    ).frame(rows, columns)


def write_notes(
    book: Workbook, close: Mapping[str, object] | None, headline: str, warnings: Sequence[str]
) -> None:
    """Write the headline, what to know before using a figure, and from what the figures come."""
    sheet = Sheet(
        book, "Summary", headline, "Tallystick: what services traced, providers metered, and invoices billed."
    )
    columns = [Column("", width=34), Column("", width=110)]
    sheet.page.set_column(0, 0, 34)
    sheet.page.set_column(1, 1, 110)
    for warning in warnings:
        sheet.line(["Know before you use it", warning], columns)
    known = close or {}
    for title, name in (
        ("Month", "month"),
        ("Status", "status"),
        ("Version of Tallystick", "version"),
        ("Price card", "price_card_version"),
        ("Close id", "close_id"),
    ):
        sheet.line([title, str(known.get(name, "not closed"))], columns)
    for number, title in (
        (known.get("input_files"), "Files read"),
        (known.get("rows_quarantined"), "Records in quarantine"),
    ):
        sheet.line([title, fmt.integer(number) if isinstance(number, int) else "not known"], columns)
    for title, text in _METHOD:
        sheet.line([title, text], columns)


_METHOD = (
    (
        "Units",
        "Tokens are whole numbers. Dollars on the sheets Bridge, Tie-out and Allocation are whole cents "
        "that add up as they stand.",
    ),
    (
        "Exact figures",
        "A spreadsheet holds 15 digits. The Parquet and CSV files beside this workbook hold all.",
    ),
    ("Low and High", "Ends of the 90 % interval of a figure; equal where it is exact."),
    ("Empty dollars", "No price is known. Unknown is not zero: such tokens are counted, and an open item."),
)
