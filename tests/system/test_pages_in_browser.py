"""The published pages in a real Chromium: sort, search, links, console, layout, and what axe-core finds."""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.close import close_month, load_settings
from pipeline.exports import write_files
from pipeline.period import Month
from pipeline.simulator import world
from tests.reports.mail_reader import parts

pytestmark = pytest.mark.system
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

WIDTHS = (390, 800, 1280)
PAPER = 688
"""Width of what an A4 page leaves between its margins of 14 mm, in pixels of CSS."""
SEEN = {
    "runOnly": {
        "type": "rule",
        "values": ["color-contrast", "link-in-text-block", "scrollable-region-focusable"],
    }
}
"""Rules of axe-core that scheme and width decide; all others see the same page in each."""
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    '=HYPERLINK("http://x","y")',
    "Ünïcödé 漢字",
    "two\nlines",
    "W" * 5000,
)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    world.write(folder, seed=7, month="2026-10", calls=1500)
    return close_month(load_settings(folder / "tallystick.toml"), Month.parse("2026-10")).folder


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page in a context of its own; whatever it complains of, or asks for, fails the test."""
    contexts, wrong = [], []

    def opened(path: Path, width: int = 1280, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda asked: None if asked.url.startswith("file:") else wrong.append(asked.url))
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def kinds(month: Path) -> list[Path]:
    """The index, a team, a pool, and the largest page of each cause."""
    causes: dict[str, Path] = {}
    for path in sorted(month.glob("teams/*/*.html")):
        if path.name not in causes or path.stat().st_size > causes[path.name].stat().st_size:
            causes[path.name] = path
    teams = sorted(month.glob("teams/*.html"))
    return [month / "index.html", teams[0], teams[-1], *causes.values()]


def mails(month: Path, folder: Path) -> list[Path]:
    """The HTML of the mail of all teams and of the largest mail of a team, as files."""
    found = [month / "index.eml", max(month.glob("teams/*.eml"), key=lambda path: path.stat().st_size)]
    for path in found:
        html = parts(path.read_text("ascii"))[1]
        (folder / path.with_suffix(".html").name).write_text(html, "utf-8")
    return [folder / path.with_suffix(".html").name for path in found]


class Links(HTMLParser):
    """The ids of a page and where its links go."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids |= {found["id"] or ""} & set(found.values()) if "id" in found else set()
        self.links += [found["href"] or ""] if tag == "a" else []


def test_every_link_of_every_page_leads_somewhere(month: Path) -> None:
    pages = {path: Links(path) for path in sorted(month.rglob("*.html"))}
    assert len(pages) > 20
    for path, page in pages.items():
        for link in page.links:
            name, _, mark = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            assert target.is_file(), (path, link)
            assert not mark or mark in pages[target].ids, (path, link)
    reached = {
        (path.parent / link.partition("#")[0]).resolve()
        for path, page in pages.items()
        for link in page.links
    }
    assert set(pages) <= reached | {month / "index.html"}


def test_one_clicks_from_the_index_to_the_evidence_and_back(month: Path, visit: Callable[..., Any]) -> None:
    page = visit(month / "index.html")
    page.locator("table.teams tbody th a").nth(1).click()
    team = page.locator("nav.crumbs [aria-current]").inner_text()
    page.locator("article.cause h3 a").first.click()
    assert page.locator("nav.crumbs li").all_inner_texts()[:2] == ["All teams", team]
    assert page.locator("#evidence").is_visible()
    page.locator("nav.crumbs a").nth(1).click()
    assert page.locator("nav.crumbs [aria-current]").inner_text() == team
    page.locator("nav.crumbs a").first.click()
    assert page.url.endswith("/index.html")


def column(page: Any, table: str, index: int) -> list[str]:
    rows = page.locator(f"{table} tbody tr:not(.heading):not(.others):visible")
    return [rows.nth(i).locator("th, td").nth(index).inner_text() for i in range(rows.count())]


def test_a_click_on_a_heading_sorts_and_the_third_brings_the_order_back(
    month: Path, visit: Callable[..., Any]
) -> None:
    page = visit(month / "index.html")
    head = page.locator("table.workloads thead th").nth(2)
    values = page.locator("table.workloads tbody td:nth-child(3) data")

    def shown() -> list[Decimal]:
        return [Decimal(values.nth(i).get_attribute("value")) for i in range(values.count())]

    written = shown()
    assert len(set(written)) > 2
    for turn, expected in (
        ("descending", sorted(written, reverse=True)),
        ("ascending", sorted(written)),
        (None, written),
    ):
        head.locator("button").press("Enter")
        assert head.get_attribute("aria-sort") == turn
        assert shown() == expected
    page.locator("table.workloads thead th").first.locator("button").click()
    names = column(page, "table.workloads", 0)
    assert names == sorted(names, key=str.casefold)
    assert head.get_attribute("aria-sort") is None


def test_pools_stay_above_teams_however_they_are_sorted(month: Path, visit: Callable[..., Any]) -> None:
    page = visit(month / "index.html")
    page.locator("table.teams thead button").nth(6).click()
    bodies = page.locator("table.teams tbody")
    assert bodies.nth(0).locator("tr").first.inner_text().startswith("Pools")
    assert bodies.nth(1).locator("tr").first.inner_text().startswith("Teams")
    billed = bodies.nth(1).locator("td:nth-child(7) data")
    amounts = [Decimal(billed.nth(i).get_attribute("value")) for i in range(billed.count())]
    assert len(amounts) > 3
    assert amounts == sorted(amounts, reverse=True)


