"""What the pages say and how they are made."""

import random
import re
from base64 import b64encode
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from reports.view import MaterialityText

STYLE = Path(__file__).parents[2] / "reports" / "templates" / "style.css"


def test_there_is_an_index_and_a_page_for_each_team_and_pool(make_month, render, whole) -> None:
    assert sorted(whole(render(make_month()))) == [
        "index.html", "teams/assistants.html", "teams/payments.html", "teams/search.html",
        "teams/uninstrumented.html", "teams/unowned.html",
    ]  # fmt: skip


def test_the_headline_says_it_in_words(make_month, render, read) -> None:
    pages = render(make_month())
    assert (
        "October 2026: payments was billed $4,212.82, of which $17.01 (0.4\N{NO-BREAK SPACE}%) "
        "is unexplained."
    ) in read(pages["teams/payments.html"]).text
    assert (
        "October 2026: Acme was billed $12,194.40, of which $87.00 (0.7\N{NO-BREAK SPACE}%) is unexplained."
    ) in read(pages["index.html"]).text


def test_the_index_opens_with_the_headline_that_was_published(make_month, render, close) -> None:
    html = render(make_month(report__close=[close(headline="Published words.")]))["index.html"]
    assert '<h1 id="headline">Published words.</h1>' in html


def test_the_largest_cause_and_its_advice_come_first(make_month, render, read) -> None:
    text = read(render(make_month())["index.html"]).text
    now = text[text.index("What to do now") : text.index("The bridge")]
    assert (
        "Cached tokens counted as another kind (−$1,890.00) is the largest difference between traces and meters."
        in now
    )
    assert "Upgrade the instrumentation" in now
    assert "Signs ignored, $97.02 is unexplained (0.8\N{NO-BREAK SPACE}% of the total): not material" in now


def test_the_unexplained_is_the_thing_to_do_when_it_is_material_and_largest(make_month, render, read) -> None:
    pages = render(make_month(), materiality=MaterialityText(Decimal(50), Decimal(3)))
    text = read(pages["teams/unowned.html"]).text
    assert "Unexplained (+$75.00) is the largest difference" in text
    assert "Signs ignored, $75.00 is unexplained (33.0\N{NO-BREAK SPACE}% of the total): material" in text


@pytest.mark.parametrize(("amount", "is_material"), [("99.99", False), ("100", True), ("-100", True)])
def test_material_is_what_reaches_both_bounds(amount: str, is_material: bool) -> None:
    text = MaterialityText(Decimal(100), Decimal(3))
    assert text.is_reached_by(Decimal(amount), Decimal(1000)) is is_material
    assert not text.is_reached_by(Decimal(amount), Decimal(10_000))


def test_unowned_comes_before_other_pools_and_pools_before_teams(make_month, render, read) -> None:
    names = [row[0] for row in read(render(make_month())["index.html"]).tables["teams"][1:]]
    assert names == [
        "Pools, not owned by a team", "unowned", "uninstrumented",
        "Teams", "assistants", "payments", "search", "All",
    ]  # fmt: skip


def test_a_missing_price_is_said_and_never_zero(make_month, render, read) -> None:
    for path in ("index.html", "teams/search.html"):
        page = read(render(make_month())[path])
        row = next(row for row in page.tables["models"] if row[0].startswith("gpt-6-nano"))
        assert row[6] == "no price known"
        assert "Some tokens have no known price." in page.text
        assert "gpt-6-nano (openai, tier standard): 9.50\N{NO-BREAK SPACE}M metered tokens" in page.text


def test_what_nobody_meters_needs_no_price(make_month, render, read, bridge) -> None:
    own = {**bridge[0], "model": "llama", "tokens": 500, "usd": None}
    away = {**own, "step": "not_billed", "tokens": -500}
    priced = [row for row in bridge if row["usd"] is not None]
    index = read(render(make_month(recon__bridge=[*priced, own, away]))["index.html"])
    rows = {row[0]: row[1] for row in index.tables["bridge"][1:]}
    assert rows["Traced"].endswith("+ unpriced")
    assert rows["Metered"] == "$12,297.01"
    assert "Some tokens have no known price." not in index.text


