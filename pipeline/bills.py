"""Billed: the lines of cost exports and invoices in the words of the tie-out."""

from decimal import Decimal
from typing import NamedTuple

import polars as pl

from pipeline.exchange_settings import ExchangeRate, exchange_rate
from pipeline.findings import assemble
from pipeline.metering.bill_findings import (
    long_periods,
    not_llm,
    restated,
    unknown_currencies,
    without_detail,
    wrong_arithmetic,
)
from pipeline.metering.cost_lines import cost_lines
from pipeline.metering.quantities import in_tokens, token_step
from pipeline.metering.restatement import latest_invoices
from pipeline.metering.voided import prepayments, voided
from pipeline.metering.zones import local_day
from pipeline.models import with_model, with_tier
from pipeline.money import quantize
from pipeline.period import Month
from pipeline.settings import Settings
from schemas.core import Billed, Unmapped
from schemas.types import ALL, TOKEN_KINDS

_NAMED = ("fee", "credit", "tax", "adjustment")
"""Cost types that are categories of charges by the same name; all other rows charge usage."""

_USD = pl.Decimal(38, 12)
_DOLLAR = ExchangeRate(currency="USD", usd=Decimal(1))
_CHARGE = (
    "provider",
    "account",
    "origin",
    "invoice_id",
    "category",
    "billed_on",
    "line_item",
    "model",
    "token_kind",
    "service_tier",
    "quantity",
    "amount",
    "currency",
    "cost_type",
    "priced_on",
    "stated_rate",
    "charge_class",
    "quantity_step",
    "file_id",
    "line",
    "position",
)
_ORDER = ("provider", "account", "origin", "invoice_id", "billed_on", "line", "position")


class _Stated(NamedTuple):
    """A rate that an invoice states."""

    usd: Decimal
    source: str = "the invoice"


class Bills(NamedTuple):
    """Frames of core.billed, core.unmapped and recon.finding."""

    billed: pl.DataFrame
    unmapped: pl.DataFrame
    findings: pl.DataFrame


def bill(
    cost: pl.DataFrame, invoices: pl.DataFrame, files: pl.DataFrame, settings: Settings, month: Month
) -> Bills:
    """Return the month's charges, one row per line of the cost export and of each invoice.

    The inputs are raw.cost, raw.invoice and raw.file. An invoice belongs to the month in which its period
    starts. Dollars of other currencies take `settings.exchange_rates`, of the day of the charge or of the
    invoice's issue, else of the month, else the rate that the invoice states; without a rate they are null.
    A voided invoice charges nothing, and credit that is bought is no charge of the month.
    """
    costs, cost_findings = cost_lines(cost, files, month)
    current = latest_invoices(invoices, files)
    starts = pl.col("period_start_on").is_between(month.first_day, month.next.first_day, closed="left")
    lines = current.rows.filter(starts)
    charging = lines.filter(pl.col("category") != "prepayment")
    charges = _in_core_words(pl.concat([_from_costs(costs), _from_invoices(charging)]), settings, month)
    billed = (
        charges.with_columns(
            pl.when(pl.col("token_kind").is_in(TOKEN_KINDS)).then("token_kind"), month=pl.lit(str(month))
        )
        .select(Billed.empty().columns)
        .sort(*_ORDER, pl.exclude(_ORDER))
    )
    findings = [
        cost_findings,
        restated(current.shrunk.filter(starts), month),
        long_periods(lines, month),
        unknown_currencies(billed, month),
        wrong_arithmetic(billed, month),
        without_detail(billed, month),
        not_llm(cost, month),
        voided(invoices, files, month),
        prepayments(lines, month),
    ]
    return Bills(billed, _unmapped(charges, month), assemble(findings))


def _from_costs(rows: pl.DataFrame) -> pl.DataFrame:
    is_credit = (pl.col("cost_type") == "unknown") & (pl.col("amount") < 0)
    is_named = pl.col("cost_type").is_in(_NAMED)
    category = pl.when(is_named).then("cost_type")
    return rows.with_columns(
        origin=pl.lit("cost"),
        invoice_id=pl.lit(None, pl.String),
        category=category.when(is_credit).then(pl.lit("credit")).otherwise(pl.lit("usage")),
        billed_on=local_day(pl.col("bucket_start_at")),
        quantity=pl.when(pl.col("token_kind").is_not_null()).then(in_tokens()).otherwise("quantity"),
        priced_on=local_day(pl.col("bucket_start_at")),
        quantity_step=token_step(),
        stated_rate=pl.lit(None, _USD),
        charge_class=pl.col("dimensions").str.json_path_match("$.charge_class"),
    ).select(_CHARGE)


