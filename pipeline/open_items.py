"""Open items: the findings of a month with class, owner and age, and those that earlier months still have."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import polars as pl

from pipeline.closing_settings import Closing, Resolution
from pipeline.period import Month
from pipeline.summary import INCOMPLETE
from schemas.report import OpenItem

_SCHEMA = pl.Schema(OpenItem.empty().schema)

TIMING = frozenset(
    {"invoice_awaited", "no_bill", "incomplete_export", "incomplete_cost_export", "long_period"}
)
"""Codes that time settles: each month has items of its own."""
ERRORS_OF_PROVIDERS = frozenset(
    {
        "cost_invoice_mismatch",
        "invoice_arithmetic",
        "invoice_restated",
        "shrinking_export",
        "groupings_disagree",
        "unit_error",
        "negative_quantity",
        "price_contract_not_applied",
        "price_lapsed_tier",
        "price_list_change",
        "price_unit",
        "price_wrong_kind",
        "price_wrong_model",
        "price_wrong_service_tier",
        "tax_off_base",
    }
)
UNEXPLAINED = frozenset({"unexplained_material", "unexplained_price"})
"""Codes of findings by class; every other code is for us to put right."""

_ABOUT = ("code", "provider", "account", "team", "subject")
_OPEN = ("open", "disputed")
_HINDER = INCOMPLETE | {"invoice_awaited"}
"""Codes that leave a part of the month unknown, so that it cannot be locked while they are open."""

_BUCKETS = ((30, "0-30"), (60, "31-60"), (90, "61-90"))


def open_items(month: Month, findings: pl.DataFrame, earlier: pl.DataFrame, rules: Closing) -> pl.DataFrame:
    """Return report.open_item of a month.

    `earlier` is the table of all months before. An item is carried into each later month for as long as the
    month that has it has it open; one that was settled since is shown once more, and then no longer.
    """
    own = _identified(findings)
    before = earlier.filter(pl.col("month") < str(month)).sort("month")
    first = dict(before.sort("month", descending=True).select("item_id", "first_month").rows())
    had = before.filter(~pl.col("is_carried") & pl.col("status").is_in(_OPEN))
    latest = {row["item_id"]: row for row in had.iter_rows(named=True)}
    mine = {row["item_id"] for row in own}
    last = before.filter(pl.col("month") == pl.col("month").max())
    shown = set(last.filter(pl.col("status").is_in(_OPEN))["item_id"])
    rows = [_told(row, month, first.get(row["item_id"], str(month)), rules) for row in own]
    for item_id, row in latest.items():
        told = _told(row, month, row["first_month"], rules, origin=row["month"])
        if item_id not in mine and (told["status"] in _OPEN or item_id in shown):
            rows.append(told)
    return pl.DataFrame(rows, schema=_SCHEMA).sort("is_carried", "severity", pl.all(), nulls_last=True)


def hindering(items: pl.DataFrame) -> pl.DataFrame:
    """Return the items because of which a month cannot be locked: its own, open, and grave."""
    grave = (pl.col("severity") == "error") | pl.col("code").is_in(_HINDER)
    return items.filter(grave & (pl.col("status") == "open") & ~pl.col("is_carried"))


def _identified(findings: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows with their ids; of several that are about the same, each has its place in the id."""
    seen: dict[tuple[str, ...], int] = {}
    rows = []
    for row in findings.sort(pl.all(), nulls_last=True).iter_rows(named=True):
        about = tuple(row[name] for name in _ABOUT)
        about += (row["month"],) if row["code"] in TIMING else ()
        seen[about] = nth = seen.get(about, 0) + 1
        digest = hashlib.sha256("\0".join([*about, str(nth)]).encode("utf-8", "replace"))
        rows.append({**row, "item_id": digest.hexdigest()[:12]})
    return rows


def _told(
    row: Mapping[str, Any], month: Month, first: str, rules: Closing, origin: str | None = None
) -> dict[str, Any]:
    age = _end(month) - _end(Month.parse(first))
    words = tuple(row[name] for name in ("code", "provider", "account", "team"))
    owner = next((rule.owner for rule in rules.owners if rule.fits(*words)), row["team"] or "unassigned")
    settled = _settled(row, words, origin or str(month), rules.resolutions)
    return {
        **row,
        "month": str(month),
        "item_class": item_class(row["code"]),
        "status": _status(row, settled),
        "owner": owner,
        "first_month": first,
        "age_days": age.days,
        "age_bucket": next((name for days, name in _BUCKETS if age.days <= days), "90+"),
        "is_carried": origin is not None,
        "resolution": f"{settled.resolution}: {settled.why}" if settled else None,
    }


def item_class(code: str) -> str:
    """Return the class of a finding: whose the difference is, or that time will settle it."""
    if code in TIMING or code == "restatement_candidate":
        return "timing"
    if code in ERRORS_OF_PROVIDERS:
        return "error_provider"
    return "unexplained" if code in UNEXPLAINED else "error_ours"


def _settled(
    row: Mapping[str, Any], words: tuple[str, ...], month: str, rules: Iterable[Resolution]
) -> Resolution | None:
    fitting = (
        rule
        for rule in rules
        if rule.fits(*words) and rule.item in (None, row["item_id"]) and rule.month in (None, month)
    )
    return next(fitting, None)


def _status(row: Mapping[str, Any], settled: Resolution | None) -> str:
    if settled:
        return "disputed" if settled.resolution == "disputed" else "resolved"
    return "noted" if row["severity"] == "note" and row["code"] not in _HINDER else "open"


def _end(month: Month) -> Any:
    return month.next.first_day - timedelta(days=1)
