"""What a mail says, that its two forms say the same, and that it says what the page says."""

import random
import re
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import polars as pl
import pytest

from reports.mail import Letterhead, render_mails
from reports.month import open_month
from reports.render import month_pages
from tests.reports.conftest import CAUSES, MATERIALITY
from tests.reports.mail_reader import MailReader, figures, parsed, parts, style_of

SPACE = "\N{NO-BREAK SPACE}"
HOSTILE = ["<img src=x onerror=alert(1)>", '=HYPERLINK("http://x.example";"y")', "Ünïcödé 漢字", "x" * 5000,
           "a\r\nBcc: eve@x.example", "\u202eright to left", "../../etc/passwd", '"><script>', "{{ 7*7 }}", " "]  # fmt: skip
LOCKED = {"month": "2026-10", "locked_version": 1, "event": "closed", "recorded_by": "Ann",
          "recorded_at": datetime(2026, 11, 6, 9, 30, tzinfo=UTC)}  # fmt: skip


def mails(tables: dict[str, pl.DataFrame], company: str = "Acme", **letterhead: Any) -> dict[str, str]:
    close = tables["report.close"].with_columns(pl.col("price_card_version").fill_null("genai-prices 0.2.3"))
    tables = {**tables, "report.close": close}
    return render_mails(
        month_pages(open_month(tables, CAUSES, company, MATERIALITY)), Letterhead(**letterhead)
    )


@pytest.fixture
def every(make_month) -> dict[str, str]:
    return mails(make_month())


def amounts(rows: list[list[str]], column: int, amount) -> dict[str, Decimal]:
    return {row[0].split(" [")[0]: amount(row[column]) for row in rows[1:]}


def test_there_is_a_mail_beside_every_page(make_month, render, whole, every) -> None:
    assert list(every) == ["index.eml", *sorted(list(every)[1:], key=list(every).index)]
    assert {path.replace(".eml", ".html") for path in every} == set(whole(render(make_month())))


def test_it_is_mime_that_any_server_takes(every) -> None:
    for mail in every.values():
        message = parsed(mail)
        kinds = [part.get_content_type() for part in message.walk()]
        assert kinds == ["multipart/alternative", "text/plain", "text/html"]
        assert not any(part.defects for part in message.walk())
        assert mail.isascii()
        lines = mail.split("\r\n")
        assert not any("\n" in line or "\r" in line for line in lines)
        assert max(map(len, lines)) <= 998
        names = [name for name, _ in message.items()]
        assert len(names) == len(set(names))
        assert {"To", "Cc", "Bcc"}.isdisjoint(names)


def test_the_subject_names_month_team_and_headline(every) -> None:
    assert parsed(every["teams/payments.eml"])["Subject"] == (
        "October 2026: payments was billed $4,212.82, of which $17.01 (0.4 %) is unexplained (preliminary, complete)"
    )
    assert parsed(every["index.eml"])["Subject"].startswith(
        "October 2026: Acme was billed $12,194.40, of which"
    )


def test_text_and_html_hold_the_same_figures(every) -> None:
    for path, mail in every.items():
        text, html = parts(mail)
        assert figures(MailReader(html).text) == figures(text), path
        assert len(figures(text)) > 30


def test_the_figures_are_those_of_the_page(make_month, render, whole, read, amount) -> None:
    every = mails(make_month())
    for path, html in whole(render(make_month())).items():
        page, mail = read(html), MailReader(parts(every[path.replace(".html", ".eml")])[1])
        bridge = next(rows for caption, rows in mail.tables.items() if caption.startswith("Bridge"))
        assert amounts(bridge, 2, amount) == amounts(page.tables["bridge"], 1, amount)
        if path == "index.html":
            told = amounts(mail.tables["Teams and pools, US dollars"], 3, amount)
            rows = [row for row in page.tables["teams"] if len(row) == 8 and row[6]]
            assert told == amounts(rows, 6, amount)
            tieout = mail.tables["Tie-out, US dollars"]
            assert [amount(row[3]) for row in tieout[1:]] == [
                Decimal("7097.50"),
                Decimal("5096.90"),
                Decimal("12194.40"),
            ]


