"""Claims: what bills hold beyond what was agreed and metered, with what a provider needs to check it."""

import hashlib
from collections.abc import Mapping

import polars as pl

from pipeline.metering.zones import local_day
from pipeline.money import CENT
from pipeline.request_samples import request_samples
from schemas.dispute import Dispute

CLAIMED = (
    "list_change",
    "contract_not_applied",
    "lapsed_tier",
    "wrong_kind",
    "wrong_service_tier",
    "wrong_model",
    "unit",
)
"""Effects on a price that a rule names and that only the provider can put right."""
QUESTION = "unexplained_price"

_SCHEMA = pl.Schema(Dispute.empty().schema)
_BILL = ("provider", "account", "invoice_id", "line_number")
_PRICE = "Tokens of the line at the rate that was billed, less the same tokens at the expected rate."
_METHODS: Mapping[str, str] = {
    "quantity": "Tokens of the line, less the tokens of the provider's own usage export for the same model, "
    "kind, tier and time, at the expected rate.",
    "tax": "Tax of the invoice, less the stated rate of all lines before it.",
    QUESTION: "Billed less expected; no known rate of this provider makes the billed amount.",
}
_QUANTITY_RULE = "The line charges for other tokens than the usage export counts."


def disputes(month: str, tables: Mapping[str, pl.DataFrame], calls: pl.DataFrame) -> pl.DataFrame:
    """Return report.dispute of a month from its charges, price effects, findings and calls.

    Amounts below a cent over all lines of a bill and reason are rounding, and no claim.
    """
    charges, effects, findings = (tables[f"recon.{name}"] for name in ("charge", "price_effect", "finding"))
    lines = pl.concat([_prices(effects), _quantities(charges, tables["core.coverage"])])
    bill = ["provider", "account", "invoice_id", "reason"]
    size = pl.col("claim_usd").sum().over(bill).abs()
    kept = lines.filter(size >= CENT).join(_facts(charges), on=_BILL, how="left", nulls_equal=True)
    whole = pl.concat([request_samples(kept, calls), _taxes(findings)], how="diagonal_relaxed")
    told = whole.with_columns(
        month=pl.lit(month),
        standing=pl.when(pl.col("reason") == QUESTION).then(pl.lit("question")).otherwise(pl.lit("claim")),
        method=pl.col("reason").replace_strict(dict(_METHODS), default=_PRICE),
        claim_id=pl.struct(*_BILL, "reason", "rule").map_elements(_id, pl.String),
        query=pl.struct(*_BILL, "reason").map_elements(_query, pl.String),
    )
    return told.select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items()).sort(
        "provider", "account", "invoice_id", "line_number", "reason", "claim_id", nulls_last=True
    )


def _prices(effects: pl.DataFrame) -> pl.DataFrame:
    named = effects.filter(pl.col("effect").is_in([*CLAIMED, QUESTION]) & (pl.col("usd") != 0))
    return named.select(*_BILL, reason="effect", claim_usd="usd", rule="reason")


def _quantities(charges: pl.DataFrame, coverage: pl.DataFrame) -> pl.DataFrame:
    """Lines that charge for more or fewer tokens; tokens without a line are charged for by nobody.

    Without a usage export of the line's account and day there is nothing to hold it against.
    """
    first, last = pl.col("bucket_start_at"), pl.col("bucket_end_at") - pl.duration(microseconds=1)
    days = coverage.filter(meter="usage").select(
        "provider", "account", first=local_day(first), last=local_day(last)
    )
    reach = days.group_by("provider", "account").agg(pl.col("first").min(), pl.col("last").max())
    off = charges.filter((pl.col("quantity_usd") != 0) & pl.col("origin").is_in(["invoice", "cost"]))
    told = off.join(reach, on=["provider", "account"])
    is_counted = pl.col("billed_on").is_between(pl.col("first"), pl.col("last"))
    return told.filter(is_counted.fill_null(value=True)).select(
        *_BILL, reason=pl.lit("quantity"), claim_usd="quantity_usd", rule=pl.lit(_QUANTITY_RULE)
    )


def _facts(charges: pl.DataFrame) -> pl.DataFrame:
    spot = pl.format("{}:{}:{}", "file_id", pl.col("line"), pl.col("position").fill_null(0))
    same = ("line_item", "model", "service_tier", "token_kind", "billed_on", "quantity", "billed_unit_price")
    claimed = pl.col("quantity_usd") + pl.col("price_usd")
    return charges.select(
        *_BILL,
        *same,
        "expected_unit_price",
        "billed_usd",
        expected_usd=pl.col("billed_usd") - claimed,
        price_card="expected_origin",
        found_at=spot,
    )


def _taxes(findings: pl.DataFrame) -> pl.DataFrame:
    """The tax of an invoice as a whole: the subject of its finding."""
    off = findings.filter((pl.col("code") == "tax_off_base") & pl.col("usd").is_not_null())
    return off.select(
        "provider",
        "account",
        invoice_id="subject",
        line_number=pl.lit(None, pl.Int64),
        reason=pl.lit("tax"),
        claim_usd="usd",
        rule="message",
    )


def _id(claim: Mapping[str, object]) -> str:
    words = "\0".join(str(value) for value in claim.values())
    return hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()[:12]


def _query(claim: Mapping[str, object]) -> str:
    where = [f"{name} is not distinct from {_literal(claim[name])}" for name in _BILL[:3]]
    if claim["line_number"] is None:
        return f"select * from 'charges.parquet' where {' and '.join(where)} order by line_number"  # noqa: S608 (shown to people)
    where.append(f"line_number = {claim['line_number']}")
    if claim["reason"] == "quantity":
        return f"select quantity_usd as claim_usd, * from 'charges.parquet' where {' and '.join(where)}"  # noqa: S608
    where.append(f"effect = {_literal(claim['reason'])}")
    return (
        "select e.usd as claim_usd, e.reason, c.* from 'price_effects.parquet' e join 'charges.parquet' c "  # noqa: S608
        "on c.provider = e.provider and c.account = e.account and c.line_number = e.line_number and "
        f"c.invoice_id is not distinct from e.invoice_id where {' and '.join('e.' + each for each in where)}"
    )


def _literal(value: object) -> str:
    return "null" if value is None else "'" + str(value).replace("'", "''") + "'"