def _from_invoices(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.with_columns(
        origin=pl.lit("invoice"),
        billed_on=pl.lit(None, pl.Date),
        priced_on="issued_on",
        line_item="description",
        quantity=pl.when(pl.col("token_kind").is_not_null()).then(in_tokens()).otherwise("quantity"),
        quantity_step=token_step(),
        stated_rate="exchange_rate",
        charge_class=pl.when(pl.col("reference_invoice_id").is_not_null()).then(pl.lit("Correction")),
        cost_type=pl.lit(None, pl.String),
    ).select(_CHARGE)


def _in_core_words(charges: pl.DataFrame, settings: Settings, month: Month) -> pl.DataFrame:
    """Models by the alias tables, tiers in one spelling, dollars."""
    told = pl.col("service_tier").is_not_null()
    rows = with_model(charges.with_columns(is_tier_told=told), settings)
    return with_tier(rows).with_columns(
        pl.when("is_tier_told").then("service_tier").otherwise(pl.lit(ALL)).alias("service_tier"),
        *_in_dollars(rows, settings, month),
    )


def _in_dollars(rows: pl.DataFrame, settings: Settings, month: Month) -> list[pl.Series]:
    """Dollars of each amount at the rate of the books, that rate and who states it; and at the invoice's own.

    Where the books know no rate, the invoice's own is taken; null where nobody states one.
    """
    times = rows.select("currency", "priced_on")
    rates = {
        (currency, day): _DOLLAR
        if currency == "USD"
        else exchange_rate(settings.exchange_rates, currency, day, month)
        for currency, day in times.unique().rows()
    }
    told = rows.select("amount", "currency", "stated_rate").rows()
    stated = [None if rate is None or code == "USD" else rate for _, code, rate in told]
    own = [None if rate is None else quantize(row[0] * rate) for row, rate in zip(told, stated, strict=True)]
    found = [rates[time] or _of_invoice(rate) for time, rate in zip(times.rows(), stated, strict=True)]
    pairs = list(zip(rows["amount"].to_list(), found, strict=True))
    dollars = [None if rate is None else quantize(amount * rate.usd) for amount, rate in pairs]
    others = [None if rate is _DOLLAR else rate for rate in found]
    return [
        pl.Series("amount_usd", dollars, dtype=_USD),
        pl.Series("exchange_rate", [rate and rate.usd for rate in others], dtype=_USD),
        pl.Series("exchange_rate_source", [rate and rate.source for rate in others], dtype=pl.String),
        pl.Series("stated_usd", own, dtype=_USD),
    ]


def _of_invoice(rate: Decimal | None) -> _Stated | None:
    return None if rate is None else _Stated(rate)


def _unmapped(charges: pl.DataFrame, month: Month) -> pl.DataFrame:
    """One row per SKU that no table reads and per model that is no id, with what it costs.

    A line of an invoice that only sums up is no riddle where the account's cost export has the detail, and
    none is what a cost export says of a model as a whole.
    """
    detailed = charges.filter((pl.col("origin") == "cost") & pl.col("token_kind").is_not_null())
    is_detailed = pl.struct("provider", "account").is_in(
        detailed.select(pl.struct("provider", "account").unique()).to_series().implode()
    )
    is_usage = (pl.col("category") == "usage") | (pl.col("cost_type") == "unknown")
    is_usage &= ~((pl.col("origin") == "invoice") & is_detailed)
    is_sum = (pl.col("cost_type") == "tokens").fill_null(value=False) & pl.col("line_item").is_null()
    is_sku = is_usage & ~is_sum & ~pl.col("token_kind").is_in(TOKEN_KINDS).fill_null(value=False)
    cases = (
        (
            "sku",
            is_sku & pl.coalesce("line_item", "model").is_not_null(),
            pl.coalesce("line_item", "model"),
            "Its dollars count, its tokens cannot be compared. On an invoice, add model, token_kind, "
            "quantity and quantity_unit to the line; of a cost export, report the text so that it is read.",
        ),
        (
            "model",
            pl.col("model").str.contains(" "),
            pl.col("model"),
            "Add it to [models.aliases] with the model id as metered.",
        ),
    )
    found = [
        charges.filter(is_unknown)
        .group_by(pl.lit(subject).alias("subject"), value.alias("value"), "provider", "account", "origin")
        .agg(rows=pl.len().cast(pl.Int64), usd=pl.col("amount_usd").sum())
        .with_columns(month=pl.lit(str(month)), tokens=pl.lit(None, pl.Int64), advice=pl.lit(advice))
        .select(Unmapped.empty().columns)
        for subject, is_unknown, value, advice in cases
    ]
    return pl.concat(found).sort(pl.all())
