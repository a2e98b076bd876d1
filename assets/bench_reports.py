"""Rendering the pages of a month: how long two hundred teams take, and that memory and pages stay flat."""

import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple

import polars as pl
from rich.table import Table

from assets.bench_measure import Asked, Shown, apart, own_peak_bytes, verdict
from pipeline.causes import CAUSES
from pipeline.exports import write_files
from reports.mail import Letterhead
from reports.month import open_month
from reports.render import render_month
from reports.view import MaterialityText, cause_texts
from schemas.tables import BY_NAME, TABLES
from schemas.types import STEPS

GOAL = 30.0
"""Seconds for the pages of the largest month that are not to be exceeded."""

_TEAMS, _MODELS, _ROWS = 200, 30, 100
_KINDS = ("input_uncached", "cache_read", "output")
_MONTH = "2026-10"
_SENTENCE = (
    "reports: the index, a page for each team and one for each of its causes, rendered from tables in memory "
    f"and written to disk by one process. Each team has {_MODELS} models in three token kinds with all "
    "causes, and a hundred or a thousand rows of evidence for each of its causes. `above the tables` is "
    "peak memory less what the process held when the tables were made."
)


class Rendered(NamedTuple):
    """What rendering a month took."""

    teams: int
    evidence_rows: int
    pages: int
    html_bytes: int
    largest_bytes: int
    """Of the largest page."""
    seconds: float
    cpu_seconds: float
    tables_bytes: int
    """Memory of the process before the first page."""
    peak_bytes: int

    @property
    def above_bytes(self) -> int:
        """Memory that rendering needed beside the tables."""
        return self.peak_bytes - self.tables_bytes