def test_what_stands_in_the_mail_adds_up(every, amount) -> None:
    for mail in every.values():
        tables = MailReader(parts(mail)[1]).tables
        bridge = next(rows for caption, rows in tables.items() if caption.startswith("Bridge"))
        level = Decimal(0)
        for name, _, usd in ((row[0].split(" [")[0], *row[1:]) for row in bridge[1:]):
            if name in ("Metered", "Billed"):
                assert amount(usd) == level
            else:
                level += amount(usd)
        for caption, rows in tables.items():
            if caption.startswith(("Teams", "Tie-out", "By ")):
                dollars = [amount(row[-1]) for row in rows[1:]]
                assert sum(dollars[:-1]) == dollars[-1], caption


def test_the_tie_out_names_what_each_bill_adds(every) -> None:
    rows = MailReader(parts(every["index.eml"])[1]).tables["Tie-out, US dollars"]
    assert [cell.replace("\N{WORD JOINER}", "") for cell in rows[2]] == [
        "openai, org-acme, INV-441 [Price +$84.90, Credits −$250.00, Rounding −$0.01]", "$5,262.01", "−$165.11", "$5,096.90",
    ]  # fmt: skip
    assert rows[1][0].startswith("anthropic, acme-prod, invoice awaited")


def test_each_cause_has_its_size_its_basis_and_its_advice(every) -> None:
    text = " ".join(parts(every["teams/payments.eml"])[0].replace(SPACE, " ").split())
    assert (
        "Usage never recorded: +$380.01 +94.0 M tokens, between +86.9 M and +101 M; known as estimated; "
        "evidence: 4,620 spans or rows The call finished and was billed, but its span carries no token counts. "
        "Do this: Ask for usage in streamed answers"
    ) in text


def test_finance_sees_teams_and_bills_and_a_team_only_itself(every) -> None:
    text = parts(every["teams/payments.eml"])[0]
    assert "INV-441" not in text
    assert "assistants" not in text
    index = parts(every["index.eml"])[0]
    assert all(name in index for name in ("payments", "search", "assistants", "unowned", "INV-441"))


def test_evidence_is_mailed_as_counts_only(make_month, every) -> None:
    evidence = make_month()["recon.evidence"]
    for mail in every.values():
        for part in parts(mail):
            assert not any(value in part for value in evidence["trace_id"])
            assert not any(value in part for value in evidence["span_id"])
            assert "same span id twice" not in part
            assert "The line is not JSON" not in part


def test_nothing_is_loaded_and_nothing_runs(every) -> None:
    for mail in every.values():
        html = parts(mail)[1]
        tags = {tag for tag, _ in MailReader(html).tags}
        assert tags.isdisjoint({"script", "link", "img", "svg", "iframe", "object", "form", "base"})
        assert "http" not in html
        assert not re.search(r"url\(|@import|position\s*:|display\s*:\s*(flex|grid)|var\(", html)


def test_the_layout_needs_no_style_element(every) -> None:
    """What a table, a bar and a text look like stands on the element itself."""
    for mail in every.values():
        html = re.sub(r"(?s)<style.*?</style>", "", parts(mail)[1])
        page = MailReader(html)
        tables = [attrs for tag, attrs in page.tags if tag == "table"]
        assert all(attrs["width"] and attrs["cellpadding"] and attrs["border"] for attrs in tables)
        assert sum(attrs["width"] == "600" for attrs in tables) == 1
        bars = [attrs for tag, attrs in page.tags if tag == "td" and attrs.get("class", "").startswith("b-")]
        assert len(bars) >= 4
        assert all(attrs["bgcolor"] and attrs["width"].endswith("%") and attrs["height"] for attrs in bars)
        for tag, attrs in page.tags:
            if tag in ("h1", "h2", "p", "caption", "small"):
                assert style_of(attrs), tag
            if tag in ("td", "th") and "n" in attrs.get("class", "").split():
                assert attrs["align"] == "right"
        column = next(attrs for tag, attrs in page.tags if attrs.get("class") == "in")
        assert {"font-family", "color", "padding"} <= set(style_of(column))


