"""What stands on the pages adds up, and is what stands in the tables."""

from decimal import Decimal

import polars as pl
import pytest

from reports.bridge import SUMS, whole_bridge
from reports.tieout import Grid
from reports.view import CauseText

CENT = Decimal("0.01")
NO_BILLS = Grid((), (), {}, Decimal(0), Decimal(0))


def bridge_of(page):
    return {row[0]: row for row in page.tables["bridge"][1:]}


def number(text):
    return int(text.replace("−", "-").replace("+", "").replace(",", ""))


@pytest.fixture
def pages(make_month, render, read, whole):
    return {path: read(html) for path, html in whole(render(make_month())).items()}


def test_the_bridge_of_the_index_is_that_of_the_tables(pages, amount) -> None:
    rows = bridge_of(pages["index.html"])
    assert {name: amount(row[1]) for name, row in rows.items()} == {
        "Traced": Decimal("13450.00"),
        "Spans exported more than once": Decimal("-150.00"),
        "Cached tokens counted as another kind": Decimal("-1890.00"),
        "Usage never recorded": Decimal("380.01"),
        "Traffic without spans": Decimal("420.00"),
        "Unexplained": Decimal("87.00"),
        "Metered": Decimal("12297.01"),
        "Price": Decimal("84.90"),
        "Fees": Decimal("62.50"),
        "Credits": Decimal("-250.00"),
        "Rounding": Decimal("-0.01"),
        "Billed": Decimal("12194.40"),
    }
    assert number(rows["Traced"][2]) == 4_819_000_000
    assert number(rows["Usage never recorded"][2]) == 94_000_000
    assert number(rows["Unexplained"][2]) == -9_300_000
    assert number(rows["Metered"][2]) == 4_825_700_000


def test_every_bridge_adds_up_in_tokens_and_in_cents(pages, amount) -> None:
    for page in pages.values():
        rows = page.tables["bridge"][1:]
        names = [row[0] for row in rows]
        metered, billed = names.index("Metered"), names.index("Billed")
        assert sum(number(row[2]) for row in rows[:metered]) == number(rows[metered][2])
        assert sum(amount(row[1]) for row in rows[:metered]) == amount(rows[metered][1])
        assert sum(amount(row[1]) for row in rows[metered:billed]) == amount(rows[billed][1])


def test_the_tie_out_adds_up_both_ways(pages, amount) -> None:
    head, *bills, total = pages["index.html"].tables["tieout"]
    assert head[-1] == "Billed"
    for row in (*bills, total):
        assert sum(map(amount, row[3:-1])) == amount(row[-1])
    for column in range(3, len(head)):
        assert sum(amount(row[column]) for row in bills) == amount(total[column])
    assert [amount(row[-1]) for row in (*bills, total)] == [
        Decimal("7097.50"), Decimal("5096.90"), Decimal("12194.40"),
    ]  # fmt: skip


def test_the_teams_add_up_both_ways_and_to_their_tables(pages, amount, teams) -> None:
    rows = [row for row in pages["index.html"].tables["teams"][1:] if row[3]]
    *each, total = rows
    for row in rows:
        assert sum(map(amount, row[3:6])) == amount(row[6])
    for column in range(3, 7):
        assert sum(amount(row[column]) for row in each) == amount(total[column])
    billed = {row["team"]: row["billed_usd"] for row in teams}
    explained = {row["team"]: row["explained_usd"] for row in teams}
    assert {row[0]: amount(row[6]) for row in each} == billed
    assert all(abs(amount(row[4]) - explained[row[0]]) < 2 * CENT for row in each)


def test_a_line_that_is_known_in_several_ways_names_them_all(make_month, render, read, bridge) -> None:
    row = next(row for row in bridge if row["step"] == "missing_usage" and row["team"] == "payments")
    month = make_month(recon__bridge=[*bridge, {**row, "feature": "x", "basis": "exact"}])
    for path in ("index.html", "teams/payments.html"):
        lines = {each[0]: each for each in read(render(month)[path]).tables["bridge"]}
        assert lines["Usage never recorded"][4] == "exact, estimated"


def test_a_team_page_shows_the_cents_of_its_row_in_the_index(pages, amount) -> None:
    rows = [row for row in pages["index.html"].tables["teams"][1:] if row[3]][:-1]
    for row in rows:
        own = bridge_of(pages[f"teams/{row[0]}.html"])
        assert [amount(own[name][1]) for name in ("Traced", "Unexplained", "Billed")] == [
            amount(row[3]), amount(row[5]), amount(row[6]),
        ]  # fmt: skip


