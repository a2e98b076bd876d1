"""The page of a cause: it adds up to the bridge, says how sure it is, and leads to its rows."""

import random
import re
from dataclasses import replace
from decimal import Decimal

import polars as pl
import pytest

from reports.evidence import LISTED, digest
from reports.places import Lever, Place, intervals, lever
from reports.view import CauseText, Line, Usd
from schemas.tables import BY_NAME

PAGE = "teams/payments/duplicate_spans.html"


def test_a_team_links_to_a_page_for_each_of_its_causes_with_the_same_amounts(
    make_month, render, read, amount
) -> None:
    pages = render(make_month())
    for name in ("payments", "search", "assistants", "unowned", "uninstrumented"):
        team = read(pages[f"teams/{name}.html"])
        links = [attrs["href"] for tag, attrs in team.tags if tag == "a" and "/" in attrs["href"][3:]]
        causes = {path for path in pages if path.startswith(f"teams/{name}/")}
        assert {link.removeprefix("../").partition("#")[0] for link in links} - {"index.html"} == causes
        lines = {row[0]: row for row in team.tables["bridge"][1:]}
        for path in causes:
            page = read(pages[path])
            title = next(title for title in lines if f"{title}:" in page.text)
            total = page.tables["places"][[row[0] for row in page.tables["places"]].index("All")]
            assert amount(total[4]) == amount(lines[title][1])


def test_places_and_kinds_add_up_to_the_cause(make_month, render, read, amount) -> None:
    pages = {path: html for path, html in render(make_month()).items() if path.count("/") == 2}
    assert len(pages) > 5
    for html in pages.values():
        rows = read(html).tables["places"]
        ends = [i for i, row in enumerate(rows) if row[0] == "All"]
        places, kinds = rows[1 : ends[0]], rows[ends[0] + 2 : ends[1]]
        assert sum(amount(row[4]) for row in places) == amount(rows[ends[0]][4])
        assert sum(amount(row[1]) for row in kinds) == amount(rows[ends[1]][1])
        assert amount(rows[ends[0]][4]) == amount(rows[ends[1]][1])


def bridge(*rows: dict) -> pl.DataFrame:
    cell = {
        "provider": "p",
        "account": "a",
        "scope": "s",
        "model": "m",
        "service_tier": "t",
        "token_kind": "k",
    }
    schema = BY_NAME["recon.bridge"].schema
    full = [{name: {**cell, "team": "x", **row}.get(name) for name in schema} for row in rows]
    return pl.DataFrame(full, schema=schema)


def test_dollars_are_as_far_as_their_tokens_at_the_rate_of_the_cell() -> None:
    """The cell costs 2 dollars a token: 3 and 4 estimated tokens make a root of 6² + 8² = 10 dollars."""
    step = {"step": "retries", "basis": "estimated"}
    rows = bridge(
        {"step": "traced", "basis": "exact", "tokens": 100, "tokens_low": 100, "tokens_high": 100, "usd": Decimal(200)},
        {**step, "tokens": 10, "tokens_low": 7, "tokens_high": 10, "usd": Decimal(20)},
        {**step, "tokens": 0, "tokens_low": -4, "tokens_high": 1, "usd": Decimal(0)},
        {**step, "tokens": 5, "tokens_low": 3, "tokens_high": 8, "usd": Decimal(10), "basis": "bounded", "team": "y"},
        {**step, "tokens": 5, "tokens_low": 0, "tokens_high": 9, "usd": None, "model": "unpriced"},
    )  # fmt: skip
    found = intervals(rows)
    assert found["retries", "x"] == (Decimal(10), Decimal(2))
    assert found["retries", "y"] == (Decimal(4), Decimal(6))
    assert found["retries", None] == (Decimal(14), Decimal(8))
    assert ("traced", "x") not in found