def test_bars_are_a_hundred_per_cent_wide_and_follow_each_other(every) -> None:
    html = parts(every["index.eml"])[1]
    drawn = re.findall(r'<table[^>]*aria-hidden="true"[^>]*>(.*?)</table>', html, re.DOTALL)
    ends = []
    for row in drawn:
        cells = [
            (int(re.search(r'width="(\d+)%"', cell)[1]), "class" in cell)
            for cell in re.findall(r"<td[^>]*>", row)
        ]
        assert sum(width for width, _ in cells) == 100
        start = 0 if cells[0][1] else cells[0][0]
        ends.append((start, start + next(width for width, is_bar in cells if is_bar)))
    assert len(ends) == len(MailReader(html).tables["Bridge; the lines add up to the totals below them"]) - 1
    for one, other in pairwise(ends):
        assert min(abs(a - b) for a in one for b in other) <= 2


def test_it_can_be_read_without_seeing_it(every) -> None:
    for mail in every.values():
        html = parts(mail)[1]
        page = MailReader(html)
        assert '<html lang="en">' in html
        data = [attrs for tag, attrs in page.tags if tag == "table" and attrs.get("role") != "presentation"]
        assert len(data) == len(page.tables) == sum(tag == "caption" for tag, _ in page.tags)
        assert all(attrs.get("scope") for tag, attrs in page.tags if tag == "th")
        assert [tag for tag, _ in page.tags].count("h1") == 1


def luminance(rgb: tuple[float, float, float]) -> float:
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def rgb(colour: str) -> tuple[float, float, float]:
    digits = colour.lstrip("#")
    digits = "".join(d * 2 for d in digits) if len(digits) == 3 else digits
    return tuple(int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))  # type: ignore[return-value]


def contrast(one, other) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def negative(colour):
    return tuple(1 - part for part in colour)


def turned(colour):
    """Lightness turned round and hue kept, as clients do that make a light mail dark."""
    low, high = min(colour), max(colour)
    return tuple(part + 1 - low - high for part in colour)


@pytest.mark.parametrize("change", [tuple, negative, turned])
def test_every_text_has_contrast_as_written_and_when_a_client_turns_the_colours(every, change) -> None:
    for mail in every.values():
        pairs = MailReader(parts(mail)[1]).colours
        assert len(pairs) >= 3
        for ink, ground in pairs:
            assert contrast(change(rgb(ink)), change(rgb(ground))) >= 4.5, (ink, ground)


def test_every_text_has_contrast_in_the_dark(every) -> None:
    dark = re.search(
        r"prefers-color-scheme:\s*dark\)\s*\{(.*)\}\s*</style>", parts(every["index.eml"])[1], re.S
    )
    rules = re.findall(r"([^{}]+)\{([^{}]+)\}", dark[1])
    inks = {m[1] for _, body in rules for m in [re.search(r"(?<!-)color:\s*(#\w+)", body)] if m}
    grounds = {
        m[1] for name, body in rules if "b-" not in name
        for m in [re.search(r"background-color:\s*(#\w+)", body)] if m
    }  # fmt: skip
    assert len(inks) == 3
    assert len(grounds) == 4
    assert all(contrast(rgb(ink), rgb(ground)) >= 4.5 for ink in inks for ground in grounds)


def large(make_month, bridge, teams, name: str) -> dict[str, pl.DataFrame]:
    rows = [
        {**row, "team": f"{name}-team-{t}", "service": f"{name}-{t}-{s}", "model": f"{name}-model-{s}"}
        for t in range(40) for s in range(30) for row in bridge[:7]
    ]  # fmt: skip
    every = [{**teams[0], "team": f"{name}-team-{t}"} for t in range(40)]
    bills = [
        {"month": "2026-10", "provider": "openai", "account": f"{name}-{n}", "invoice_id": f"{name}-{n}", "component": c, "usd": "4212.82"}
        for n in range(40) for c in ("metered_at_expected_rate", "billed")
    ]  # fmt: skip
    finding = {"code": "c", "severity": "error", "provider": "openai", "account": "", "team": ""}
    told = [{**finding, "month": "2026-10", "message": name * 20, "advice": f"{name} {n}"} for n in range(40)]
    sample = make_month()
    lines = [
        {**sample["recon.variance"].row(0, named=True), "team": f"{name}-team-{t}", "model": f"{name}-{m}"}
        for t in range(40) for m in range(30)
    ]  # fmt: skip
    budget = [{**sample["recon.budget"].row(0, named=True), "team": f"{name}-team-{t}"} for t in range(40)]
    trace = sample["recon.costliest"].filter(unit="trace").row(0, named=True)
    costly = [
        {**trace, "rank": n, "team": f"{name}-team-{n}", "trace_id": f"{name}{n}"} for n in range(1, 40)
    ]
    return make_month(
        recon__bridge=rows, report__team=every, recon__tieout=bills, recon__finding=told,
        recon__variance=lines, recon__budget=budget, recon__costliest=costly,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["a", "漢字" * 2500, "<&\"'>" * 1000])
