"""Which conversations are summarised too early: what pages, mails and the thing to do say of it."""

from decimal import Decimal
from typing import Any

import pytest

from reports.compactions import compactions
from reports.mail import Letterhead, render_mails
from reports.month import open_month
from reports.render import month_pages
from reports.view import CauseText
from tests.reports.conftest import CAUSES, MATERIALITY, table
from tests.reports.mail_reader import parts

MINE = CauseText(
    "summary_compaction", "Summaries", "Shortened.", "Later.", "Begin with {place}.", is_avoidable=True
)
PAGE = "teams/payments/summary_compaction.html"


def row(name: str, **changes: Any) -> dict[str, Any]:
    """A conversation that was summarised twice at a tenth of what its model takes, for $1, and saved $0.40."""
    return {
        "month": "2026-10", "team": "payments", "service": "chat", "provider": "openai", "account": "a", "model": "m",
        "conversation_id": name, "summaries": 2, "unrecorded": 1, "context_tokens": 20_000, "window_tokens": 200_000,
        "tokens": 40_000, "usd": "1", "turns_after": 4, "saved_tokens": 60_000, "saved_usd": "0.4", **changes,
    }  # fmt: skip


def found(*rows: dict[str, Any], team: str | None = None) -> Any:
    return compactions(table("recon.compaction", list(rows)), team)


def test_those_that_lost_most_come_first_and_add_up() -> None:
    page = found(row("a"), row("b", usd="3"), row("other", team="search"), team="payments")
    assert [each["conversation_id"] for each in page.rows] == ["b", "a"]
    assert (page.count, page.early, page.early_usd) == (2, 2, Decimal("2.6") + Decimal("0.6"))


@pytest.mark.parametrize(
    "changes",
    [
        {"context_tokens": 150_000},
        {"saved_usd": "1"},
        {"window_tokens": None},
        {"context_tokens": None},
        {"saved_usd": None},
        {"usd": None},
    ],
    ids=["full", "paid back", "no window", "no length", "no saving", "no price"],
)
def test_nothing_is_too_early_that_paid_or_had_to_be_or_is_not_known(changes: dict[str, Any]) -> None:
    page = found(row("a", **changes))
    assert (page.count, page.early, page.early_usd, page.first) == (1, 0, 0, "")


def test_the_first_is_named_with_its_length_its_cost_and_its_saving() -> None:
    assert found(row("a")).first.replace("\N{NO-BREAK SPACE}", " ") == (
        "Summarised too early first of all: conversation a, 2 times, at 20.0 k of the 200 k tokens that its model "
        "takes (10.0 %), for $1.00; that saved $0.400 afterwards."
    )


@pytest.fixture
def month(make_month, bridge):
    """The sample month in which 8 dollars of payments are summaries."""
    step = {**bridge[0], "step": "summary_compaction", "tokens": 900, "tokens_low": 900, "tokens_high": 900,
            "usd": Decimal("8.00"), "evidence_count": 2}  # fmt: skip
    hostile = row("<img src=x>", usd="9", saved_usd="0", team="search")
    return make_month(recon__bridge=[*bridge, step], recon__compaction=[row("conv-1"), hostile])


def test_it_stands_on_the_pages_of_the_team_and_of_the_cause_and_in_the_mail(month, read) -> None:
    opened = open_month(month, (*CAUSES, MINE), "Acme", MATERIALITY)
    pages = list(month_pages(opened))
    mails = render_mails(pages, Letterhead())
    assert "conversation conv-1, 2 times" in opened.owns["payments"].levers["summary_compaction"].effect
    for text in parts(mails["teams/payments.eml"]):
        assert "conversation conv-1, 2 times" in " ".join(text.split())


def test_pages_list_conversations_and_no_name_is_markup(month, render, read) -> None:
    pages = render(month)
    for path, names in (
        ("index.html", ["<img src=x>", "conv-1"]),
        ("teams/payments.html", ["conv-1"]),
        (PAGE, ["conv-1"]),
    ):
        rows = read(pages[path]).tables["conversations"][1:]
        assert [cell for each in rows for cell in each[:2] if cell in names] == names
    assert "conversations" not in read(pages["teams/assistants.html"]).tables
    assert "conversations" not in read(pages["teams/payments/duplicate_spans.html"]).tables