def place(service: str, usd: str | None, tokens: int = 1000) -> Place:
    amount = None if usd is None else Decimal(usd)
    return Place(("scope", service, "", "model"), tokens, tokens, tokens, Usd(amount, amount), 1)


def line(usd: str | None) -> Line:
    amount = None if usd is None else Decimal(usd)
    return Line("retries", "Retries", "", Usd(amount, amount), "step", tokens=5000)


AVOIDABLE = CauseText("retries", "Retries", "", "Stop.", "Begin with {place}: stop.", "service", True)


def test_one_begins_with_the_service_with_most_dollars_and_saves_no_more_than_it_holds() -> None:
    places = [place("b", "3.00"), place("a", "2.00"), place("a", "2.50")]
    found = lever(places, line("7.50"), AVOIDABLE)
    assert found == Lever(
        "Begin with service a: stop.",
        "It holds $4.50 of $7.50",
        "at most $4.50 would be saved in a month like this one.",
        Decimal("4.50"),
        saves=Decimal("4.50"),
    )


def test_what_is_no_purchase_saves_no_money() -> None:
    text = CauseText("sampling", "Sampled", "", "Do.", "Begin with {place}.", "scope")
    found = lever([place("a", "4.50")], line("4.50"), text)
    assert found.first == "Begin with the key, project or account scope."
    assert "saves no money by itself" in found.effect
    assert found.holds == "It holds all of it, $4.50"
    assert not found.saves
    negative = lever([place("a", "-4.50")], line("-4.50"), AVOIDABLE)
    assert "nothing to save" in negative.effect
    assert not negative.saves


def test_less_than_a_cent_is_told_as_such_and_not_as_nothing_of_nothing() -> None:
    found = lever([place("a", "0.00")], line("0.00"), AVOIDABLE)
    assert found.holds == "It holds less than a cent"


@pytest.mark.parametrize("whole", ["0.87", "-0.87"])
def test_a_place_that_holds_more_than_the_whole_says_why(whole: str) -> None:
    found = lever([place("a", "1.91")], line(whole), AVOIDABLE)
    assert (
        found.holds
        == f"It holds $1.91, which other places offset to {whole.replace('-', '−$') if whole[0] == '-' else '$' + whole}"
    )


def test_what_the_unexplained_would_save_nobody_says() -> None:
    rest = replace(line("4.50"), role="rest")
    found = lever(
        [place("a", "4.50")], rest, CauseText("unexplained", "U", "", "Look.", "Begin with {place}.")
    )
    assert found.effect == "whether that can be saved is known once its reason is."


def test_without_a_price_no_saving_is_told() -> None:
    found = lever([place("a", None)], line(None), AVOIDABLE)
    assert "price is not known" in found.effect
    assert found.holds == "It holds 1,000 of 5,000 tokens"


def test_a_service_is_named_as_it_is_and_one_without_a_name_so() -> None:
    assert (
        lever([place("{place}\n", "1")], line("1"), AVOIDABLE).first
        == "Begin with service {place}\ufffd: stop."
    )
    assert (
        lever([place(" ", "1")], line("1"), AVOIDABLE).first == "Begin with the service without a name: stop."
    )


def test_rates_are_those_of_the_cause(make_month, render, read) -> None:
    pages = render(make_month())
    rates = read(pages["teams/payments/missing_usage.html"]).tables["rates"]
    assert [row[0].split()[-1] for row in rates[1:]] == ["size/both/chat", "size/missing_usage/chat"]
    assert rates[2][0].startswith("Size of calls without usage in chat, of that of calls like them")
    assert rates[1][1:5] == ["1.000", "0.500", "1.250", "0.125"]
    assert "None: it needs no rate." in read(pages[PAGE]).text