def test_forty_teams_and_thirty_models_fit_below_what_mail_programs_cut_off(
    make_month, bridge, teams, amount, name
) -> None:
    found = mails(large(make_month, bridge, teams, name), name)
    assert len(found) == 41
    sizes = {path: len(parts(mail)[1].encode()) for path, mail in found.items()}
    assert max(sizes.values()) <= 90_000, max(sizes.values())
    index = MailReader(parts(found["index.eml"])[1])
    rows = index.tables["Teams and pools, US dollars"]
    assert len(rows) == 1 + 25 + 1 + 1
    assert rows[-2][0].startswith("15 more teams")
    assert sum(amount(row[3]) for row in rows[1:-1]) == amount(rows[-1][3]) == 40 * Decimal("4212.82")
    models = index.tables["By model: tokens and US dollars"]
    assert models[-2][0] == "22 more models"
    assert sum(amount(row[3]) for row in models[1:-1]) == amount(models[-1][3])


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_break_nothing_and_inject_nothing(make_month, bridge, name) -> None:
    plain = mails(make_month())
    rows = [
        {**row, "team": name, "service": name, "model": name} if row["team"] == "payments" else row
        for row in bridge
    ]  # fmt: skip
    month = make_month(recon__bridge=rows)
    month["report.team"] = month["report.team"].with_columns(pl.col("team").replace({"payments": name}))
    owner = {"team": pl.lit(name)}
    month["recon.budget"] = month["recon.budget"].with_columns(**owner)
    month["recon.costliest"] = month["recon.costliest"].with_columns(
        trace_id=pl.lit(name), service=pl.lit(name), **owner
    )
    month["recon.tieout"] = month["recon.tieout"].with_columns(invoice_id=pl.lit(name), account=pl.lit(name))
    month["recon.finding"] = month["recon.finding"].with_columns(message=pl.lit(name), advice=pl.lit(name))
    found = mails(month, company=name)
    assert len(found) == len(plain)
    tags = {tag for mail in plain.values() for tag, _ in MailReader(parts(mail)[1]).tags}
    headers = set(parsed(plain["index.eml"]).keys())
    for path, mail in found.items():
        message = parsed(mail)
        assert re.fullmatch(r"index\.eml|teams/[a-z0-9-]{1,70}\.eml", path)
        assert set(message.keys()) == headers
        assert not any(part.defects for part in message.walk())
        assert not re.search(r"[\x00-\x1f\x7f\u202a-\u202e]", message["Subject"])
        assert len(message["Subject"]) < 300
        text, html = parts(mail)
        page = MailReader(html)
        assert {tag for tag, _ in page.tags} <= tags
        assert not any(key.startswith("on") for _, attrs in page.tags for key in attrs)
        assert figures(page.text) == figures(text)
        assert name[:40].strip() in text or "\n" in name or "\u202e" in name
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e]", text.replace("\r\n", "\n"))
        assert "Bcc: eve@x.example" not in [line.strip() for line in text.splitlines()]


def test_row_order_does_not_show(make_month) -> None:
    month = make_month()
    expected = mails(month)
    for seed in range(3):
        shuffled = {
            name: frame[random.Random(seed).sample(range(frame.height), frame.height)]  # noqa: S311
            for name, frame in month.items()
        }
        assert mails(shuffled) == expected


