"""Findings of hop three: prices that are not the expected ones, by what explains them."""

from typing import Any

import polars as pl

from pipeline.charges.bills import BESIDE
from pipeline.findings import assemble, finding
from pipeline.money import CENT

_SAID = {
    "list_change": "at {reason}",
    "contract_not_applied": "at {reason}, where a contract holds",
    "lapsed_tier": "at {reason}: a tier of the contract has lapsed, or is no longer applied",
    "wrong_kind": "at {reason}",
    "wrong_service_tier": "at {reason}",
    "wrong_model": "at {reason}",
    "long_context": "at {reason}",
    "geography": "at {reason}",
    "unit": "at {reason}",
    "not_charged": "for nothing: {reason}",
}
_NOTES = ("long_context", "geography", "not_charged")
_ADVICE = {
    "contract_not_applied": "Send the lines to the provider with the contract: see price_effects.csv.",
    "lapsed_tier": "Compare the volume with the floor of the contract; send the lines to the provider.",
    "list_change": "Compare the day of the change with the provider's notice and with your contract.",
    "not_charged": "Nothing to do where a commitment, a grant or free use covers them.",
}
_DISPUTE = "Ask the provider for the rate of these lines: see charges.csv and price_effects.csv."
_OPEN = "Run `tallystick explain {month} --invoice {invoice} --line {line}` for all rates that were tried."


def price_findings(month: str, charges: pl.DataFrame, effects: pl.DataFrame) -> pl.DataFrame:
    """Return a finding per bill, model, kind and effect of at least a cent; the unexplained ones are open.

    What an invoice bills beyond its cost export, and what the issuer adjusts, have findings of their own.
    """
    place = ["provider", "account", "invoice_id", "model", "service_tier", "token_kind", "effect", "reason"]
    told = charges.select("provider", "account", "invoice_id", "line_number", "line_item", "category")
    keys = ["provider", "account", "invoice_id", "line_number"]
    known = effects.join(told, on=keys, how="left", nulls_equal=True).filter(
        (pl.col("category") == "usage") & pl.col("line_item").ne_missing(BESIDE)
    )
    size = pl.col("line_number").sort_by(pl.col("usd").abs(), pl.col("line_number"), descending=[True, False])
    sums = (
        known.group_by(place)
        .agg(pl.col("usd").sum(), lines=pl.len(), first=size.first())
        .filter(pl.col("usd").abs() >= CENT)
        .sort(place, nulls_last=True)
    )
    return assemble([found for row in sums.iter_rows(named=True) for found in _found(month, row)])


def _found(month: str, row: dict[str, Any]) -> list[pl.DataFrame]:
    effect, is_open = row["effect"], row["effect"] == "unexplained_price"
    if not is_open and effect not in _SAID:
        return []
    bill = f"Invoice {row['invoice_id']}" if row["invoice_id"] else "The cost export"
    words = [word for word in (row["model"], row["token_kind"]) if word]
    more = f"{abs(row['usd']):,.2f} USD {'more' if row['usd'] > 0 else 'less'}"
    lines = f"{row['lines']:,} line{'s' if row['lines'] > 1 else ''}"
    said = f"and {row['reason']}" if is_open else _SAID[effect].format(reason=row["reason"])
    message = (
        f"{bill} of {row['provider']} account '{row['account']}' bills {more} than expected on {lines}"
        f"{' of ' + ' '.join(words) if words else ''}, {said}."
    )
    where = row["invoice_id"] or row["account"]
    advice = (
        _OPEN.format(month=month, invoice=where, line=row["first"])
        if is_open
        else _ADVICE.get(effect, _DISPUTE)
    )
    severity = "note" if effect in _NOTES else "warning"
    code = "unexplained_price" if is_open else f"price_{effect}"
    about = (row["invoice_id"], row["model"], row["service_tier"], row["token_kind"], row["reason"])
    more_columns = {
        **{name: row[name] for name in ("provider", "account", "usd")},
        "subject": " ".join(word for word in about if word),
    }
    return [finding(month, code, severity, message, advice, **more_columns)]
