"""The dispute pack: for each provider a letter that can be sent, and its lines as CSV."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from pipeline.exports import inert
from reports import format as fmt
from reports.environment import environment
from reports.rounding import ZERO, cents
from reports.slugs import slugs

LISTED = 40
"""Sums in a letter; the CSV file has every line."""

WORDS: Mapping[str, str] = {
    "list_change": "List price of another day",
    "contract_not_applied": "Contract not applied",
    "lapsed_tier": "Tier of the contract not applied",
    "wrong_kind": "Tokens billed as another kind",
    "wrong_service_tier": "Tokens billed at another service tier",
    "wrong_model": "Tokens billed as another model",
    "unit": "Unit off by a power of ten",
    "quantity": "More or fewer tokens than metered",
    "tax": "Tax on another base",
    "unexplained_price": "A price that no known rate explains",
}


@dataclass(frozen=True)
class Sum:
    """The lines of a bill with one reason and one rule."""

    bill: str
    title: str
    rule: str
    method: str
    lines: int
    first: int | None
    usd: Decimal
    card: str


@dataclass(frozen=True)
class Letter:
    """What is put to one provider about one month."""

    company: str
    month: str
    provider: str
    name: str
    """Of the file, without its ending."""
    claims: list[Sum]
    questions: list[Sum]
    more: int
    total: Decimal
    asked: Decimal
    close: Mapping[str, Any]


def render_disputes(tables: Mapping[str, pl.DataFrame], company: str) -> dict[str, str]:
    """Return path -> text of `dispute/<provider>.csv` and `.txt`; nothing where nothing is claimed."""
    rows = tables["report.dispute"]
    close = next(tables["report.close"].iter_rows(named=True), {})
    names = slugs(rows["provider"].unique().sort())
    files: dict[str, str] = {}
    for provider, name in names.items():
        own = rows.filter(provider=provider)
        letter = _letter(own, company, name, close)
        files[f"dispute/{name}.txt"] = environment().get_template("dispute.txt.j2").render(letter=letter)
        files[f"dispute/{name}.csv"] = inert(own).write_csv()
    return files


def _letter(rows: pl.DataFrame, company: str, name: str, close: Mapping[str, Any]) -> Letter:
    claims, questions = (_sums(rows.filter(standing=standing)) for standing in ("claim", "question"))
    return Letter(
        company=company,
        month=str(rows["month"][0]),
        provider=str(rows["provider"][0]),
        name=name,
        claims=claims[:LISTED],
        questions=questions[:LISTED],
        more=len(claims[LISTED:]) + len(questions[LISTED:]),
        total=sum((each.usd for each in claims), ZERO),
        asked=sum((each.usd for each in questions), ZERO),
        close=close,
    )


def _sums(rows: pl.DataFrame) -> list[Sum]:
    keys = ["account", "invoice_id", "reason", "rule", "method"]
    sums = rows.group_by(keys).agg(
        pl.col("claim_usd").sum(),
        lines=pl.len(),
        first=pl.col("line_number").min(),
        card=pl.col("price_card").sort().first(),
    )
    ordered = sums.sort(pl.col("claim_usd").abs(), *keys, descending=[True, *[False] * 5], nulls_last=True)
    return [_sum(row) for row in ordered.iter_rows(named=True)]


def _sum(row: Mapping[str, Any]) -> Sum:
    invoice = f"invoice {fmt.label(row['invoice_id'])}" if row["invoice_id"] else "the cost export"
    return Sum(
        bill=f"{invoice} (account {fmt.label(row['account'])})",
        title=WORDS.get(row["reason"], fmt.label(row["reason"])),
        rule=fmt.label(row["rule"], 300),
        method=row["method"],
        lines=row["lines"],
        first=row["first"],
        usd=cents(row["claim_usd"]),
        card=fmt.label(row["card"] or "", 200),
    )