def test_the_date_is_the_end_of_the_month_or_the_lock(make_month) -> None:
    assert parsed(mails(make_month())["index.eml"])["Date"] == "Sun, 01 Nov 2026 00:00:00 +0000"
    locked = parsed(mails(make_month(report__closing=[LOCKED]))["index.eml"])
    assert locked["Date"] == "Fri, 06 Nov 2026 09:30:00 +0000"
    assert locked["Subject"].endswith("(closed, version 1)")


def test_every_group_and_version_has_an_id_of_its_own_and_a_signature_changes_none(make_month, close) -> None:
    signed = {**LOCKED, "event": "prepared"}
    months = [
        make_month(), make_month(report__close=[close(close_id="b" * 16)]), make_month(report__closing=[LOCKED]),
    ]  # fmt: skip
    ids = [parsed(mail)["Message-ID"] for month in months for mail in mails(month).values()]
    assert len(set(ids)) == len(ids) == 18
    again = mails(make_month(report__closing=[LOCKED, signed]))
    assert [parsed(mail)["Message-ID"] for mail in again.values()] == ids[12:]
    assert "Prepared: Ann, 2026-11-06." in parts(again["index.eml"])[0]


def test_the_configured_sender_and_the_link_to_the_page(make_month, every) -> None:
    told = mails(
        make_month(), sender='"Bills" <bills@acme.example>', reply_to="help@acme.example",
        base_url="https://acme.example/llm",
    )  # fmt: skip
    message = parsed(told["teams/search.eml"])
    assert message["From"] == "Bills <bills@acme.example>"
    assert message["Reply-To"] == "help@acme.example"
    assert message["Message-ID"].endswith("@acme.example>")
    for part in parts(told["teams/search.eml"]):
        assert "https://acme.example/llm/2026-10/teams/search.html" in part
    assert parsed(every["index.eml"])["From"] == "Tallystick <no-reply@tallystick.invalid>"


EMPTY = ["input_files", "rows_read", "rows_kept", "rows_quarantined", "span_count", "call_count",
         "calls_with_usage", "gross_drift_tokens"]  # fmt: skip


@pytest.mark.parametrize("is_closed", [True, False])
def test_an_empty_month_says_so(make_month, close, is_closed: bool) -> None:
    month = {name: frame.clear() for name, frame in make_month().items()}
    if is_closed:
        row = close(**dict.fromkeys(EMPTY, 0), billed_usd=None)
        month["report.close"] = make_month(report__close=[row])["report.close"]
    for part in parts(mails(month)["index.eml"]):
        told = " ".join(part.split())
        assert "has no bill and no metered tokens." in told
        assert "No token was both traced and metered: there is no difference to explain." in told
        assert ("Nothing was closed: there are no figures for this month." in told) is not is_closed


def test_a_month_with_only_bills_says_so(make_month, teams) -> None:
    nobody = {**teams[0], "team": "unowned", "is_pool": True, "traced_usd": "0", "unexplained_usd": "0"}
    sums = dict.fromkeys(
        ["traced_tokens", "metered_tokens", "gross_drift_tokens", "unpriced_tokens", "call_count"], 0
    )
    money = {"billed_usd": Decimal("12194.40"), "explained_usd": Decimal("12194.40")}
    month = make_month(recon__bridge=[], report__team=[{**nobody, **sums, **money}])
    text = " ".join(parts(mails(month)["index.eml"])[0].split())
    assert "Acme was billed $12,194.40, and all of it is accounted for." in text
    assert "No tokens were traced or metered." in text


def test_a_month_with_only_traces_says_so(make_month, bridge, close) -> None:
    traced = [row for row in bridge if row["step"] == "traced"]
    month = make_month(recon__bridge=traced, recon__tieout=[], report__close=[close(billed_usd=None)])
    text = " ".join(parts(mails(month)["index.eml"])[0].split())
    assert "Acme has no bill yet" in text
    assert "No invoice and no cost export has come for this month." in text
    assert "Metered, not billed yet:" in text


