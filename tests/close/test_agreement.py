"""All of a close read back: pages, mails, workbook, Parquet and CSV have the same figures, to the cent."""

import csv
import io
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from assets.close import close_month, load_settings
from pipeline.period import Month
from schemas.types import COMPONENTS as CODES
from tests.reports.conftest import Reader, dollars
from tests.reports.mail_reader import MailReader, parts

CENT = Decimal("0.01")
FIGURES = ("Billed", "Explained", "Unexplained")
OF_BILL = ("Metered", *(code.capitalize() for code in CODES[1:-1]), "Billed")
BRIDGE = "Bridge; the lines add up to the totals below them"
TEAMS = "Teams and pools, US dollars"
BILLS = "Tie-out, US dollars"

Key = tuple[str, ...]
Found = dict[Key, Decimal]


@pytest.fixture(scope="module")
def closed(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(pristine, tmp_path_factory.mktemp("agreement") / "month"))
    return close_month(load_settings(folder / "tallystick.toml"), Month.parse("2026-10")).folder


def amount(text: str) -> Decimal:
    return dollars(text.replace("\N{WORD JOINER}", "").strip())


def triple(text: str) -> Found:
    """Billed, explained and unexplained as they stand below a headline, whatever stands between them."""
    plain = text.replace("\N{WORD JOINER}", "")
    found = (re.search(rf"(?<!\w){title}:?\s+([+−]?\$[\d,]+\.\d\d)", plain) for title in FIGURES)
    return {("figure", title): amount(match[1]) for title, match in zip(FIGURES, found, strict=True) if match}


def of_page(path: Path) -> Found:
    page = Reader(path.read_text("utf-8"))
    found = triple(page.text[page.text.index("Billed\n") :])
    found |= {("step", row[0].strip()): amount(row[1]) for row in page.tables["bridge"][1:]}
    if path.name != "index.html":
        return found
    for name, *cells in (row for row in page.tables["teams"][1:] if len(row) == 8 and row[6].strip()):
        found |= _team(name.strip(), *(amount(cells[i]) for i in (3, 4, 5)))
    head, *bills = page.tables["tieout"]
    for bill in bills:
        name = ", ".join(cell.strip() for cell in bill[:3]) if bill[1] else "All"
        cells = zip((title.split()[0] for title in head[3:]), bill[3:], strict=True)
        found |= {("bill", name, title): amount(cell) for title, cell in cells}
    return found


def _team(name: str, explained: Decimal, unexplained: Decimal, billed: Decimal) -> Found:
    key = "All" if name in ("", "All") or name.startswith("All ") else name
    return {
        ("team", key, "Explained"): explained,
        ("team", key, "Unexplained"): unexplained,
        ("team", key, "Billed"): billed,
    }


def of_mail(tables: dict[str, list[list[str]]], text: str) -> Found:
    found = triple(text)
    found |= {("step", row[0].split(" [")[0]): amount(row[2]) for row in tables[BRIDGE]}
    for name, *cells in tables.get(TEAMS, []):
        found |= _team(name.split(" [")[0], *map(amount, cells))
    for name, metered, _, billed in tables.get(BILLS, []):
        bill, _, note = name.replace("\N{WORD JOINER}", "").partition(" [")
        key = "All" if bill.startswith("All ") else bill.replace("invoice awaited", "awaited")
        found[("bill", key, OF_BILL[0])], found[("bill", key, "Billed")] = amount(metered), amount(billed)
        for title, figure in re.findall(r"([A-Z][a-z]+) ([+−]?\$[\d,]+\.\d\d)", note):
            found[("bill", key, title)] = amount(figure)
    return found


def of_mail_html(path: Path) -> Found:
    page = MailReader(parts(path.read_text("ascii"))[1])
    return of_mail({name: rows[1:] for name, rows in page.tables.items()}, page.text)


