"""What a page says of locks, signatures, restatements and items of earlier months."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

HOSTILE = "<script>\u202e"


def event(number: int, what: str, **more: object) -> dict:
    at = datetime(2026, 11, 5 + number, tzinfo=UTC)
    return {"month": "2026-10", "locked_version": number, "event": what, "recorded_at": at, **more}


LOCKED = [event(1, "closed", recorded_by="Ann"), event(1, "prepared", recorded_by="Ann")]
REOPENED = [*LOCKED, event(1, "reopened", recorded_by=HOSTILE, why=f"late {HOSTILE}")]
RESTATED = [*REOPENED, event(2, "restated", recorded_by="Ann", why=f"late {HOSTILE}")]


def change(team: str, old: str | None, new: str | None, **more: object) -> dict:
    gap = Decimal(new or 0) - Decimal(old or 0)
    row = {"month": "2026-10", "locked_version": 2, "dimension": "team", "line": "billed", "unit": "usd"}
    blank = {"provider": "", "account": "", "invoice_id": "", "why": "late"}
    return {**row, **blank, "team": team, "old": old, "new": new, "difference": gap, **more}


@pytest.mark.parametrize(
    ("ledger", "status", "words"),
    [
        ([], "preliminary", "· preliminary<"),
        ([], "complete", "· preliminary, complete<"),
        (LOCKED, "complete", "· closed, version 1<"),
        (LOCKED, "incomplete", "· closed, version 1, incomplete<"),
        (REOPENED, "incomplete", "· preliminary, incomplete<"),
        (RESTATED, "complete", "· restated, version 2<"),
    ],
)
def test_the_first_line_says_how_the_month_stands(make_month, render, ledger, status, words) -> None:
    month = make_month(report__closing=ledger)
    close = month["report.close"]
    month["report.close"] = close.with_columns(status=close["status"].clear().extend_constant(status, 1))

    for page in render(month).values():
        assert words in page


def test_an_open_month_has_no_closing_and_a_locked_one_its_signatures(make_month, render) -> None:
    assert 'id="closing"' not in render(make_month())["index.html"]

    page = render(make_month(report__closing=LOCKED))["index.html"]

    assert "<dt>Closed</dt><dd>version 1, 2026-11-06, Ann</dd>" in page
    assert "<dt>Prepared</dt><dd>2026-11-06, Ann</dd>" in page
    assert "<dt>Reviewed</dt><dd>not signed</dd>" in page


@pytest.mark.parametrize("ledger", [REOPENED, RESTATED])
def test_what_people_wrote_is_escaped(make_month, render, whole, ledger) -> None:
    for page in whole(render(make_month(report__closing=ledger))).values():
        assert "late &lt;script&gt;" in page
        assert page.count("<script") == 1
        assert "\u202e" not in page


def test_a_restatement_shows_old_new_and_difference_of_its_own_version(make_month, render) -> None:
    rows = [
        change("search", "2.50", "1.25"),
        change("payments", None, "3.00"),
        change("of another version", "1", "9", locked_version=1),
        change("no bill", "1", "9", line="unexplained"),
    ]

    page = render(make_month(report__closing=RESTATED, report__restatement=rows))["index.html"]

    assert '<th scope="row">search</th><td class="n">$2.50</td><td class="n">$1.25</td>' in page
    assert '<th scope="row">payments</th><td class="n">none</td><td class="n">$3.00</td>' in page
    assert "of another version" not in page
    assert "no bill" not in page
    assert 'href="versions/1/index.html"' in page


def test_items_are_listed_with_age_and_owner_and_the_settled_last(make_month, render, read) -> None:
    item = {
        "month": "2026-10", "code": "unpriced", "severity": "warning", "provider": "", "account": "", "team": "",
        "message": "Old.", "advice": "Do.", "item_class": "error_ours", "status": "open", "owner": "finops",
        "first_month": "2026-08", "age_days": 61, "age_bucket": "61-90", "is_carried": "true", "usd": "12.50",
    }  # fmt: skip
    settled = {
        "status": "resolved",
        "message": "Settled.",
        "severity": "error",
        "resolution": "paid: by mistake",
    }
    rows = [{**item, "item_id": "b", **settled}, {**item, "item_id": "a"}]

    page = read(render(make_month(report__open_item=rows))["index.html"])

    head, ours, columns, first, last = page.tables["items"]
    assert head == ["Class", "0–30 days", "31–60 days", "61–90 days", "90+ days"]
    assert ours == ["Error of ours", "0", "0", "1", "0"]
    assert dict(zip(columns, first, strict=True)) == {
        "What, and what to do": "Old. Do.", "Severity": "warning", "Class": "error of ours",
        "Status": "open, carried from August 2026", "Owner": "finops", "Age, days": "61", "US dollars": "$12.50",
    }  # fmt: skip
    assert last[0] == "Settled. paid: by mistake"
    assert "1 item is open; 1 more is settled" in page.text


def test_a_team_sees_what_it_owns_and_what_names_it(make_month, render, read) -> None:
    item = {
        "month": "2026-10", "code": "c", "severity": "note", "provider": "", "account": "", "advice": "Do.",
        "item_class": "timing", "status": "open", "first_month": "2026-10", "age_days": 0, "age_bucket": "0-30",
        "is_carried": "false",
    }  # fmt: skip
    names = [
        ("a", "search", "finance"),
        ("b", "", "search"),
        ("c", "payments", "payments"),
        ("d", "", "finance"),
    ]
    rows = [{**item, "item_id": m, "message": f"Item {m}.", "team": t, "owner": o} for m, t, o in names]
    rows.append({**rows[3], "item_id": "e", "message": "Item e.", "severity": "error"})

    pages = render(make_month(report__open_item=rows))

    def shown(path: str) -> list[str]:
        return [row[0].split(".")[0][-1] for row in read(pages[path]).tables["items"][3:]]

    assert shown("teams/search.html") == ["e", "a", "b"]
    assert shown("index.html") == ["e", "a", "b", "c", "d"]
