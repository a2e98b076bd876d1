"""Month over month, budgets, unit costs and the costliest calls, as they stand on a page."""

from decimal import Decimal

import pytest

NBSP = "\N{NO-BREAK SPACE}"


@pytest.fixture
def pages(make_month, render, read):
    return {path: read(html) for path, html in render(make_month()).items()}


def tables_of(page, section: str, first: str) -> list[list[str]]:
    """The rows of a section from the header that starts with a word to the next header."""
    rows = page.tables[section]
    start = next(i for i, row in enumerate(rows) if row[0] == first)
    heads = [i for i, row in enumerate(rows) if i > start and row[0] in {"Team", "Unit", "Feature", "Trace"}]
    return rows[start : heads[0] if heads else None]


def test_the_table_adds_up_in_cents_in_rows_and_in_columns(pages, amount) -> None:
    for path, first in (
        ("index.html", "Team"),
        ("teams/payments.html", "Model"),
        ("teams/search.html", "Model"),
    ):
        head, *rows, total = tables_of(pages[path], "change", first)[: 2 + 1 + 1]
        cells = [[amount(cell) for cell in row[1:]] for row in (*rows, total)]
        assert head[1] == "September 2026"
        assert head[-1] == "October 2026"
        for row in cells:
            assert sum(row[:-1]) == row[-1]
        assert [sum(column) for column in zip(*cells[:-1], strict=True)] == cells[-1]


def test_each_amount_is_within_a_cent_of_what_it_is(pages, amount) -> None:
    head, first, second, total = tables_of(pages["index.html"], "change", "Team")[:4]

    assert head[2:-1] == ["Price", "Cache hits", "Mix", "Volume", "Unpriced"]
    exact = {
        "payments": ["100.004", "1.003", "-2.004", "0.502", "30.004", "0", "129.509"],
        "search": ["55.006", "0", "0", "-0.5", "-15.006", "-0.333", "39.167"],
        "All": ["155.01", "1.003", "-2.004", "0.002", "14.998", "-0.333", "168.676"],
    }
    for row in (first, second, total):
        shown = [amount(cell) for cell in row[1:]]
        gaps = [abs(a - Decimal(b)) for a, b in zip(shown, exact[row[0]], strict=True)]
        assert max(gaps[:4] + gaps[5:]) < Decimal("0.01")
        assert gaps[4] < Decimal("0.05")


def test_the_sentence_says_by_how_much_and_what_moved_it_most(pages) -> None:
    assert (
        "Metered usage costs $168.68 at the expected rate, $13.67 more than in September 2026 (+8.8 %). "
        "What moved it most is volume, +$15.00: more or fewer tokens, and what is new or gone."
    ) in pages["index.html"].text.replace(NBSP, " ")
    team = pages["teams/search.html"].text.replace(NBSP, " ")
    assert "$15.84 less than in September 2026 (−28.8 %)" in team
    assert "1 line is gone, $5.00" in team
    assert "1 line is new" not in team


def test_the_unpriced_column_is_there_only_where_there_is_any(pages) -> None:
    assert "Unpriced" in tables_of(pages["teams/search.html"], "change", "Model")[0]
    assert "Unpriced" not in tables_of(pages["teams/payments.html"], "change", "Model")[0]


def test_a_month_without_one_before_it_says_so_and_shows_no_table(make_month, render, read) -> None:
    bare = {"provider": "p", "account": "a", "service_tier": "standard", "line": "no_prior", "tokens": 5}
    rows = [{**bare, "team": "payments", "model": "m", "unpriced_tokens": 0, "usd": Decimal(7)}]

    pages = render(make_month(recon__variance=rows, recon__budget=[]))

    index, other = read(pages["index.html"]), read(pages["teams/search.html"])
    assert "September 2026 was not closed here, so that there is nothing to compare with." in index.text
    assert "Nothing is metered, so that there is nothing to compare." in other.text
    assert "change" not in index.tables


