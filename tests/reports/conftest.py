"""A small month written by hand: three teams and two pools, two providers, every kind of trouble once."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from reports.mail import Letterhead
from reports.month import open_month
from reports.render import render_month
from reports.view import CauseText, MaterialityText
from schemas.tables import BY_NAME

MONTH = "2026-10"
SAMPLE = Path(__file__).parent / "sample"
Rows = list[dict[str, Any]]

CAUSES = (
    CauseText(
        "duplicate_spans",
        "Spans exported more than once",
        "The traces hold these tokens twice, so that they read higher than the provider's meter.",
        "Switch off one of the two instrumentations on the same client, or the second exporter.",
    ),
    CauseText(
        "cache_convention",
        "Cached tokens counted as another kind",
        "The span does not say which part of the input came from the cache; its sum is right, its price not.",
        "Upgrade the instrumentation to a version that records cache reads and writes.",
    ),
    CauseText(
        "missing_usage",
        "Usage never recorded",
        "The call finished and was billed, but its span carries no token counts.",
        "Ask for usage in streamed answers (stream_options.include_usage = true).",
    ),
    CauseText(
        "uninstrumented",
        "Traffic without spans",
        "A key, project or job that sends no traces at all.",
        "Instrument the job behind the key, or give the key to a team in tallystick.toml.",
    ),
)
MATERIALITY = MaterialityText(Decimal(100), Decimal(3))


def parse(name: str, **fixed: Any) -> Rows:
    """A text table of the sample as rows of strings; an empty cell is null."""
    text = (SAMPLE / f"{name}.txt").read_text("utf-8")
    head, *rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()]
    return [
        {**fixed, "month": MONTH, **dict(zip(head, [c or None for c in row], strict=True))} for row in rows
    ]


def table(name: str, rows: Rows) -> pl.DataFrame:
    """Rows as a frame of the contract; a column that is not given is null."""
    schema = BY_NAME[name].schema
    columns = {column: [_typed(row.get(column), kind) for row in rows] for column, kind in schema.items()}
    return pl.DataFrame(columns, schema=schema)


def _typed(cell: Any, kind: pl.DataType) -> Any:
    if not isinstance(cell, str) or kind == pl.String:
        return cell
    if isinstance(kind, pl.Decimal):
        return Decimal(cell)
    return cell == "true" if kind == pl.Boolean else int(cell)


def bridge_rows() -> Rows:
    found = []
    for row in parse("bridge", scope="all", service_tier="standard", feature=""):
        provider = ("anthropic", "acme-prod") if row["model"] == "sonnet-5" else ("openai", "org-acme")
        tokens = int(row["tokens"])
        low, high = (
            (tokens * 9 // 10, tokens * 11 // 10) if row["step"] == "missing_usage" else (tokens, tokens)
        )
        basis = {"missing_usage": "estimated", "unexplained": "allocated"}.get(row["step"], "exact")
        interval = {"tokens": tokens, "tokens_low": low, "tokens_high": high, "basis": basis}
        usd = row["usd"] and Decimal(row["usd"])
        owner = {"provider": provider[0], "account": provider[1], "evidence_count": int(row.pop("spans"))}
        found.append({**row, **owner, **interval, "usd": usd})
    return found


def team_rows(bridge: Rows) -> Rows:
    """Traced, explained and unexplained make billed; over all teams that is 12,194.40."""
    found = []
    for row in parse("team"):
        mine = [each for each in bridge if each["team"] == row["team"]]
        sums = {
            "traced_tokens": sum(each["tokens"] for each in mine if each["step"] == "traced"),
            "metered_tokens": sum(each["tokens"] for each in mine),
            "gross_drift_tokens": sum(abs(each["tokens"]) for each in mine if each["step"] != "traced"),
            "unpriced_tokens": sum(each["tokens"] for each in mine if each["usd"] is None),
        }
        money = {name: Decimal(row[name]) for name in ("billed_usd", "explained_usd")}
        found.append({**row, **sums, **money})
    return found


def close_row(**changes: Any) -> dict[str, Any]:
    counts = {"call_count": 444200, "calls_with_usage": 439580, "gross_drift_tokens": 1686700000}
    told = {"headline": "", "price_card_version": "genai-prices 0.2.3"}
    return {**parse("close")[0], **counts, **told, "billed_usd": Decimal("12194.40"), **changes}


def evidence_rows() -> Rows:
    fixed = {"month": MONTH, "step": "duplicate_spans", "team": "payments", "reason": "same span id twice"}
    return [
        {
            **fixed,
            "trace_id": f"{i:032x}",
            "span_id": f"{i:016x}",
            "tokens": -1000 * i,
            "usd": Decimal(-i) / 800,
        }
        for i in range(1, 9)
    ]


def anatomy_rows() -> Rows:
    """Serving and evaluation of two teams; the embeddings of search have no price."""
    owner = {"provider": "openai", "account": "org-acme", "model": "m", "basis": "exact", "reason": "r"}
    rows = [
        ("payments", "serving", 900, 10, 4_000_000, "60.004"),
        ("payments", "evaluation", 100, 0, 1_000_000, "20.003"),
        ("search", "serving", 50, 0, 500_000, "20.003"),
        ("search", "embedding", 7, 0, 30_000, None),
    ]
    names = ("team", "workload", "calls", "calls_without_usage", "tokens", "usd")
    return [{"month": MONTH, "service": "s", **owner, **dict(zip(names, row, strict=True))} for row in rows]


def variance_rows() -> Rows:
    """Two teams in cents that do not fall evenly; a model is new, one is gone, one lost its price."""
    place = {
        "provider": "openai",
        "account": "org-acme",
        "service_tier": "standard",
        "prior_month": "2026-09",
    }
    tokens = {"prior_tokens": 10, "tokens": 10, "prior_unpriced_tokens": 0, "unpriced_tokens": 0}
    names = ("team", "model", "line", "prior_usd", "price_usd", "cache_hit_usd", "mix_usd", "volume_usd",
             "unpriced_usd", "usd")  # fmt: skip
    rows = [
        ("payments", "m1", "both", "100.004", "1.003", "-2.004", "0.502", "10.001", "0", "109.506"),
        ("payments", "m2", "new", "0", "0", "0", "0", "20.003", "0", "20.003"),
        ("search", "m1", "both", "50.005", "0", "0", "-0.5", "-10.005", "-0.333", "39.167"),
        ("search", "m3", "gone", "5.001", "0", "0", "0", "-5.001", "0", "0"),
    ]
    return [{**place, **tokens, **dict(zip(names, row, strict=True))} for row in rows]


def budget_rows() -> Rows:
    names = ("team", "budget_usd", "billed_usd", "awaited_usd", "allocated_usd", "projected_usd", "left_usd",
             "over_usd", "days_elapsed")  # fmt: skip
    rows = [
        ("payments", "4000", "4212.82", "0", "4212.82", "5441.56", "-212.82", "1441.56", 24),
        ("search", "800", "584.20", "20", "604.20", "780.43", "195.80", "-19.57", 24),
        ("assistants", "7000", "6870.54", "0", "6870.54", "8874.45", "129.46", "1874.45", 24),
    ]
    days = {"days_in_month": 31, "awaited_unpriced_tokens": 0}
    return [{**days, **dict(zip(names, row, strict=True))} for row in rows]


def unit_rows() -> Rows:
    names = ("unit", "level", "team", "feature", "count", "priced_count", "usd", "usd_mean", "usd_p50", "usd_p95",
             "usd_p99", "usd_max")  # fmt: skip
    rows = [
        ("call", "all", "all", "all", 1057, 1040, "100.01", "0.0961634615", "0.05", "0.9", "1.5", "12.345"),
        ("task", "all", "all", "all", 50, 50, "75", "1.5", "1", "4", "5", "6"),
        ("resolved_task", "all", "all", "all", 30, 30, "60", "2", "2", "4", "5", "6"),
        ("call", "team", "payments", "all", 1000, 1000, "80.007", "0.080007", "0.04", "0.8", "1.2", "12.345"),
        ("feature", "feature", "payments", "refund", 9, 9, "9", "1", "1", "1", "1", "1"),
        ("call", "team", "search", "all", 57, 0, None, None, None, None, None, None),
    ]
    fixed = {"model": "all", "unrecorded_count": 10, "unpriced_count": 7, "calls": 1, "tokens": 9, "tokens_p50": 4,
             "tokens_p95": 70_000, "tokens_p99": 70_000, "tokens_max": 70_000}  # fmt: skip
    return [{**fixed, **dict(zip(names, row, strict=True))} for row in rows]


def costliest_rows() -> Rows:
    fixed = {"team": "payments", "service": "s", "model": "m", "workload": "serving", "unpriced_tokens": 0}
    call = {**fixed, "unit": "call", "calls": 1, "tokens": 90_000}
    calls = [
        {
            **call,
            "rank": i,
            "trace_id": f"{i + 192:032x}",
            "span_id": f"{i + 192:016x}",
            "usd": Decimal(13 - i),
        }
        for i in range(1, 13)
    ]
    trace = {**fixed, "unit": "trace", "rank": 1, "trace_id": f"{193:032x}", "model": None, "workload": None}
    unknown = {**trace, "team": "search", "calls": 2, "tokens": 7, "unpriced_tokens": 7, "usd": None}
    return [*calls, {**trace, "calls": 40, "tokens": 95_000, "usd": Decimal("12.5")}, unknown]


def finding_rows() -> Rows:
    return [{**row, "team": row["team"] or ""} for row in parse("finding", account="")]


def item_rows() -> Rows:
    """Each finding as an item that is open, seen first this month."""
    fixed = {"item_class": "error_ours", "status": "open", "owner": "finance", "first_month": MONTH}
    aged = {"age_days": 0, "age_bucket": "0-30", "is_carried": False}
    return [{**row, **fixed, **aged, "item_id": f"{i:012x}"} for i, row in enumerate(finding_rows())]


def rate_rows() -> Rows:
    """Two rates of missing usage, and one of another cause."""
    fixed = {"month": MONTH, "prior": 1.0, "prior_error": 0.5, "posterior": 1.25, "posterior_error": 0.125,
             "low": 0.1, "high": 9.0, "buckets": 31, "is_separable": True}  # fmt: skip
    return [
        {**fixed, "rate": "size/missing_usage/chat", "steps": "missing_usage", "full_tokens": 1000},
        {**fixed, "rate": "size/both/chat", "steps": "missing_usage, retries", "full_tokens": 5000},
        {**fixed, "rate": "billed/openai/timeout", "steps": "retries", "full_tokens": 9000},
    ]


def quarantine_rows() -> Rows:
    not_json, negative = parse("quarantine", source="traces", uri="traces/a.jsonl", file_id="aa")
    return [{**row, "line": 100 + i} for i, row in enumerate([not_json] * 20 + [negative] * 3)]


def file_rows() -> Rows:
    rows = parse("file", size_bytes=10, pulled_at=datetime(2026, 11, 2, tzinfo=UTC), decoder="1")
    return [*rows[:2], {**rows[2], "duplicate_of": "traces/a.jsonl"}]


@pytest.fixture
def make_month() -> Callable[..., dict[str, pl.DataFrame]]:
    """A function that makes the sample month; tables can be replaced by rows of one's own."""

    def make(**replaced: Rows) -> dict[str, pl.DataFrame]:
        bridge = bridge_rows()
        rows = {
            "recon.bridge": bridge,
            "recon.tieout": parse("tieout"),
            "recon.evidence": evidence_rows(),
            "recon.anatomy": anatomy_rows(),
            "recon.allocation": [],
            "recon.compaction": [],
            "recon.history": [],
            "recon.variance": variance_rows(),
            "recon.budget": budget_rows(),
            "recon.unit_cost": unit_rows(),
            "recon.costliest": costliest_rows(),
            "recon.finding": finding_rows(),
            "recon.unmetered": parse("unmetered", scope="unknown", service_tier="all"),
            "recon.expected_rate": parse("expected_rate", service_tier="standard"),
            "core.unmapped": parse("unmapped"),
            "recon.rate": rate_rows(),
            "report.team": team_rows(bridge),
            "report.close": [close_row()],
            "report.closing": [],
            "report.restatement": [],
            "report.open_item": item_rows(),
            "raw.file": file_rows(),
            "raw.quarantine": quarantine_rows(),
        }
        rows.update({name.replace("__", "."): value for name, value in replaced.items()})
        return {name: table(name, [{"month": MONTH, **row} for row in each]) for name, each in rows.items()}

    return make


