"""Hop three: metered tokens at the expected rate against the cost export and the invoice, to the cent."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import polars as pl

from pipeline.money import CENT, quantize, split
from schemas.recon import Finding, Tieout
from schemas.types import COMPONENTS

_ACCOUNT = ["provider", "account"]
_SKU = [*_ACCOUNT, "model", "service_tier", "token_kind"]
_ZERO = Decimal(0)
_ADVICE = (
    "Ask the provider which of the two is final, or wait until the cost export has settled, and close again."
)


class Tied(NamedTuple):
    """Frames of recon.tieout and recon.finding."""

    tieout: pl.DataFrame
    findings: pl.DataFrame


def tie_out(metered: pl.DataFrame, billed: pl.DataFrame, month: str) -> Tied:
    """Return the components from metered to billed per account and invoice; they add up to `billed`.

    `metered` has one row per cell with `tokens` and `usd` (null when unpriced) and `usd_per_token`; `billed`
    is core.billed. Amounts are whole cents; what is smaller goes to `rounding`. Without an invoice the cost
    export stands for it. Token lines at another rate than expected are `price`; where lines carry a quantity,
    a difference to the metered tokens at the expected rate is `quantity`.
    """
    rows: list[tuple[Any, ...]] = []
    findings: list[tuple[Any, ...]] = []
    accounts = billed.select(_ACCOUNT).unique().sort(_ACCOUNT)
    for provider, account in accounts.iter_rows():
        mine = billed.filter((pl.col("provider") == provider) & (pl.col("account") == account))
        meter = metered.filter((pl.col("provider") == provider) & (pl.col("account") == account))
        for invoice_id, parts, gap in _account(mine, meter):
            rows += [(month, provider, account, invoice_id, name, parts[name]) for name in COMPONENTS]
            if gap:
                findings.append(_mismatch(month, provider, account, invoice_id, gap))
    return Tied(
        pl.DataFrame(rows, schema=pl.Schema(Tieout.empty().schema), orient="row"),
        pl.DataFrame(findings, schema=pl.Schema(Finding.empty().schema), orient="row"),
    )


def _account(
    billed: pl.DataFrame, meter: pl.DataFrame
) -> Iterator[tuple[str | None, dict[str, Decimal], Decimal]]:
    """Yield invoice, components and the gap between cost export and invoice that rounding cannot explain."""
    cost = billed.filter(pl.col("origin") == "cost")
    lines = billed.filter(pl.col("origin") == "invoice")
    expected, quantity = _sum(meter["usd"]), _quantity(lines if _has_quantity(lines) else cost, meter)
    if lines.is_empty():
        yield None, _components(cost, expected, quantity, _ZERO), _ZERO
        return
    gap, rounding = _gap(cost, lines)
    invoices = sorted(lines["invoice_id"].unique().to_list())
    usage = [max(_ZERO, _sum(_of(lines, name, "usage"))) for name in invoices]
    shares = zip(
        invoices, split(expected, usage), split(quantity, usage), split(gap, usage), split(rounding, usage),
        strict=True,
    )  # fmt: skip
    for invoice_id, its_expected, its_quantity, its_gap, its_rounding in shares:
        own = lines.filter(pl.col("invoice_id") == invoice_id)
        if len(invoices) == 1:
            own = _detailed(own, cost)
        yield invoice_id, _components(own, its_expected, its_quantity, its_rounding), its_gap


def _detailed(invoice: pl.DataFrame, cost: pl.DataFrame) -> pl.DataFrame:
    """Where an invoice states a total only, take the fees inside it from the cost export."""
    fees = cost.filter(pl.col("category") == "fee")
    if not invoice.filter(pl.col("category").is_in(["usage", "fee"])).is_empty():
        return invoice
    return pl.concat(
        [invoice, fees, fees.with_columns(pl.lit("adjustment").alias("category"), -pl.col("amount_usd"))]
    )


def _components(
    lines: pl.DataFrame, expected: Decimal, quantity: Decimal, rounding: Decimal
) -> dict[str, Decimal]:
    """Split the billed total into components in whole cents; `rounding` takes what is smaller."""
    sums = {category: _sum(_category(lines, category)) for category in _CATEGORIES}
    usage = sums["usage"] + sums["adjustment"] - rounding
    parts = {
        "metered_at_expected_rate": expected,
        "quantity": quantity,
        "price": usage - expected - quantity,
        "fees": sums["fee"],
        "minimums": sums["minimum"],
        "credits": sums["credit"] + sums["discount"],
        "tax": sums["tax"],
        "currency": _ZERO,
    }
    parts = {name: quantize(amount, CENT) for name, amount in parts.items()}
    billed = quantize(sum(sums.values(), _ZERO), CENT)
    return {**parts, "rounding": billed - sum(parts.values(), _ZERO), "billed": billed}


_CATEGORIES = ("usage", "fee", "minimum", "credit", "discount", "tax", "rounding", "adjustment")


def _gap(cost: pl.DataFrame, lines: pl.DataFrame) -> tuple[Decimal, Decimal]:
    """Return (unexplained gap, rounding) between the invoice's usage and fees and the cost export."""
    charges = lines.filter(pl.col("category").is_in(["usage", "fee", "adjustment"]))
    if cost.is_empty() or charges.is_empty():
        return _ZERO, _ZERO
    difference = _sum(charges["amount_usd"]) - _sum(cost["amount_usd"])
    rounded_rows = charges.height + cost.filter(pl.col("amount_usd") == pl.col("amount_usd").round(2)).height
    bound = CENT / 2 * rounded_rows
    return (_ZERO, difference) if abs(difference) <= bound else (difference, _ZERO)


def _has_quantity(lines: pl.DataFrame) -> bool:
    return lines.filter(pl.col("quantity").is_not_null() & pl.col("token_kind").is_not_null()).height > 0


def _quantity(lines: pl.DataFrame, meter: pl.DataFrame) -> Decimal:
    """(Billed minus metered tokens) at the expected rate, over the SKUs whose lines say a quantity."""
    tokens = lines.filter(pl.col("quantity").is_not_null() & pl.col("token_kind").is_not_null())
    keys = [name for name in _SKU if name != "service_tier"]
    billed = tokens.group_by(keys).agg(pl.col("quantity").sum())
    known = meter.group_by(keys).agg(
        pl.col("tokens").sum(), rates=pl.col("usd_per_token").n_unique(), rate=pl.col("usd_per_token").max()
    )
    both = billed.join(known.filter((pl.col("rates") == 1) & pl.col("rate").is_not_null()), on=keys)
    return sum(
        ((row["quantity"] - row["tokens"]) * row["rate"] for row in both.iter_rows(named=True)), start=_ZERO
    )


def _of(lines: pl.DataFrame, invoice_id: str, category: str) -> pl.Series:
    return _category(lines.filter(pl.col("invoice_id") == invoice_id), category)


def _category(lines: pl.DataFrame, category: str) -> pl.Series:
    return lines.filter(pl.col("category") == category)["amount_usd"]


def _sum(amounts: pl.Series | Sequence[Decimal]) -> Decimal:
    return sum((amount for amount in amounts if amount is not None), start=_ZERO)


def _mismatch(
    month: str, provider: str, account: str, invoice_id: str | None, gap: Decimal
) -> tuple[Any, ...]:
    message = (
        f"Invoice {invoice_id} bills {abs(gap):.2f} USD {'more' if gap > 0 else 'less'} for usage and fees "
        "than the cost export of the month holds; rounding cannot explain it. It is inside `price`."
    )
    return (month, "cost_invoice_mismatch", "warning", provider, account, "", message, _ADVICE, None, gap)