def test_models_keep_their_kinds_when_they_are_sorted_and_found(
    month: Path, visit: Callable[..., Any]
) -> None:
    page = visit(month / "index.html")
    before = page.locator("table.models tbody").all_inner_texts()
    page.locator("table.models thead button").first.click()
    assert sorted(page.locator("table.models tbody").all_inner_texts()) == sorted(before)
    name = page.locator("table.models tbody tr.group th").first.inner_text().split()[0]
    page.get_by_label("Find in models").fill(name.upper())
    found = page.locator("table.models tbody:visible")
    assert 0 < found.count() < len(before)
    assert all(name in text for text in found.all_inner_texts())
    told = page.locator("#models [role=status]").inner_text()
    assert told == f"{found.count()} of {len(before)}; totals are of all"
    page.get_by_label("Find in models").fill("")
    assert found.count() == len(before)


def test_evidence_is_found_by_its_span_id(month: Path, visit: Callable[..., Any]) -> None:
    page = visit(max(month.glob("teams/*/retries.html"), key=lambda path: path.stat().st_size))
    spans = column(page, "table.rows", 1)
    page.get_by_label("Find in evidence").fill(spans[-1])
    assert column(page, "table.rows", 1) == [spans[-1]]


def test_without_scripts_every_row_is_there(month: Path, visit: Callable[..., Any]) -> None:
    path = kinds(month)[-1]
    plain, lively = visit(path, java_script_enabled=False), visit(path)
    assert plain.locator("tbody tr:visible").count() == lively.locator("tbody tr:visible").count()
    assert plain.locator("input, button").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_every_width_and_say_nothing_to_the_console(
    month: Path, visit: Callable[..., Any], scheme: str
) -> None:
    for path in kinds(month):
        page = visit(path, color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
        assert page.locator("h1").is_visible()


def test_on_paper_there_are_no_controls_and_nothing_is_cut_off(
    month: Path, visit: Callable[..., Any]
) -> None:
    for path in kinds(month):
        page = visit(path, PAPER)
        page.emulate_media(media="print")
        assert page.locator("input:visible, .skip:visible").count() == 0
        assert page.evaluate("getComputedStyle(document.querySelector('.scroll')).overflowX") == "visible"
        assert page.evaluate("document.documentElement.scrollWidth") <= PAPER, path
        assert page.pdf(format="A4").startswith(b"%PDF")


def test_the_keyboard_reaches_everything_and_shows_where_it_is(
    month: Path, visit: Callable[..., Any]
) -> None:
    page = visit(month / "index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator("table.teams thead button").first.focus()
    page.keyboard.press("Tab")
    style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert style == "solid"


def test_a_bar_says_on_hover_what_it_is(month: Path, visit: Callable[..., Any]) -> None:
    page = visit(month / "index.html")
    titles = page.locator("svg.wide .bars_marks path title").all_text_contents()
    assert re.fullmatch(r"Traced: \$[\d,]+\.\d\d, [\d,]+ tokens", titles[0])
    assert len(titles) == page.locator("svg.wide text.value").count()


def test_axe_finds_nothing_on_any_kind_of_page_or_mail(
    month: Path, visit: Callable[..., Any], tmp_path: Path
) -> None:
    page = visit(month / "index.html", bypass_csp=True)  # axe comes from outside
    for path in [*kinds(month), *mails(month, tmp_path)]:
        page.goto(path.as_uri())
        for scheme, width, rules in (("light", 1280, None), ("dark", 390, SEEN)):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            found = axe.Axe().run(page, options=rules).response["violations"]
            assert [(each["id"], each["nodes"][0]["html"]) for each in found] == [], (path, scheme)


def test_mails_fit_a_phone_with_and_without_their_style(
    month: Path, visit: Callable[..., Any], tmp_path: Path
) -> None:
    for path in mails(month, tmp_path):
        html = path.read_text("utf-8")
        bare = path.with_suffix(".bare.html")
        bare.write_text(re.sub(r"(?s)<style.*?</style>", "", html), "utf-8")
        assert len(bare.read_text("utf-8")) < len(html)
        for each in (path, bare):
            page = visit(each, 390)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, each
            heads = page.locator("table.t thead th").all()
            assert heads
            assert all(head.evaluate("each => each.getClientRects()[0].height") < 40 for head in heads)


def test_hostile_names_run_nothing_and_break_no_page(
    tmp_path: Path, make_month: Any, render: Any, visit: Callable[..., Any]
) -> None:
    tables = make_month()
    names = dict(zip(["payments", "search", "assistants", "unowned", "uninstrumented"], HOSTILE, strict=True))
    for name in ("recon.bridge", "report.team", "recon.evidence", "recon.anatomy"):
        changed = pl.col("team").replace(names)
        others = [column for column in ("service", "feature", "model") if column in tables[name].columns]
        tables[name] = tables[name].with_columns(changed, *(changed.alias(column) for column in others))
    written = write_files(render(tables, company=HOSTILE[0]).items(), tmp_path)
    assert len(written) > 10
    for name in written:
        for width in (390, 1280):
            page = visit(tmp_path / name, width)
            assert page.locator("img").count() == 0
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
    page = visit(tmp_path / "index.html")
    listed = page.locator("table.teams tbody th a").all_inner_texts()
    assert {"<img src=x onerror=alert(1)>", "Ünïcödé 漢字", "two\ufffdlines"} <= set(listed)
    for _ in listed:
        page.locator("table.teams thead button").first.click()