VOID = {"meta", "br", "link", "img", "input", "hr"}


class Reader(HTMLParser):
    """A page read back: balanced tags, the attributes of all of them, tables as rows of cells."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.text = ""
        self.row: list[str] | None = None
        self.cell = 0
        self.section = ""
        self.feed(html)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)
        if tag == "section":
            self.section = dict(attrs).get("id") or "answer"
        if tag == "tr":
            self.row = []
            self.tables.setdefault(self.section, []).append(self.row)
        if tag in ("td", "th") and self.row is not None:
            self.cell = len(self.row)
            self.row += [""] * int(dict(attrs).get("colspan") or 1)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.stack):
            self.text += data.replace("\N{WORD JOINER}", "")
        if self.row and {"td", "th"} & set(self.stack[-4:]) and "svg" not in self.stack:
            self.row[self.cell] += data


def dollars(text: str) -> Decimal:
    """The amount that a person reads in a cell; what has no price counts nothing."""
    number = (
        text.replace(" + unpriced", "").replace("−", "-").replace("$", "").replace(",", "").replace("+", "")
    )
    return Decimal(0) if text.startswith("no price") or text == "–" else Decimal(number)


@pytest.fixture
def read() -> type[Reader]:
    return Reader


@pytest.fixture
def render() -> Callable[..., dict[str, str]]:
    def pages(tables: Mapping[str, pl.DataFrame], **changes: Any) -> dict[str, str]:
        company, materiality = changes.get("company", "Acme"), changes.get("materiality", MATERIALITY)
        files = render_month(open_month(tables, CAUSES, company, materiality), Letterhead())
        return {path: text for path, text in files if path.endswith(".html")}

    return pages


@pytest.fixture
def whole() -> Callable[[Mapping[str, str]], dict[str, str]]:
    """A function that leaves the pages of causes out."""
    return lambda pages: {path: html for path, html in pages.items() if path.count("/") < 2}


@pytest.fixture
def amount() -> Callable[[str], Decimal]:
    return dollars


@pytest.fixture
def close() -> Callable[..., dict[str, Any]]:
    return close_row


@pytest.fixture
def bridge() -> list[dict[str, Any]]:
    return bridge_rows()


@pytest.fixture
def teams(bridge: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return team_rows(bridge)
