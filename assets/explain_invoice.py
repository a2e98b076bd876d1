"""`tallystick explain --invoice`: what an invoice is made of, line by line, and what might explain a line."""

from decimal import Decimal
from typing import Any

import polars as pl

from pipeline.charges.cells import search_of
from pipeline.charges.line import Cell, Line
from pipeline.charges.search import Candidate, Unit
from pipeline.errors import ConfigError
from pipeline.money import CENT
from pipeline.period import Month
from pipeline.pricing import RateCard
from pipeline.providers import PROVIDERS
from pipeline.settings import Settings
from reports import format as fmt
from schemas.types import ALL, CHARGE_PARTS, FEE_KINDS

_MILLION = 1_000_000
_DETAIL = (
    "billed_on", "line_item", "fee_kind", "model", "service_tier", "token_kind", "quantity", "charge_class",
)  # fmt: skip


def of_invoice(charges: pl.DataFrame, invoice: str) -> pl.DataFrame:
    """Return the lines of an invoice, or of an account that awaits one.

    Raises:
        ConfigError: there is no such invoice; the message names those that there are.
    """
    name = pl.coalesce("invoice_id", "account")
    later = {"fee_kind": pl.String(), "idle_usd": pl.Decimal(38, 12)}  # published months of before lack them
    charges = charges.with_columns(
        pl.lit(None, dtype).alias(column) for column, dtype in later.items() if column not in charges.columns
    )
    rows = charges.filter(name == invoice).sort("provider", "account", "line_number")
    if rows.is_empty():
        known = ", ".join(fmt.label(value) for value in sorted(charges.select(name).to_series().unique()))
        raise ConfigError(f"The month has no invoice '{invoice}'. Known: {known or 'none'}.")
    return rows


def differing(rows: pl.DataFrame, limit: int) -> list[tuple[str, ...]]:
    """Return the lines whose billed is not the expected, the largest difference first, as cells."""
    size = (pl.col("billed_usd") - pl.col("expected_usd").fill_null(0)).abs()
    shown = rows.filter(size > 0).sort(size, -pl.col("line_number"), descending=True).head(limit)
    found: list[tuple[str, ...]] = []
    for row in shown.iter_rows(named=True):
        words = [str(row[name]) for name in ("model", "token_kind", "line_item") if row[name]]
        parts = [(name, row[f"{name}_usd"]) for name in CHARGE_PARTS[1:]]
        told = [f"{_part(name, row)} {fmt.exact_usd(usd)}" for name, usd in parts if usd]
        if row["idle_usd"]:
            told.append(f"of it idle {fmt.exact_usd(row['idle_usd'])}")
        figures = (fmt.exact_usd(row["expected_usd"]), fmt.exact_usd(row["billed_usd"]))
        found.append((str(row["line_number"]), " ".join(words), *figures, "; ".join(told)))
    return found


def fees(rows: pl.DataFrame) -> str:
    """Return what the fees of an invoice are for, as a sentence; empty where there are none."""
    sums = rows.filter(pl.col("fee_kind").is_not_null()).group_by("fee_kind").agg(pl.col("fee_usd").sum())
    known = dict(sums.rows())
    told = [f"{kind} {fmt.exact_usd(known[kind])}" for kind in FEE_KINDS if kind in known]
    return f"Fees: {'; '.join(told)}." if told else ""


def _part(name: str, row: dict[str, Any]) -> str:
    """Name of a part of a line; of a fee what it is for."""
    return f"fee ({row['fee_kind']})" if name == "fee" and row["fee_kind"] else name


def line_of(rows: pl.DataFrame, number: int) -> dict[str, Any]:
    """Return one line of an invoice.

    Raises:
        ConfigError: it has no line of that number.
    """
    found = rows.filter(line_number=number)
    if found.is_empty():
        raise ConfigError(f"It has lines 1 to {rows.height}, and no line {number}.")
    return found.row(0, named=True)


def facts(row: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what a line says and what it is made of, as pairs of words."""
    told = [(name, str(row[name])) for name in _DETAIL if row[name] is not None]
    for name in ("billed_unit_price", "expected_unit_price"):
        if row[name] is not None:
            told.append((f"{name}, a million tokens", f"{row[name] * _MILLION:f}".rstrip("0").rstrip(".")))
    if row["expected_origin"]:
        told.append(("expected_origin", row["expected_origin"]))
    parts = [(f"{name}_usd", row[f"{name}_usd"]) for name in (*CHARGE_PARTS, "billed")]
    told += [(name, f"{usd:f}") for name, usd in parts if usd]
    return told if row["idle_usd"] is None else [*told, ("idle_usd", f"{row['idle_usd']:f}")]


def tried(row: dict[str, Any], settings: Settings, month: Month, limit: int) -> list[Candidate]:
    """Return the rates that come nearest to what a line bills for its tokens; none for lines without any."""
    if not row["quantity"] or not row["model"] or not row["token_kind"] or row["expected_unit_price"] is None:
        return []
    frame = pl.DataFrame({"provider": [row["provider"]], "model": [row["model"]]})
    search = search_of(RateCard(settings, PROVIDERS), month, frame, frame.clear())
    amount = row["billed_usd"] - row["currency_usd"]
    is_cents = amount == round(amount, 2)
    line = Line({**row, "quantity_step": None}, amount, CENT if is_cents else Decimal(0))
    line.rate = row["expected_unit_price"]
    tier = "standard" if row["service_tier"] == ALL else row["service_tier"]
    part = Cell(row["model"], tier, row["token_kind"], row["billed_on"], row["quantity"], line.rate)
    hits, near = search.candidates(Unit(row["provider"], [line], [part]))
    return [*hits, *near][:limit]