def test_a_month_that_is_all_unexplained_says_so(make_month, bridge, teams) -> None:
    row = {**bridge[0], "step": "unexplained", "usd": Decimal(1000)}
    mine = {**teams[0], "team": row["team"], "traced_usd": "0", "unexplained_usd": "1000",
            "explained_usd": Decimal(0), "billed_usd": Decimal(1000)}  # fmt: skip
    fixed = {
        "month": "2026-10",
        "provider": "openai",
        "account": "org-acme",
        "invoice_id": "1",
        "usd": "1000",
    }
    bill = [{**fixed, "component": c} for c in ("metered_at_expected_rate", "billed")]
    month = make_month(recon__bridge=[row], report__team=[mine], recon__tieout=bill)
    text = parts(mails(month)["teams/payments.eml"])[0].replace(SPACE, " ")
    assert "of which $1,000.00 (100.0 %) is unexplained" in " ".join(text.split())
    assert "Unexplained: +$1,000.00 (+100.0 % of the bill)" in text
    assert "Unexplained (+$1,000.00) is the largest difference between traces and meters." in " ".join(
        text.split()
    )


def test_it_says_what_moved_the_cost_since_last_month_and_that_adds_up(every, amount) -> None:
    caption = "Month over month, US dollars at the expected rate"
    for path, prior, now in (("index.eml", "155.01", "168.68"), ("teams/payments.eml", "100.00", "129.51")):
        prior_row, *moved, now_row = MailReader(parts(every[path])[1]).tables[caption][1:]
        assert (prior_row[0], now_row[0]) == ("Metered in September 2026", "Metered in October 2026")
        assert (amount(prior_row[1]), amount(now_row[1])) == (Decimal(prior), Decimal(now))
        assert [row[0].split(" [")[0] for row in moved][:4] == ["Price", "Cache hits", "Mix", "Volume"]
        assert amount(prior_row[1]) + sum(amount(row[1]) for row in moved) == amount(now_row[1])


def test_budgets_come_with_their_pace_and_a_team_sees_its_own(every) -> None:
    index = MailReader(parts(every["index.eml"])[1]).tables["Budgets, US dollars"]
    assert [row[0].split(" [")[0] for row in index[1:]] == ["payments", "assistants", "search"]
    team = MailReader(parts(every["teams/payments.eml"])[1]).tables["Budgets, US dollars"]
    assert team[1:] == [
        ["payments [$212.82 beyond it; 24 of 31 days metered]", "$4,000.00", "$4,212.82", "$5,441.56"]
    ]


def test_the_costliest_traces_are_named_by_their_ids(every) -> None:
    index = MailReader(parts(every["index.eml"])[1]).tables["The costliest traces"]
    assert index[1] == [
        f"{193:032x} [payments, s, several models, several]",
        "40",
        "95.0\N{NO-BREAK SPACE}k",
        "$12.50",
    ]
    assert index[2][-1] == "no price known"
    assert len(index) == 3
    text = parts(every["teams/payments.eml"])[0]
    assert f"{193:032x}" in text
    assert "COSTLIEST TRACES" in text


def test_no_more_than_three_traces_and_ten_budgets_are_mailed(make_month) -> None:
    month = make_month()
    one = month["recon.costliest"].filter(unit="trace", team="payments").to_dicts()[0]
    budget = month["recon.budget"].to_dicts()[0]
    month = make_month(
        recon__costliest=[{**one, "rank": n, "trace_id": f"trace-{n}"} for n in range(1, 6)],
        recon__budget=[{**budget, "team": f"team-{n}"} for n in range(14)],
    )
    tables = MailReader(parts(mails(month)["index.eml"])[1])
    assert [row[0].split(" [")[0] for row in tables.tables["The costliest traces"][1:]] == [
        "trace-1", "trace-2", "trace-3",
    ]  # fmt: skip
    assert len(tables.tables["Budgets, US dollars"]) == 11
    assert "2 more traces in the full report." in tables.text
    assert "4 more budgets in the full report." in tables.text


def test_what_cannot_be_compared_takes_no_room(make_month) -> None:
    rows = [{**row, "prior_month": None} for row in make_month()["recon.variance"].to_dicts()]
    month = make_month(recon__variance=rows, recon__budget=[], recon__costliest=[])
    for mail in mails(month).values():
        for part in parts(mail):
            assert not re.search("(?i)against last month|budget|costliest traces", part)
