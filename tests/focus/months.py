"""A month of one account as small tables, as they come to FOCUS and to the journal."""

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from pipeline.charges.arrivals import Arrivals
from pipeline.period import Month
from pipeline.settings import Settings
from tests.focus.rows import frame

MONTH = Month.parse("2026-10")
SHARE: dict[str, Any] = {
    "view": "executing", "invoice_id": "INV", "category": "usage", "team": "red", "pool": "usage", "method": "direct",
    "method_details": "its own calls", "service_tier": "all",
}  # fmt: skip
CHARGE: dict[str, Any] = {
    "invoice_id": "INV",
    "category": "usage",
    "origin": "invoice",
    "service_tier": "all",
}
INVOICE: dict[str, Any] = {
    "invoice_id": "INV", "issuer": "OpenAI, LLC", "issued_on": date(2026, 11, 2), "currency": "USD", "category": "usage",
    "period_start_on": date(2026, 10, 1), "period_end_on": date(2026, 11, 1), "file_id": "f",
}  # fmt: skip
PER_TOKEN = Decimal("0.000003")


def tables(**rows: list[dict[str, Any]]) -> dict[str, pl.DataFrame]:
    """Recon tables and report.close by the last part of their name; what is not told is empty."""
    names = (
        "allocation",
        "charge",
        "price_effect",
        "expected_rate",
        "prepaid",
        "accrual",
        "bridge",
        "tieout",
    )
    found = {f"recon.{name}": frame(f"recon.{name}", rows.pop(name, [])) for name in names}
    assert not rows
    return found | {"report.close": frame("report.close", [{}])}


def arrivals(invoices: list[dict[str, Any]], files: pl.DataFrame | None = None, **settings: Any) -> Arrivals:
    lines = [INVOICE | {"line": number} | row for number, row in enumerate(invoices, 1)]
    nothing = frame("raw.file", [])
    return Arrivals(
        frame("raw.invoice", lines), nothing if files is None else files, Settings(**settings), MONTH
    )


def share(usd: object, **more: Any) -> dict[str, Any]:
    return SHARE | more | {"usd": Decimal(str(usd))}


NO_COST = frame("raw.cost", [])
