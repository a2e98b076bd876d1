"""Bills of an account of Anthropic, its meter by day, and what must add up in a tie-out."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import Any

import polars as pl

from pipeline.tieout import Tied
from schemas.core import Billed

SONNET = "claude-sonnet-4-6"
LIST = {
    "input_uncached": "3", "cache_read": "0.3", "cache_write_5m": "3.75", "cache_write_1h": "6", "output": "15",
}  # fmt: skip
"""List prices of the model in dollars a million tokens: docs.anthropic.com, pricing."""

Row = dict[str, Any]


def rate(kind: str) -> Decimal:
    """The expected rate of a token, with the contract."""
    return Decimal(12 if kind == "output" else LIST[kind]) / 1_000_000


def meter(tokens: dict[str, int], days: int = 31) -> pl.DataFrame:
    """So many tokens of each kind on each of the first days, at the expected rate."""
    rows = [
        (
            "anthropic",
            "acme",
            SONNET,
            "standard",
            kind,
            date(2026, 10, 1) + timedelta(days=day),
            count,
            rate(kind),
            "card",
        )
        for day in range(days)
        for kind, count in tokens.items()
    ]
    names = [
        "provider",
        "account",
        "model",
        "service_tier",
        "token_kind",
        "billed_on",
        "tokens",
        "usd_per_token",
        "origin",
    ]
    return pl.DataFrame(rows, schema=names, orient="row").cast({"usd_per_token": pl.Decimal(38, 12)})


def line(amount: object, kind: str | None = None, **more: Any) -> Row:
    """A usage line of an invoice, in the words of core.billed."""
    blank = dict.fromkeys(Billed.empty().columns)
    told = {
        "month": "2026-10", "provider": "anthropic", "account": "acme", "origin": "invoice", "invoice_id": "INV",
        "category": "usage", "service_tier": "all", "currency": "USD", "file_id": "f", "line": 1, "position": 0,
        "model": SONNET if kind else None, "token_kind": kind, "amount": Decimal(str(amount)),
    }  # fmt: skip
    made = {**blank, **told, **more}
    return {**made, "amount_usd": more.get("amount_usd", made["amount"])}


def daily(kind: str, price: Callable[[date], Decimal], tokens: int, days: int = 31) -> list[Row]:
    """Lines of a cost export: one a day, with its quantity, at a price a million tokens."""
    found = []
    for day in (date(2026, 10, 1) + timedelta(days=n) for n in range(days)):
        amount = price(day) * tokens / 1_000_000
        found.append(
            line(amount, kind, origin="cost", invoice_id=None, billed_on=day, quantity=Decimal(tokens))
        )
    return found


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=pl.Schema(Billed.empty().schema), orient="row")


def assert_adds_up(found: Tied) -> None:
    with localcontext(prec=60):
        _adds_up(found)


def _adds_up(found: Tied) -> None:
    """Every line is the sum of its parts, its price of its effects, and the lines are the components."""
    others = {"billed_usd", "idle_usd"}
    parts = [name for name in found.charges.columns if name.endswith("_usd") and name not in others]
    effects: dict[Any, Decimal] = {}
    for row in found.effects.to_dicts():
        key = (row["provider"], row["account"], row["invoice_id"], row["line_number"])
        effects[key] = effects.get(key, Decimal(0)) + row["usd"]
    sums: dict[Any, Decimal] = {}
    names = {
        "expected": "metered_at_expected_rate", "fee": "fees", "minimum": "minimums", "credit": "credits",
        "discount": "credits",
    }  # fmt: skip
    for row in found.charges.to_dicts():
        place = (row["provider"], row["account"], row["invoice_id"])
        assert sum((row[name] or Decimal(0) for name in parts), Decimal(0)) == row["billed_usd"]
        assert effects.pop((*place, row["line_number"]), Decimal(0)) == row["price_usd"]
        for name in (*parts, "billed_usd"):
            short = name.removesuffix("_usd")
            key = (*place, names.get(short, short))
            sums[key] = sums.get(key, Decimal(0)) + (row[name] or Decimal(0))
    assert not effects
    wanted = {tuple(row[:4]): row[4] for row in found.tieout.drop("month").rows()}
    assert sums == wanted


def effects_of(found: Tied) -> dict[str, Decimal]:
    """Dollars by effect, without what is smaller than a cent."""
    sums = found.effects.filter(pl.col("effect") != "rounding").group_by("effect").agg(pl.col("usd").sum())
    return {effect: usd.normalize() for effect, usd in sums.sort("effect").rows()}


def part(found: Tied, component: str) -> Decimal:
    return Decimal(found.tieout.filter(pl.col("component") == component)["usd"].sum())