def of_mail_text(path: Path) -> Found:
    text = parts(path.read_bytes().decode("ascii"))[0].replace("\r\n", "\n")
    tables = {name: list(_rows(text, name)) for name in (BRIDGE, TEAMS, BILLS) if f"\n{name}\n" in text}
    return of_mail(tables, text)


def _rows(text: str, caption: str) -> Iterator[list[str]]:
    """The rows of a table of text: a long name stands on the line before its figures, a remark after them."""
    head, *lines = text.split(f"\n{caption}\n\n")[1].split("\n\n", maxsplit=1)[0].splitlines()
    width, name, row = len(re.split(r" {2,}", head.strip())), "", []
    for line in (line for line in lines if not line.startswith("---")):
        cells = re.split(r" {2,}", line.strip())
        if line.startswith("    ") and len(cells) == 1:
            row[0] += f" [{cells[0]}]"
        elif len(cells) == 1:
            name = cells[0]
        else:
            if row:
                yield row
            row, name = ([name, *cells] if len(cells) < width else cells), ""
    yield row


def of_workbook(path: Path) -> Found:
    book = openpyxl.load_workbook(path, data_only=True)

    def rows(sheet: str) -> list[list[object]]:
        return [list(row) for row in book[sheet].iter_rows(min_row=4, values_only=True)]

    found: Found = {("step", str(row[0])): _cents(row[5]) for row in rows("Bridge")[1:] if row[1]}
    for row in rows("Allocation")[1:]:
        found |= _team(str(row[0]), *map(_cents, row[7:10]))
    found |= {("figure", title): found[("team", "All", title)] for title in FIGURES}
    head, *bills = rows("Tie-out")
    for bill in bills:
        name = ", ".join(map(str, bill[:3])) if bill[1] else "All"
        cells = zip(head[3:], bill[3:], strict=True)
        found |= {("bill", name, str(title)): _cents(cell) for title, cell in cells}
    return found


def _cents(cell: object) -> Decimal:
    return Decimal(str(cell or 0)).quantize(CENT)


def of_tables(tables: Callable[[str], list[dict[str, str]]], titles: dict[str, str]) -> Found:
    """The figures of exported tables, exact; what is no whole cent is within one of what pages show."""
    found: Found = {}

    def add(key: Key, usd: str) -> None:
        found[key] = found.get(key, Decimal(0)) + Decimal(usd or 0)

    for row in tables("bridge"):
        add(("step", titles[row["step"]]), row["usd"])
        add(("step", "Metered"), row["usd"])
    for row in tables("tieout"):
        bill = f"{row['provider']}, {row['account']}, {row['invoice_id'] or 'awaited'}"
        for name in (bill, "All"):
            add(("bill", name, OF_BILL[CODES.index(row["component"])]), row["usd"])
    for row in tables("teams"):
        for name in (row["team"], "All"):
            for title in ("Traced", *FIGURES):
                add(("team", name, title), row[f"{title.lower()}_usd"])
    return found | {("figure", title): found[("team", "All", title)] for title in FIGURES}


def of_parquet(folder: Path, titles: dict[str, str]) -> Found:
    return of_tables(lambda name: pl.read_parquet(folder / f"{name}.parquet").to_dicts(), titles)


