"""The last six months of each cause: the figures of the months, bars to scale, and a sentence where there is one."""

from decimal import Decimal

import pytest

from reports.month import open_month
from reports.trend import HEIGHT, trend
from tests.reports.conftest import CAUSES, MATERIALITY

OLDER, BEFORE, NOW = "2026-08", "2026-09", "2026-10"


def history(bridge) -> list[dict[str, object]]:
    """The month as its bridge has it, one before with half of it, and an old one with a cause of its own."""
    rows = [
        {**row, "history_month": NOW, "unpriced_tokens": 0 if row["usd"] is not None else row["tokens"]}
        for row in bridge
    ]
    sums: dict[tuple[str, str], dict[str, object]] = {}
    for row in rows:
        mine = sums.setdefault(
            (row["team"], row["step"]), {**row, "tokens": 0, "unpriced_tokens": 0, "usd": None}
        )
        mine["tokens"] += row["tokens"]
        mine["unpriced_tokens"] += row["unpriced_tokens"]
        if row["usd"] is not None:
            mine["usd"] = (mine["usd"] or 0) + row["usd"]
    earlier = [
        (BEFORE, "payments", "traced", 1000, "100.004"),
        (BEFORE, "payments", "missing_usage", 50, "7.126"),
        (BEFORE, "search", "missing_usage", 10, "-1.5"),
        (OLDER, "payments", "traced", 900, "90"),
        (OLDER, "payments", "duplicate_spans", -70, None),
        (OLDER, "payments", "uninstrumented", 70, "3"),
    ]
    names = ("history_month", "team", "step", "tokens", "usd")
    told = [
        {**dict(zip(names, row, strict=True)), "unpriced_tokens": row[3] * (row[4] is None)}
        for row in earlier
    ]
    return [*told, *sums.values()]


@pytest.fixture
def pages(make_month, bridge, render, read):
    rendered = render(make_month(recon__history=history(bridge)))
    return {path: (read(html), html) for path, html in rendered.items()}


def rows_of(page) -> dict[str, list[str]]:
    return {row[0]: row[2:] for row in page.tables["trend"]}


def test_the_months_stand_beside_each_other_and_the_last_is_that_of_the_bridge(pages, amount) -> None:
    for path in ("index.html", "teams/payments.html", "teams/search.html"):
        page, _ = pages[path]
        found = rows_of(page)
        assert found.pop("Metered, and causes") == ["August 2026", "September 2026", "October 2026"]
        lines = {row[0]: amount(row[1]) for row in page.tables["bridge"][1:]}
        assert len(found.keys() & lines.keys()) > 1
        for title in found.keys() & lines.keys():
            assert amount(found[title][-1]) == lines[title], (path, title)
    index = rows_of(pages["index.html"][0])
    assert [amount(cell) for cell in index["Usage never recorded"][:2]] == [0, Decimal("5.63")]
    assert [amount(cell) for cell in index["Metered"][:2]] == [Decimal("93.00"), Decimal("105.63")]
    team = rows_of(pages["teams/payments.html"][0])
    assert amount(team["Usage never recorded"][1]) == Decimal("7.13")


def test_absent_is_a_dash_and_no_price_is_tokens(pages) -> None:
    team = rows_of(pages["teams/payments.html"][0])
    assert team["Usage never recorded"][0] == "–"
    assert team["Spans exported more than once"][:2] == ["−70 tokens", "–"]


def test_a_cause_that_is_gone_is_still_told(pages) -> None:
    assert rows_of(pages["teams/payments.html"][0])["Traffic without spans"][1:] == ["–", "–"]


def test_a_cause_page_has_its_own_row_only(pages) -> None:
    page, _ = pages["teams/payments/missing_usage.html"]
    assert list(rows_of(page)) == ["Cause", "Usage never recorded"]


def test_bars_say_on_hover_what_they_are_and_none_stands_for_nothing(pages) -> None:
    html = pages["teams/payments/missing_usage.html"][1]
    assert "<title>September 2026: +$7.13, +50 tokens</title>" in html
    assert html.count('<rect class="bar up"') == 2


def test_bars_are_to_scale_and_hang_below_the_line_where_they_are_negative(make_month, bridge) -> None:
    rows = history(bridge)
    for row in rows:
        if row["history_month"] == BEFORE and row["team"] == "payments" and row["step"] == "missing_usage":
            row["usd"] = Decimal("-380.01")
    month = open_month(make_month(recon__history=rows), CAUSES, "Acme", MATERIALITY)
    own = month.owns["payments"]
    row = (
        trend(month.tables["recon.history"], own.bridge, month.texts, NOW, "payments")
        .only("missing_usage")
        .rows[0]
    )
    assert own.bridge.steps
    assert row.points[-1].usd.shown == Decimal("380.01")
    below, above = row.bars
    assert (below.css, above.css) == ("down", "up")
    assert Decimal(below.height) == Decimal(above.height) == HEIGHT / 2
    assert below.y == row.zero == "20.0"
    assert above.y == "0.0"


def test_one_month_is_a_sentence_and_no_chart(make_month, bridge, render, read) -> None:
    alone = [row for row in history(bridge) if row["history_month"] == NOW]
    for path, html in render(make_month(recon__history=alone)).items():
        page = read(html)
        assert (
            "No month of the five before October 2026 was closed here, so that there is no trend yet."
            in page.text
        )
        assert "trend" not in page.tables, path
        assert '<svg class="trend"' not in html