def run(asked: Asked) -> Iterator[Shown]:
    """Yield what rendering took: a quarter of the teams, all of them, and all with ten times the evidence."""
    teams = max(4, min(_TEAMS, asked.calls // 100))
    done = []
    for number, rows in ((teams // 4, _ROWS), (teams, _ROWS), (teams, 10 * _ROWS)):
        asked.tell(f"reports: {number} teams, {rows} rows a cause")
        done.append(apart(rendered, number, rows))
    seconds = max(each.seconds for each in done)
    told = {
        "benchmark": "reports",
        "goal": GOAL,
        "seconds": seconds,
        "months": [{**each._asdict(), "above_bytes": each.above_bytes} for each in done],
    }
    yield Shown(_table(done, seconds), (_SENTENCE,), told)


def _table(done: list[Rendered], seconds: float) -> Table:
    title = f"Pages of a month: {seconds:.1f} s, goal ≤ {GOAL:g} s: {verdict(seconds <= GOAL)}"
    shown = Table(title=title, title_justify="left")
    for name in (
        "teams",
        "evidence",
        "pages",
        "HTML",
        "largest page",
        "seconds",
        "CPU",
        "peak",
        "above the tables",
    ):
        shown.add_column(name, justify="right", no_wrap=True)
    for each in done:
        shown.add_row(
            f"{each.teams:,}", f"{each.evidence_rows:,}", f"{each.pages:,}", _mib(each.html_bytes),
            f"{each.largest_bytes / 1000:,.0f} kB", f"{each.seconds:.1f} s", f"{each.cpu_seconds:.1f} s",
            _mib(each.peak_bytes), _mib(each.above_bytes),
        )  # fmt: skip
    return shown


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"


def rendered(teams: int, rows: int) -> Rendered:
    """Render the month of so many teams, each cause of each with so many rows of evidence."""
    tables = month(teams, rows)
    before = own_peak_bytes()
    started, worked = perf_counter(), process_time()
    with tempfile.TemporaryDirectory(prefix="tallystick-") as name:
        materiality = MaterialityText(Decimal(100), Decimal(3))
        whole = open_month(tables, cause_texts(CAUSES), "Company", materiality)
        pages = write_files(render_month(whole, Letterhead()), Path(name))
        seconds, cpu = perf_counter() - started, process_time() - worked
        sizes = [(Path(name) / page).stat().st_size for page in pages]
    evidence = tables["recon.evidence"].height
    return Rendered(
        teams, evidence, len(pages), sum(sizes), max(sizes), seconds, cpu, before, own_peak_bytes()
    )


def month(teams: int, rows: int) -> dict[str, pl.DataFrame]:
    """Return the tables of a made month; the teams add up to its bridge and to its bills."""
    bridge = _bridge(teams)
    made = {
        "recon.bridge": bridge,
        "recon.evidence": _evidence(teams, rows),
        "recon.tieout": _tieout(bridge),
        "report.team": _teams(bridge),
        "report.close": _close(bridge),
    }
    return {
        table.name: made.get(table.name, pl.DataFrame(schema=table.schema))
        .select(table.schema.names())
        .cast(table.schema)
        for table in TABLES
    }


def _names(prefix: str, count: int) -> pl.DataFrame:
    return pl.DataFrame({prefix: [f"{prefix}-{number}" for number in range(count)]})


def _bridge(teams: int) -> pl.DataFrame:
    steps = pl.DataFrame({"step": [step for step in STEPS if step != "unexplained"] + ["unexplained"]})
    kinds = pl.DataFrame({"token_kind": _KINDS})
    rows = _names("team", teams).join(_names("model", _MODELS), how="cross")
    rows = rows.join(kinds, how="cross").join(steps, how="cross").with_row_index("n")
    size = (pl.col("n").cast(pl.Int64) * 7919 % 10_007 + 1) * 10
    tokens = pl.when(step="traced").then(size * 100).when(step="duplicate_spans").then(-size).otherwise(size)
    fixed = {"month": _MONTH, "provider": "openai", "account": "org", "scope": "org/all", "feature": ""}
    return rows.with_columns(
        *(pl.lit(value).alias(name) for name, value in fixed.items()),
        pl.lit("standard").alias("service_tier"),
        pl.format("service-{}", pl.col("n") % 5).alias("service"),
        tokens.alias("tokens"),
        (tokens - size // 4).alias("tokens_low"),
        (tokens + size // 4).alias("tokens_high"),
        (tokens.cast(pl.Decimal(38, 12)) * Decimal("0.000003")).cast(pl.Decimal(38, 12)).alias("usd"),
        pl.lit("estimated").alias("basis"),
        pl.lit(3, pl.Int64).alias("evidence_count"),
    )


def _evidence(teams: int, rows: int) -> pl.DataFrame:
    steps = pl.DataFrame({"step": [step for step in STEPS if step not in ("traced", "unexplained")]})
    made = _names("team", teams).join(steps, how="cross").join(pl.DataFrame({"k": range(rows)}), how="cross")
    made = made.with_row_index("n")
    tokens = pl.col("n").cast(pl.Int64) * 7919 % 10_007 + 1
    return made.with_columns(
        pl.lit(_MONTH).alias("month"),
        pl.col("n").hash(1).cast(pl.String).str.pad_start(32, "0").alias("trace_id"),
        pl.col("n").cast(pl.String).str.pad_start(16, "0").alias("span_id"),
        tokens.alias("tokens"),
        (tokens.cast(pl.Decimal(38, 12)) * Decimal("0.000003")).cast(pl.Decimal(38, 12)).alias("usd"),
        pl.lit("a rule that made the claim").alias("reason"),
    )


def _tieout(bridge: pl.DataFrame) -> pl.DataFrame:
    usd = bridge["usd"].sum()
    return pl.DataFrame(
        {"month": _MONTH, "provider": "openai", "account": "org", "invoice_id": "1",
         "component": ["metered_at_expected_rate", "billed"], "usd": [usd, usd]}
    )  # fmt: skip


def _teams(bridge: pl.DataFrame) -> pl.DataFrame:
    def of(column: str, step: str) -> pl.Expr:
        return pl.col(column).filter(pl.col("step") == step).sum()

    named = ~pl.col("step").is_in(["traced", "unexplained"])
    return bridge.group_by("month", "team").agg(
        *(of("tokens", step).alias(f"{step}_tokens") for step in ("traced", "unexplained")),
        *(of("usd", step).alias(f"{step}_usd") for step in ("traced", "unexplained")),
        *(pl.col(column).filter(named).sum().alias(f"explained_{column}") for column in ("tokens", "usd")),
        pl.col("tokens").sum().alias("metered_tokens"),
        pl.col("tokens").abs().filter(pl.col("step") != "traced").sum().alias("gross_drift_tokens"),
        pl.col("usd").sum().alias("billed_usd"),
        pl.lit(value=False).alias("is_pool"),
        pl.lit(1000, pl.Int64).alias("call_count"),
        pl.lit(0, pl.Int64).alias("unpriced_tokens"),
    )


def _close(bridge: pl.DataFrame) -> pl.DataFrame:
    schema = BY_NAME["report.close"].schema
    told: dict[str, object] = {"month": _MONTH, "close_id": "0" * 16, "status": "complete", "version": "0"}
    told |= {"headline": "", "price_card_version": "none", "billed_usd": bridge["usd"].sum()}
    return pl.DataFrame([{name: told.get(name, 0) for name in schema}], schema=schema)