def of_csv(folder: Path, titles: dict[str, str]) -> Found:
    def rows(name: str) -> list[dict[str, str]]:
        with (folder / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    return of_tables(rows, titles)


def disagreements(folder: Path) -> list[str]:
    """What is not the same everywhere; forms are held against the index, and that against exact tables."""
    book = openpyxl.load_workbook(folder / "workbook.xlsx", data_only=True)
    lines = book["Bridge"].iter_rows(min_row=5, max_col=2, values_only=True)
    titles = {str(code): str(title) for title, code in lines}
    index, exact, plain = of_page(folder / "index.html"), of_parquet(folder, titles), of_csv(folder, titles)
    wrong = apart("workbook", index, of_workbook(folder / "workbook.xlsx"))
    wrong += apart("CSV", exact, plain) + off_the_tables(index, exact)
    names = dict(
        re.findall(r'<a href="(teams/[^"/]+)">([^<]+)</a>', (folder / "index.html").read_text("utf-8"))
    )
    for path in [folder / "index.html", *(folder / link for link in names)]:
        page, mail = of_page(path), path.with_suffix(".eml")
        wrong += apart(f"mail of {path.stem}", page, of_mail_html(mail))
        wrong += apart(f"text of {path.stem}", page, of_mail_text(mail))
        team = names.get(str(path.relative_to(folder)), "All")
        row = {("figure", title): index[("team", team, title)] for title in FIGURES}
        wrong += apart(f"head of {path.stem}", row, {key: page[key] for key in row})
    return wrong


def apart(what: str, one: Found, other: Found) -> list[str]:
    """Figures that are not equal; a component of a bill that a mail leaves out is nothing."""

    def of(found: Found, key: Key) -> Decimal | None:
        return found.get(key, Decimal(0) if key[0] == "bill" else None)

    keys = sorted(key for key in one | other if of(one, key) != of(other, key))
    return [f"{what}, {key}: {of(one, key)} and {of(other, key)}" for key in keys]


def off_the_tables(index: Found, exact: Found) -> list[str]:
    """Whole cents must be met; other amounts may be rounded by less than one, but not what they add up to."""
    wrong = []
    for key, usd in exact.items():
        if key[-1] == "Traced" and key[0] == "team":
            continue
        is_sum = key[-1] == "Billed" or key == ("step", "Metered")
        gap = abs(index.get(key, Decimal(0)) - (usd.quantize(CENT) if is_sum else usd))
        wrong += [f"tables, {key}: {index.get(key)} and {usd}"] if gap >= CENT else []
    for kind, titles in (("bill", OF_BILL[:-1]), ("team", ("Traced", *FIGURES[1:]))):
        for name in {key[1] for key in exact if key[0] == kind}:
            whole = sum(exact.get((kind, name, title), Decimal(0)) for title in titles)
            wrong += [] if whole == exact[(kind, name, "Billed")] else [f"tables, {kind} {name}: no sum"]
    return wrong


def test_all_forms_of_a_month_agree_to_the_cent(closed: Path) -> None:
    assert disagreements(closed) == []


def sentences(text: str) -> list[str]:
    """Why traces and bill differ and how sure that is, up to where the next part of the page begins."""
    plain = " ".join(text.replace("\N{WORD JOINER}", "").split())
    why, sure = plain.split(" Why. ", 1)[1].split(" How sure. ", 1)
    return [why, re.split("(?i) what to do now", sure)[0]]


def test_why_and_how_sure_are_the_same_on_page_and_mail_and_add_up(closed: Path) -> None:
    pages = [closed / "index.html", *closed.glob("teams/*.html")]
    assert len(pages) > 5
    for path in pages:
        mail = parts(path.with_suffix(".eml").read_bytes().decode("ascii"))
        told = sentences(Reader(path.read_text("utf-8")).text)
        assert sentences(MailReader(mail[1]).text) == sentences(mail[0]) == told
        gap, *reasons = map(amount, re.findall(r"[+−]?\$[\d,]+\.\d\d", told[0]))
        assert sum(reasons) == (gap if f"{gap:,} more" in told[0] else -gap), told[0]


def test_where_to_begin_and_what_that_saves_stand_in_the_workbook_as_on_the_index(closed: Path) -> None:
    book = openpyxl.load_workbook(closed / "workbook.xlsx", data_only=True)
    rows = [row for row in book["Causes"].iter_rows(min_row=5, values_only=True) if row[8]]
    text = Reader((closed / "index.html").read_text("utf-8")).text
    said = " ".join(text.replace("\N{WORD JOINER}", "").split())
    assert len(rows) > 5
    for row in rows:
        assert " ".join(str(row[8]).replace("`", "").split())[:-1] in said
        if row[9]:
            assert f"at most ${row[9]:,.2f} would be saved" in said
    assert any(row[9] for row in rows)


def in_text(name: str, pattern: str) -> Callable[[Path], None]:
    """Adds a cent to the amount that the pattern finds first in a file."""

    def change(folder: Path) -> None:
        path = folder / name
        text = path.read_bytes().decode("utf-8")
        match = re.search(pattern, text, re.DOTALL)
        assert match
        more = f"{Decimal(match[1].replace(',', '')) + CENT:,}"
        path.write_bytes((text[: match.start(1)] + more + text[match.end(1) :]).encode())

    return change


def in_workbook(sheet: int, cell: str) -> Callable[[Path], None]:
    """Adds a cent to the value of a cell, which the reader does not calculate again."""

    def change(folder: Path) -> None:
        path, held = folder / "workbook.xlsx", io.BytesIO((folder / "workbook.xlsx").read_bytes())
        with zipfile.ZipFile(held) as old, zipfile.ZipFile(path, "w") as new:
            for part in old.namelist():
                content = old.read(part).decode("utf-8")
                if part == f"xl/worksheets/sheet{sheet}.xml":
                    match = re.search(rf'<c r="{cell}"[^>]*>(?:<f>[^<]*</f>)?<v>([^<]*)</v>', content)
                    assert match
                    more = Decimal(match[1]) + CENT
                    content = f"{content[: match.start(1)]}{more}{content[match.end(1) :]}"
                new.writestr(part, content)

    return change


def in_parquet(name: str, column: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / f"{name}.parquet"
        rows = pl.read_parquet(path)
        first = pl.int_range(pl.len()) == pl.col(column).is_not_null().arg_max()
        more = pl.when(first).then(pl.col(column) + CENT).otherwise(column)
        rows.with_columns(more.cast(rows.schema[column]).alias(column)).write_parquet(path)

    return change


CHANGES = {
    "billed of the index": in_text("index.html", r"<dt>Billed</dt>.*?>\$([\d,.]+)<"),
    "a step of the index": in_text("index.html", r'<table class="bridge.*?Metered.*?>\$([\d,.]+)<'),
    "a team of the index": in_text("index.html", r'<table class="teams.*?n strong.*?>\$([\d,.]+)<'),
    "a bill of the index": in_text("index.html", r'<table class="tieout.*?>\$([\d,.]+)<'),
    "a team's page": in_text("teams/search.html", r"<dt>Billed</dt>.*?>\$([\d,.]+)<"),
    "the text of a mail": in_text("index.eml", r"text/plain.*?\nBilled: \$([\d,.]+) "),
    "a team in the text of a mail": in_text("index.eml", r"text/plain.*?\nTEAMS.*?\nsearch.*?\$([\d,.]+)"),
    "a bill in a mail": in_text("index.eml", r"text/html.*?\n<caption[^>]*>Tie-out.*?>\$([\d,.]+)<"),
    "the head of a team's mail": in_text("teams/search.eml", r"text/html.*?Billed<.*?>\$([\d,.]+)<"),
    "a step in the workbook": in_workbook(2, "F5"),
    "a bill in the workbook": in_workbook(4, "D5"),
    "a team in the workbook": in_workbook(7, "J5"),
    "the bridge as Parquet": in_parquet("bridge", "usd"),
    "the bills as Parquet": in_parquet("tieout", "usd"),
    "the teams as Parquet": in_parquet("teams", "billed_usd"),
    "unexplained as Parquet": in_parquet("teams", "unexplained_usd"),
    "the bills as CSV": in_text("tieout.csv", r"\n[^\n]*metered_at_expected_rate,(-?[\d.]+)"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_cent_is_seen_wherever_it_goes_astray(
    closed: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    copy = Path(shutil.copytree(closed, tmp_path / "2026-10"))
    change(copy)
    assert disagreements(copy) != []