def test_reasons_of_evidence_are_in_words(make_month, render, read) -> None:
    month = make_month()
    codes = month["recon.evidence"].with_columns(reason=pl.lit("second_instrumentation"))
    text = read(render({**month, "recon.evidence": codes})["index.html"]).text
    assert "a second instrumentation reports the same call" in text
    assert "second_instrumentation" not in text


def test_a_kind_without_any_token_has_no_row(make_month, render, read, bridge) -> None:
    nothing = {"token_kind": "cache_read", "tokens": 0, "tokens_low": 0, "tokens_high": 0, "usd": None}
    month = make_month(recon__bridge=[*bridge, {**bridge[0], **nothing}])
    assert render(month) == render(make_month())


def test_a_team_without_any_price_is_drawn_in_tokens(make_month, render, read, bridge, close) -> None:
    for row in bridge:
        row["usd"] = None
    month = make_month(recon__bridge=bridge, recon__tieout=[], report__close=[close(billed_usd=None)])
    page = read(render(month)["teams/payments.html"])
    assert "Drawn in tokens, because no price is known." in page.text
    assert "no price known" in page.text
    assert "$0.00" not in page.text[page.text.index("The bridge") : page.text.index("Data quality")]


def test_a_month_without_a_bill_says_so(make_month, render, read, close) -> None:
    pages = render(make_month(recon__tieout=[], report__close=[close(billed_usd=None, status="preliminary")]))
    index = read(pages["index.html"]).text
    assert "Acme has no bill yet; metered tokens come to $12,297.01, of which $87.00" in index
    assert "This month is preliminary" in index
    assert "No invoice and no cost export has come for this month." in index


def test_an_incomplete_month_says_so_on_every_page(make_month, render, read, close) -> None:
    assert not any("incomplete" in read(html).text for html in render(make_month()).values())
    pages = render(make_month(report__close=[close(status="incomplete")]))
    for html in pages.values():
        text = read(html).text
        assert "This month is incomplete" in text
        assert "23 records of 512,904 could not be read and wait in quarantine." in text


def test_a_month_that_is_incomplete_without_quarantine_does_not_speak_of_it(
    make_month, render, read, close
) -> None:
    closed = [close(status="incomplete", rows_quarantined=0)]
    text = read(render(make_month(report__close=closed))["index.html"]).text
    assert "figures may still change. Data quality says what is missing" in text


@pytest.mark.parametrize("is_closed", [True, False])
def test_an_empty_month_renders(make_month, render, read, close, is_closed: bool) -> None:
    counts = ["input_files", "rows_read", "rows_kept", "rows_quarantined", "span_count", "call_count",
              "calls_with_usage", "gross_drift_tokens"]  # fmt: skip
    month = {name: frame.clear() for name, frame in make_month().items()}
    if is_closed:
        month["report.close"] = make_month(
            report__close=[close(**dict.fromkeys(counts, 0), billed_usd=None)]
        )["report.close"]
    pages = render(month)
    assert list(pages) == ["index.html"]
    text = read(pages["index.html"]).text
    assert "Acme has no bill and no metered tokens." in text
    assert "No dollar is unexplained." in text


def test_row_order_does_not_show(make_month, render) -> None:
    month = make_month()
    expected = render(month)
    for seed in range(3):
        shuffled = {
            name: frame[random.Random(seed).sample(range(frame.height), frame.height)]  # noqa: S311
            for name, frame in month.items()
        }
        assert render(shuffled) == expected


def test_quarantine_shows_examples_of_every_reason_and_counts_the_rest(make_month, render, read) -> None:
    page = read(render(make_month())["index.html"])
    assert "not_json, 20 records." in page.text
    assert "negative_count, 3 records." in page.text
    assert "17 more records in quarantine.csv." in page.text
    assert "5 more rows in evidence.csv." in page.text


def test_the_method_names_prices_close_and_version(make_month, render, read) -> None:
    text = read(render(make_month())["teams/payments.html"]).text
    assert "1 rate from genai-prices 0.2.3; 1 rate unknown: not in genai-prices 0.2.3." in text
    assert "c7f41a90be22d3a1" in text
    assert "by the methods of the allocation" in text