def test_the_largest_rows_of_evidence_are_shown_and_the_command_for_all(make_month, render, read) -> None:
    month = make_month()
    row = month["recon.evidence"].head(1)
    many = pl.concat([
        row.with_columns(
            span_id=pl.lit(f"{i:016x}"), tokens=pl.lit(i, pl.Int64),
            usd=pl.lit(None if i % 2 else Decimal(i) / 1000, pl.Decimal(38, 12)),
        )
        for i in range(200)
    ])  # fmt: skip
    shuffled = many[random.Random(3).sample(range(200), 200)]  # noqa: S311
    page = read(render({**month, "recon.evidence": shuffled})[PAGE])
    shown = [row[1] for row in page.tables["evidence"] if len(row) == 5][1:]
    assert shown == [f"{i:016x}" for i in range(198, 198 - 2 * LISTED, -2)]
    assert f"{200 - LISTED} more rows in evidence.csv." in page.text
    assert "tallystick explain 2026-10 --team payments --cause duplicate_spans" in page.text


def test_rows_without_a_price_come_by_tokens_after_the_others() -> None:
    schema = BY_NAME["recon.evidence"].schema
    rows = [("a", 5, None), ("b", 9, None), ("c", 1, Decimal(1)), ("d", -7, None)]
    frame = pl.DataFrame(
        [
            {
                "month": "m",
                "step": "retries",
                "team": "t",
                "trace_id": i,
                "tokens": n,
                "usd": usd,
                "reason": "r",
            }
            for i, n, usd in rows
        ],
        schema=schema,
    )
    proof = digest(frame).by_step(LISTED)["retries"]
    assert [row["trace_id"] for row in proof.rows] == ["c", "b", "d", "a"]
    assert (proof.count, proof.reasons[0]["rows"]) == (4, 4)


@pytest.mark.parametrize("name", ["two\nlines", "W" * 5000, "\u202eevil"])
def test_a_name_that_no_line_of_a_shell_holds_is_left_to_the_reader(make_month, render, name: str) -> None:
    month = make_month()
    for table in ("recon.bridge", "report.team", "recon.evidence"):
        month[table] = month[table].with_columns(pl.col("team").replace({"payments": name}))
    pages = [html for path, html in render(month).items() if path.endswith("/duplicate_spans.html")]
    assert sum("--team &lt;team&gt; --cause duplicate_spans" in html for html in pages) == 1


def test_a_name_is_quoted_for_the_shell(make_month, render) -> None:
    month = make_month()
    for table in ("recon.bridge", "report.team", "recon.evidence"):
        month[table] = month[table].with_columns(pl.col("team").replace({"payments": "a b; rm"}))
    assert any("--team &#39;a b; rm&#39; --cause" in html for html in render(month).values())


def test_the_index_names_the_teams_of_a_cause_the_largest_first(make_month, render, read, amount) -> None:
    html = render(make_month())["index.html"]
    for part in html.split('<article class="cause"')[1:]:
        held = part[part.index('<p class="holders">') : part.index("</article>")]
        amounts = [
            abs(Decimal(text)) for text in re.findall(r'<data value="([^"]+)" title="[^"]+exactly"', held)
        ]
        assert amounts == sorted(amounts, reverse=True)
        assert 'href="teams/' in held


def test_all_of_it_unexplained_is_said_at_the_top(make_month, render, read, bridge) -> None:
    rows = [{**row, "step": row["step"] if row["step"] == "traced" else "unexplained"} for row in bridge]
    keys = [
        name
        for name in BY_NAME["recon.bridge"].schema
        if name not in ("tokens", "tokens_low", "tokens_high", "usd", "evidence_count", "basis")
    ]
    month = make_month(recon__bridge=rows)
    month["recon.bridge"] = (
        month["recon.bridge"].with_columns(basis=pl.lit("estimated"))
        .group_by(*keys, "basis").agg(pl.all().sum()).select(BY_NAME["recon.bridge"].schema.names())
    )  # fmt: skip
    text = read(render(month)["index.html"]).text
    assert "No cause was found for any of the drift: all of it is unexplained." in text
