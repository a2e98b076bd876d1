"""The one row that sums a close up, and the sentence that a reader sees first."""

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import polars as pl

from pipeline.allocating.teams import gross_by_team
from pipeline.headline import sentence, uncompared
from pipeline.money import CENT, quantize
from pipeline.period import Month
from pipeline.rates.list_prices import list_card
from pipeline.settings import Settings
from pipeline.variance.outcomes import ROWS
from schemas.report import Close

INCOMPLETE = {
    "quarantine",
    "incomplete_export",
    "incomplete_cost_export",
    "unmetered",
    "no_bill",
    "unknown_currency",
}
"""Findings that say that a part of the month is not known."""

_PRELIMINARY = {"invoice_awaited", "contract_overlap", "floor_not_judged", "old_price_list", "unpriced"}
"""Findings that say that figures may still change, though no record is missing."""

_STATED = {"provider", "account", "pulled_at"}
"""What the configuration says of the files of a source."""


def close_id(
    settings: Settings, month: Month, files: pl.DataFrame, outcomes: pl.DataFrame | None = None
) -> str:
    """Return the hash of inputs, configuration and version: the same inputs give the same id.

    Where files lie and what their sources are called does not count; whose they are said to be does, and so
    do the rows of the table of outcomes, which is read at each close.
    """
    stated = {source.name: source.model_dump_json(include=_STATED) for source in settings.sources}
    landed = files.filter(pl.col("duplicate_of").is_null()).select(
        "kind",
        "format",
        "file_id",
        "decoder",
        pl.col("source").replace_strict(stated, default="", return_dtype=pl.String),
    )
    facts = {
        "month": str(month),
        "version": version("tallystick"),
        "price_list": list_card(),
        "settings": settings.model_dump(
            mode="json",
            exclude={"root", "output", "sources", "s3", "landing", "schedule", "health", "delivery"},
        ),
        "files": sorted(landed.rows()),
    }
    if outcomes is not None and outcomes.height:
        facts["outcomes"] = outcomes.rows()
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def close_row(
    settings: Settings, month: Month, tables: Mapping[str, pl.DataFrame], price_card_version: str
) -> pl.DataFrame:
    """Return the row of report.close for a month's tables."""
    files = tables["raw.file"].filter(pl.col("duplicate_of").is_null())
    bridge, calls = tables["recon.bridge"], tables["core.call"]
    billed = tables["recon.tieout"].filter(pl.col("component") == "billed")["usd"]
    row: dict[str, Any] = {
        "month": str(month),
        "close_id": close_id(settings, month, tables["raw.file"], tables.get(ROWS)),
        "status": _status(tables["recon.finding"]),
        "version": version("tallystick"),
        "price_card_version": price_card_version,
        "input_files": files.height,
        **{name: int(files[name].sum()) for name in ("rows_read", "rows_kept", "rows_quarantined")},
        "span_count": tables["core.traced"].height,
        "call_count": calls.height,
        "calls_with_usage": calls.filter(
            pl.col("usage_quality").is_in(["absent", "false_zero"]).not_()
        ).height,
        "traced_tokens": _tokens(bridge, "traced"),
        "metered_tokens": int(bridge["tokens"].sum()),
        "unexplained_tokens": _tokens(bridge, "unexplained"),
        "gross_drift_tokens": int(gross_by_team(bridge)["gross_drift_tokens"].sum()),
        "billed_usd": Decimal(billed.sum()) if billed.len() else None,
    }
    row["headline"] = headline(settings.company, month, row, tables["report.team"])
    return pl.DataFrame([row], schema=pl.Schema(Close.empty().schema))


def headline(company: str, month: Month, row: Mapping[str, Any], teams: pl.DataFrame) -> str:
    """Return what was billed and what of it is unexplained; in tokens while there is no bill."""
    who, is_traced = f"{month.first_day:%B %Y}: {company}", bool(row["span_count"])
    if row["billed_usd"] is None:
        metered, rest = (Decimal(row[name]) for name in ("metered_tokens", "unexplained_tokens"))
        if not metered and not rest:
            return f"{who} has no bill and no metered tokens."
        opening = f"{who} has no bill yet; its meters count"
        if not is_traced:
            return uncompared(opening, metered, _tokens_told)
        return sentence(opening, metered, rest, _tokens_told)
    billed, rest = Decimal(row["billed_usd"]), Decimal(teams["unexplained_usd"].sum())
    if not is_traced:
        return uncompared(f"{who} was billed", quantize(billed, CENT))
    return sentence(f"{who} was billed", quantize(billed, CENT), quantize(rest, CENT))


def _tokens_told(count: Decimal) -> str:
    return f"{count:,} tokens"


def _tokens(bridge: pl.DataFrame, step: str) -> int:
    return int(bridge.filter(pl.col("step") == step)["tokens"].sum())


def _status(findings: pl.DataFrame) -> str:
    codes = set(findings["code"])
    if codes & INCOMPLETE:
        return "incomplete"
    return "preliminary" if codes & _PRELIMINARY else "complete"