def test_a_team_sees_its_own_findings_and_no_other_team(make_month, render, read) -> None:
    pages = render(make_month())
    assert "gpt-6-nano has no price" in read(pages["teams/search.html"]).text
    assert "gpt-6-nano has no price" not in read(pages["teams/payments.html"]).text


def hostile(rows, team: str, service: str):
    return [{**row, "team": team, "service": service} if row["team"] == "payments" else row for row in rows]


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "../../etc/passwd", '"><img src=x onerror=a>', "{{ 7*7 }}"]
)
def test_hostile_names_are_escaped_and_stay_in_the_folder(name, make_month, render, read, bridge) -> None:
    service = 'o\'neill "quoted" <i>&amp;'
    month = make_month(recon__bridge=hostile(bridge, name, service))
    names = pl.col("team").replace({"payments": name})
    month["report.team"] = month["report.team"].with_columns(names)
    month["raw.quarantine"] = month["raw.quarantine"].with_columns(
        pl.lit(name).alias(column) for column in ("uri", "code", "reason", "advice")
    )
    usual = {tag for html in render(make_month()).values() for tag, _ in read(html).tags}
    pages = render(month, company=name)
    assert len(pages) == len(render(make_month()))
    assert all(re.fullmatch(r"index\.html|teams/[a-z0-9-]+(/[a-z_]+)?\.html", path) for path in pages)
    for html in pages.values():
        page = read(html)
        assert {tag for tag, _ in page.tags} <= usual
        assert not any(key.startswith("on") for _, attrs in page.tags for key in attrs)
        assert name in page.text
    assert any(service in read(html).text for html in pages.values())


def test_pages_load_nothing_and_run_one_script_that_they_name_by_its_hash(make_month, render, read) -> None:
    for html in render(make_month()).values():
        page = read(html)
        assert not {"link", "img", "iframe", "object"} & {tag for tag, _ in page.tags}
        (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
        assert [attrs for tag, attrs in page.tags if tag == "script"] == [{}]
        digest = b64encode(sha256(script.encode()).digest()).decode()
        assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}';" in html
        assert "http://" not in html
        assert "https://" not in html
        assert not re.search(r"@import|url\((?!#)", html)


def test_pages_can_be_read_without_seeing_them(make_month, render, read) -> None:
    for html in render(make_month()).values():
        page = read(html)
        tags = [tag for tag, _ in page.tags]
        ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
        assert len(ids) == len(set(ids))
        assert tags.count("table") == tags.count("caption")
        assert all("scope" in attrs for tag, attrs in page.tags if tag == "th")
        assert {"header", "nav", "main", "footer", "h1"} <= set(tags)
        links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
        assert all(link[1:] in ids for link in links if link.startswith("#"))
        named = [attrs["aria-labelledby"].split() for _, attrs in page.tags if "aria-labelledby" in attrs]
        assert all(name in ids for names in named for name in names)


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(d * 2 for d in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_has_contrast_in_light_dark_and_print() -> None:
    roots = re.findall(r":root \{(.*?)\}", STYLE.read_text("utf-8"), re.DOTALL)
    assert len(roots) == 3
    for root in roots:
        colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+)", root))
        pairs = [(a, b) for a in ("ink", "soft", "accent", "up", "down", "rest") for b in ("paper", "wash")]
        for front, back in [*pairs, ("ink", "alarm-wash"), ("alarm", "alarm-wash"), ("alarm", "paper")]:
            light, dark = sorted((luminance(colours[front]), luminance(colours[back])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (front, back)


def test_forty_teams_and_thirty_models_stay_below_the_size_bound(
    make_month, render, whole, bridge, teams
) -> None:
    rows = [
        {**row, "team": f"team-{t}", "service": f"service-{t}-{s}", "model": f"model-{s}", "account": f"a{t}"}
        for t in range(40) for s in range(30) for row in bridge[:4]
    ]  # fmt: skip
    every = [{**teams[0], "team": f"team-{t}"} for t in range(40)]
    month = make_month(recon__bridge=rows, report__team=every)
    month["raw.quarantine"] = pl.concat([month["raw.quarantine"]] * 200)
    pages = render(month)
    assert len(whole(pages)) == 41
    assert max(len(html.encode()) for html in pages.values()) < 300_000
    assert "18 more models, see <a" in pages["index.html"]