def test_a_price_that_is_not_known_is_no_amount(make_month, render, read) -> None:
    place = {
        "provider": "p",
        "account": "a",
        "service_tier": "batch",
        "line": "both",
        "prior_month": "2026-09",
    }
    bare = {"tokens": 5, "prior_tokens": 5, "unpriced_tokens": 5, "prior_unpriced_tokens": 5}
    rows = [{**place, **bare, "team": "payments", "model": "m"}]

    page = read(render(make_month(recon__variance=rows))["teams/payments.html"])

    assert "has no known price, so that no change is known." in page.text
    assert tables_of(page, "change", "Model")[1] == ["m p a, batch", *["no price known"] * 6]


def test_many_lines_are_the_largest_and_one_of_the_others_that_still_adds_up(
    make_month, render, read, amount
) -> None:
    place = {
        "provider": "p",
        "account": "a",
        "service_tier": "standard",
        "line": "both",
        "prior_month": "2026-09",
    }
    rows = [
        {**place, "team": "payments", "model": f"m{i:02}", "tokens": 5, "prior_tokens": 5, "unpriced_tokens": 0,
         "prior_unpriced_tokens": 0, "prior_usd": Decimal(1), "volume_usd": Decimal(i), "usd": Decimal(i + 1)}
        for i in range(30)
    ]  # fmt: skip

    page = read(render(make_month(recon__variance=rows))["teams/payments.html"])

    _, *shown, total = tables_of(page, "change", "Model")[:18]
    assert [row[0].split(" ")[0] for row in shown[:2]] == ["m29", "m28"]
    assert shown[15][0] == "15 others"
    assert sum(amount(row[-1]) for row in shown) == amount(total[-1]) == 465


def test_budgets_stand_with_pace_and_the_furthest_beyond_comes_first(pages) -> None:
    rows = tables_of(pages["index.html"], "change", "Team")
    budgets = pages["index.html"].tables["change"][len(rows) + 1 :]

    assert [row[0] for row in budgets] == ["payments", "assistants", "search"]
    assert budgets[0][1:] == [
        "$4,000.00", "$4,212.82", f"105.3{NBSP}%", "24 of 31", "$5,441.56", "$212.82 beyond it",
    ]  # fmt: skip
    assert budgets[1][-1] == "on its way to $1,874.45 beyond it"
    assert budgets[2][-1] == "within it, $19.57 to spare"
    own = pages["teams/search.html"].tables["change"]
    assert [row[0] for row in own if row[-1].endswith("to spare")] == ["search"]


def test_unit_figures_show_the_spread_and_what_is_counted_apart(pages) -> None:
    head, *rows = tables_of(pages["index.html"], "units", "Unit")

    assert head[:3] == ["Unit", "Number", "Mean, $"]
    assert [row[0].split(" every")[0].split(" all")[0] for row in rows] == [
        "A call",
        "A task",
        "A resolved task",
    ]
    assert rows[0][1:] == [
        "1,057 7 without a price 10 without tokens", "$0.0962", "$0.0500", "$0.900", "$1.50", "$12.34", "4",
        f"70.0{NBSP}k",
    ]  # fmt: skip
    assert "each resolved one comes to $2.50" in pages["index.html"].text
    search = tables_of(pages["teams/search.html"], "units", "Unit")[1]
    assert search[2:7] == ["no price known"] * 5
    features = tables_of(pages["teams/payments.html"], "units", "Feature")
    assert [row[0] for row in features[1:]] == ["refund"]


def test_the_costliest_are_listed_by_dollars_and_the_unpriced_last(pages) -> None:
    index = pages["index.html"].tables["units"]
    traces = [row for row in index if row[0] in {"payments", "search"} and row[3] == "several"]
    assert [row[-1] for row in traces] == ["$12.50", "no price known"]
    assert traces[0][1:6] == [f"{193:032x}", "s", "several", "several", "40"]
    assert "2 more calls in costliest.csv" in pages["index.html"].text
    team = pages["teams/payments.html"].tables["units"]
    calls = [row for row in team if row[0] == f"{193:032x} {193:016x}"]
    assert [row[-1] for row in calls] == ["$12.00"]