def test_models_add_up_to_metered_and_kinds_to_their_model(pages, amount) -> None:
    for page in pages.values():
        rows = page.tables["models"][1:]
        kinds = {"input, not cached", "input, cache read", "output"}
        models = [row for row in rows[:-1] if row[0] not in kinds]
        metered = amount(bridge_of(page)["Metered"][1])
        assert sum(amount(row[6]) for row in models) == amount(rows[-1][6]) == metered
        assert sum(amount(row[6]) for row in rows[:-1] if row[0] in kinds) == metered


def test_providers_and_services_add_up(pages, amount) -> None:
    *providers, total = pages["index.html"].tables["providers"][1:]
    assert sum(amount(row[6]) for row in providers) == amount(total[6]) == Decimal("12297.01")
    assert sum(amount(row[7]) for row in providers) == amount(total[7]) == Decimal("12194.40")
    *services, total = pages["teams/search.html"].tables["services"][1:]
    assert sum(amount(row[7]) for row in services) == amount(total[7])


def test_workloads_add_up_over_rows_and_teams(pages, amount) -> None:
    head, *rows, total = pages["index.html"].tables["workloads"]
    found = {row[0].split(" ")[0]: row[1:5] for row in rows}
    assert head[1:5] == ["Calls", "Recorded, tokens", "US dollars", "Share of dollars"]
    assert found == {
        "Serving": ["950", "4.50\N{NO-BREAK SPACE}M", "$80.01", "80.0\N{NO-BREAK SPACE}%"],
        "Evaluation": ["100", "1.00\N{NO-BREAK SPACE}M", "$20.00", "20.0\N{NO-BREAK SPACE}%"],
        "Embeddings": ["7", "30.0\N{NO-BREAK SPACE}k", "no price known", "–"],
    }
    assert (total[1], amount(total[3])) == ("1,057", Decimal("100.01"))
    assert list(found) == ["Serving", "Evaluation", "Embeddings"]
    assert "10 calls of 1,057 recorded no tokens" in pages["index.html"].text
    names = [row[0].split(" ")[0] for row in pages["teams/search.html"].tables["workloads"][1:]]
    assert names == ["Serving", "Embeddings", "All"]


def test_the_exact_count_stands_behind_every_short_one(pages) -> None:
    titles = {tag.get("title") for name, tag in pages["index.html"].tags if name == "data"}
    assert {"4,819,000,000 tokens", "−9,300,000 tokens", "$380.006 exactly"} <= titles


def test_teams_that_do_not_add_up_are_called_a_bug(make_month, render, read, teams) -> None:
    teams[0]["billed_usd"] += Decimal("5")
    index = read(render(make_month(report__team=teams))["index.html"])
    assert "The teams add up to $12,199.40 billed, the bridge to $12,194.40." in index.text


def test_metered_accounts_without_a_bill_stand_on_a_line_of_their_own(
    make_month, render, read, amount
) -> None:
    month = make_month()
    month["recon.tieout"] = month["recon.tieout"].filter(provider="openai")
    index = read(render(month)["index.html"])
    rows = bridge_of(index)
    assert amount(rows["Metered"][1]) == Decimal("12297.01")
    assert amount(rows["Metered, not in the bills"][1]) == Decimal("-7035.00")
    assert amount(rows["Billed"][1]) == Decimal("5096.90")


def test_errors_of_estimates_add_up_by_the_root_of_their_squares_and_bounds_plainly() -> None:
    rows = pl.DataFrame(
        {
            "tokens": [100, 80, 10],
            "tokens_low": [97, 76, 0],
            "tokens_high": [103, 84, 15],
            "usd": [None, None, None],
            "basis": ["estimated", "estimated", "bounded"],
        },
        schema_overrides={"usd": pl.Decimal(38, 12)},
    )
    found = rows.select(SUMS[1], SUMS[2])
    assert found.row(0) == (190 - 5 - 10, 190 + 5 + 5)  # 3 and 4 make 5


def test_the_unexplained_has_the_cents_of_its_own_amount_whatever_the_other_steps_leave(make_month) -> None:
    """By largest remainder alone it would take the cent that the others are short of."""
    bridge = make_month()["recon.bridge"].filter(
        pl.col("step").is_in(["traced", "missing_usage", "unexplained"])
    )
    amounts = {"traced": "100.0041", "missing_usage": "5.0042", "unexplained": "0.2047"}
    one = bridge.unique("step", keep="first", maintain_order=True)
    usd = one["step"].replace_strict(
        {step: Decimal(text) for step, text in amounts.items()}, return_dtype=one["usd"].dtype
    )
    texts = {step: CauseText(step, step, step, "") for step in amounts}
    shown = {
        line.code: line.usd.shown
        for line in whole_bridge(one.with_columns(usd=usd), NO_BILLS, texts, 0).lines
    }
    assert shown["unexplained"] == Decimal("0.20")
    assert sum(shown[step] for step in amounts) == Decimal("105.21")
