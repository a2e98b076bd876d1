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

CHARGES = ("usage", "fee", "minimum", "adjustment")
"""Categories that bill something: an invoice without any is a note beside the bill, not the bill."""

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
    is core.billed. Amounts are whole cents; what is smaller goes to `rounding`. Until an invoice bills
    anything, the cost export stands for it; one in whole cents is off by up to half a cent a line, which is
    `rounding` too. Token lines at another rate than expected are `price`; where lines carry a quantity, a
    difference to the metered tokens at the expected rate is `quantity`. An account with a line whose dollars
    are not known is not tied out: its bill is unknown, not zero.
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
    is_valued, is_cost_valued = (not frame["amount_usd"].null_count() for frame in (lines, cost))
    charges = lines.filter(pl.col("category").is_in(CHARGES))
    if not is_valued or (charges.is_empty() and not is_cost_valued):
        return
    if charges.is_empty():
        if not cost.is_empty():
            yield None, _components(cost, expected, quantity, _of_cents(cost, expected + quantity)), _ZERO
        for invoice_id in _invoices(lines):
            yield invoice_id, _components(_of(lines, invoice_id), _ZERO, _ZERO, _ZERO), _ZERO
        return
    yield from _invoiced(lines, cost if is_cost_valued else cost.clear(), expected, quantity)


def _invoiced(
    lines: pl.DataFrame, cost: pl.DataFrame, expected: Decimal, quantity: Decimal
) -> Iterator[tuple[str | None, dict[str, Decimal], Decimal]]:
    """Share what is expected over the invoices by what they charge for usage."""
    gap, rounding = _gap(cost, lines)
    invoices = _invoices(lines)
    charging = _invoices(lines.filter(pl.col("category").is_in(CHARGES)))
    weights = [_charged(_of(lines, name)) for name in invoices]
    if not any(weights):
        weights = [Decimal(name in charging) for name in invoices]
    shares = zip(*(split(total, weights) for total in (expected, quantity, gap, rounding)), strict=True)
    for invoice_id, (its_expected, its_quantity, its_gap, its_rounding) in zip(invoices, shares, strict=True):
        own = _of(lines, invoice_id)
        if charging == [invoice_id]:
            own = _detailed(own, cost)
        yield invoice_id, _components(own, its_expected, its_quantity, its_rounding), its_gap


def _charged(invoice: pl.DataFrame) -> Decimal:
    """What an invoice charges for usage; one that states a total only charges that."""
    usage = invoice.filter(pl.col("category").is_in(["usage", "adjustment"]))
    return max(_ZERO, _sum(usage["amount_usd"]))


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


def _of_cents(cost: pl.DataFrame, expected: Decimal) -> Decimal:
    """What usage is above the expected where its lines are whole cents and rounding can explain it."""
    usage = _category(cost, "usage")
    difference = _sum(usage) - expected
    is_rounded = bool((usage == usage.round(2)).all())
    return difference if is_rounded and abs(difference) <= CENT / 2 * len(usage) else _ZERO


_CATEGORIES = ("usage", "fee", "minimum", "credit", "discount", "tax", "rounding", "adjustment")


def _gap(cost: pl.DataFrame, lines: pl.DataFrame) -> tuple[Decimal, Decimal]:
    """Return (unexplained gap, rounding) between the invoice's usage and fees and the cost export.

    Credits of the cost export count unless the invoice has them as lines of their own.
    """
    charges = lines.filter(pl.col("category").is_in(["usage", "fee", "adjustment"]))
    if not lines.filter(pl.col("category").is_in(["credit", "discount"])).is_empty():
        cost = cost.filter(pl.col("category") != "credit")
    if cost.is_empty() or charges.is_empty():
        return _ZERO, _ZERO
    difference = _sum(charges["amount_usd"]) - _sum(cost["amount_usd"])
    rounded_rows = charges.height + cost.filter(pl.col("amount_usd") == pl.col("amount_usd").round(2)).height
    bound = CENT / 2 * rounded_rows
    return (_ZERO, difference) if abs(difference) <= bound else (difference, _ZERO)


def _has_quantity(lines: pl.DataFrame) -> bool:
    return not _token_lines(lines).is_empty()


def _token_lines(lines: pl.DataFrame) -> pl.DataFrame:
    """Lines that charge for a number of tokens; a credit's quantity is none that was used."""
    is_counted = pl.col("quantity").is_not_null() & pl.col("token_kind").is_not_null()
    return lines.filter(is_counted & (pl.col("category") == "usage"))


def _quantity(lines: pl.DataFrame, meter: pl.DataFrame) -> Decimal:
    """(Billed minus metered tokens) at the expected rate, over the SKUs whose lines say a quantity."""
    tokens = _token_lines(lines)
    keys = [name for name in _SKU if name != "service_tier"]
    billed = tokens.group_by(keys).agg(pl.col("quantity").sum())
    known = meter.group_by(keys).agg(
        pl.col("tokens").sum(), rates=pl.col("usd_per_token").n_unique(), rate=pl.col("usd_per_token").max()
    )
    both = billed.join(known.filter((pl.col("rates") == 1) & pl.col("rate").is_not_null()), on=keys)
    return sum(
        ((row["quantity"] - row["tokens"]) * row["rate"] for row in both.iter_rows(named=True)), start=_ZERO
    )


def _invoices(lines: pl.DataFrame) -> list[str]:
    return sorted(lines["invoice_id"].unique().to_list())


def _of(lines: pl.DataFrame, invoice_id: str) -> pl.DataFrame:
    return lines.filter(pl.col("invoice_id") == invoice_id)


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
