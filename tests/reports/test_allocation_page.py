"""The allocation on the pages: both views side by side, each kind of money with its method."""

from decimal import Decimal

import pytest

LINE = {
    "month": "2026-10",
    "provider": "openai",
    "account": "org-acme",
    "invoice_id": "INV-441",
    "line_number": 1,
    "category": "usage",
    "service_tier": "all",
}
BILLED = Decimal("100.00")


def share(
    view: str, team: str, usd: str, pool: str = "usage", method: str = "direct", **more: object
) -> dict:
    words = {"method_details": f"words of {method}", "is_pool": method == "pool"}
    return {**LINE, **words, "view": view, "team": team, "usd": usd, "pool": pool, "method": method, **more}


ROWS = [
    share("executing", "payments", "40.005", workload="evaluation"),
    share("executing", "payments", "-5.005", pool="credits", method="proportional"),
    share("executing", "search", "30.00", method="evidence", workload="embedding"),
    share("executing", "search", "15.00", pool="tax", method="even"),
    share("executing", "unowned", "20.00", pool="unowned", method="pool"),
    share("initiating", "payments", "25.00", workload="evaluation"),
    share("initiating", "search", "60.00"),
    share("initiating", "starter", "15.00", pool="tax", method="even"),
]


HEADS = {"Team": "teams", "Kind of money": "kinds", "Workload": "apart"}


def tables_of(page) -> dict[str, list[list[str]]]:
    """The tables of the section, by what they list."""
    found: dict[str, list[list[str]]] = {}
    for row in page.tables.get("allocation", []):
        if row[0] in HEADS:
            found[HEADS[row[0]]] = []
        found[list(found)[-1]].append(row)
    return found


@pytest.fixture
def pages(make_month, render, read):
    return {path: read(html) for path, html in render(make_month(recon__allocation=ROWS)).items()}


def test_the_company_sees_both_views_of_every_team(pages, amount) -> None:
    head, *teams, total = tables_of(pages["index.html"])["teams"]
    assert head[1:] == [
        "By its calls",
        "Shared by a method",
        "Left in a pool",
        "Executing",
        "Initiating",
        "Difference",
    ]
    found = {row[0]: [amount(cell) for cell in row[1:]] for row in teams}
    assert found == {
        "unowned pool": [0, 0, 20, 20, 0, -20],
        "search": [30, 15, 0, 45, 60, 15],
        # Half a cent of its calls and half a cent of credit make whole cents, together as they stand.
        "payments": [Decimal("40.01"), Decimal("-5.01"), 0, 35, 25, -10],
        "starter": [0, 0, 0, 0, 15, 15],
    }
    columns = zip(*found.values(), strict=True)
    assert [sum(column) for column in columns] == [amount(cell) for cell in total[1:]]
    assert amount(total[4]) == amount(total[5]) == BILLED


def test_every_kind_of_money_has_its_method_and_adds_up_in_both_views(pages, amount) -> None:
    for path, billed in (("index.html", (100, 100)), ("teams/payments.html", (35, 25))):
        _, *rows, total = tables_of(pages[path])["kinds"]
        assert tuple(map(amount, total[-2:])) == billed
        for column in (-2, -1):
            assert sum(amount(row[column]) for row in rows) == amount(total[column])
    rows = tables_of(pages["index.html"])["kinds"][1:-1]
    assert [(row[0], row[1]) for row in rows] == [
        ("Usage words of direct", "direct"),
        ("Usage words of evidence", "evidence"),
        ("Credits words of proportional", "proportional"),
        ("Tax words of even", "even"),
        ("Calls without an owner words of pool", "pool"),
    ]


def test_work_that_serves_nobody_at_once_stands_apart(pages, amount) -> None:
    rows = tables_of(pages["index.html"])["apart"][1:]
    assert [(row[0], amount(row[1]), amount(row[2])) for row in rows] == [
        ("Evaluation and CI", Decimal("40.00"), Decimal("25.00")),
        ("Embeddings, re-indexing", Decimal("30.00"), Decimal("0.00")),
    ]


def test_only_teams_that_have_a_page_are_linked(pages) -> None:
    links = [attrs.get("href") for tag, attrs in pages["index.html"].tags if tag == "a"]
    assert "teams/search.html" in links
    assert not [link for link in links if link and "starter" in link]


def test_a_month_without_a_bill_says_so(make_month, render, read) -> None:
    page = read(render(make_month())["index.html"])
    assert "there is nothing to allocate" in page.text
    assert tables_of(page) == {}


def test_names_are_escaped_and_many_teams_are_cut(make_month, render, read) -> None:
    many = [share("executing", f"t{number:03}", "1.00") for number in range(70)]
    hostile = share("executing", "<script src=x>\u202e", "9.00")
    html = render(make_month(recon__allocation=[*many, hostile]))["index.html"]
    assert "<script src" not in html
    assert "\u202e" not in html
    page = read(html)
    assert len(tables_of(page)["teams"]) == 60 + 2
    assert "11 more teams in allocation_shares.csv" in page.text
