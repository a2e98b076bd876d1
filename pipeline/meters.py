"""Metered: one meter for each account, in disjoint token kinds, and the time that it covers."""

from typing import NamedTuple

import polars as pl

from pipeline.findings import assemble
from pipeline.metering.cost_meter import cost_days, cost_rows
from pipeline.metering.coverage import incomplete
from pipeline.metering.invoice_meter import invoice_rows
from pipeline.metering.negatives import negative, without_negatives
from pipeline.metering.request_meter import in_days, request_days, request_rows
from pipeline.metering.usage_meter import usage_rows
from pipeline.period import Month
from pipeline.providers import PROVIDERS
from pipeline.rates.served import served, told_by_export, told_by_length
from pipeline.settings import Settings
from pipeline.tokens import TOTAL
from schemas.core import Coverage, Metered, Request, Unmapped
from schemas.types import ALL, KIND_COLUMNS

_ACCOUNT = ["provider", "account"]
_CELL = [*_ACCOUNT, "scope", "meter", "endpoint", "model", "service_tier", "bucket_start_at"]
_COUNTS = ["request_count", *KIND_COLUMNS]
_STEP = [*_ACCOUNT, "endpoint", "meter", "bucket_start_at"]


class Meters(NamedTuple):
    """Frames of core.metered, core.coverage, core.request, core.unmapped and recon.finding."""

    metered: pl.DataFrame
    coverage: pl.DataFrame
    requests: pl.DataFrame
    unmapped: pl.DataFrame
    findings: pl.DataFrame
    served: pl.DataFrame
    """Tokens of core.metered by length of the request and place as well: what their price depends on."""


def meter(  # noqa: PLR0913, PLR0917 - the five raw tables that it reads, and what decides
    usage: pl.DataFrame,
    requests: pl.DataFrame,
    invoices: pl.DataFrame,
    files: pl.DataFrame,
    settings: Settings,
    month: Month,
    *,
    cost: pl.DataFrame,
) -> Meters:
    """Return the month's meter of every account.

    It is the account's usage export, else its request log, else the quantities of its cost export, else those
    of its invoices. The inputs are raw.usage, raw.request, raw.invoice, raw.file and raw.cost. No account has
    two meters, no traffic is added twice, and a time step without a row is covered and zero only where
    `coverage` says so.
    """
    exported, findings = usage_rows(usage, files, settings, month)
    logged = request_rows(requests, files, settings, month)
    log_days = request_days(requests, month).join(exported, on=_ACCOUNT, how="anti")
    metered = pl.concat([exported.select(_ACCOUNT), log_days.select(_ACCOUNT)])
    charged = cost_rows(cost, files, settings, month).join(metered, on=_ACCOUNT, how="anti")
    metered = pl.concat([metered, charged.select(_ACCOUNT)])
    billed = invoice_rows(invoices, files, settings, month).join(metered, on=_ACCOUNT, how="anti")
    parts = [
        _steps(told_by_export(exported), "usage", pl.col("endpoint"), pl.col("grouping")),
        _steps(
            in_days(told_by_length(logged, PROVIDERS, month.first_day)).join(
                exported, on=_ACCOUNT, how="anti"
            ),
            "requests",
            pl.lit(ALL),
            pl.lit("request"),
        ),
        _steps(charged, "cost", pl.lit(ALL), pl.lit("cost")),
        _steps(billed, "invoice", pl.lit(ALL), pl.lit("invoice")),
    ]
    rows = pl.concat(parts)
    filled = rows.filter(~pl.col("is_empty"))
    cells = _cells(filled)
    metered_cells = without_negatives(cells)
    days = [_days(log_days, "requests", "request"), _days(cost_days(cost, charged, month), "cost", "cost")]
    covered = pl.concat([rows.select(*_STEP, "bucket_end_at", "grouping"), *days])
    return Meters(
        metered_cells.with_columns(month=pl.lit(str(month))).select(Metered.empty().columns).sort(_CELL),
        _coverage(covered, month),
        logged.with_columns(month=pl.lit(str(month))).select(Request.empty().columns).sort(pl.all()),
        _unmapped(filled, month),
        assemble(
            [
                findings,
                incomplete(covered, month, "incomplete_export", "The meter"),
                negative(cells, month),
            ]
        ),
        served(filled, metered_cells, _CELL),
    )


def _steps(rows: pl.DataFrame, name: str, endpoint: pl.Expr, grouping: pl.Expr) -> pl.DataFrame:
    absent = {"is_empty": pl.lit(value=False), "context": pl.lit(ALL), "geography": pl.lit(ALL)}
    told = [pl.col(name) if name in rows.columns else word.alias(name) for name, word in absent.items()]
    return rows.select(
        *_ACCOUNT,
        "scope",
        "model",
        "service_tier",
        "bucket_start_at",
        "bucket_end_at",
        *_COUNTS,
        pl.lit(name).alias("meter"),
        endpoint.alias("endpoint"),
        grouping.alias("grouping"),
        *told,
    )


def _days(days: pl.DataFrame, name: str, grouping: str) -> pl.DataFrame:
    return days.select(
        *_ACCOUNT,
        pl.lit(ALL).alias("endpoint"),
        pl.lit(name).alias("meter"),
        "bucket_start_at",
        "bucket_end_at",
        pl.lit(grouping).alias("grouping"),
    )


def _cells(rows: pl.DataFrame) -> pl.DataFrame:
    """Add up what the core dimensions do not tell apart; a sum over nothing known stays null."""
    sums = [
        pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()).alias(name) for name in _COUNTS
    ]
    return rows.group_by(_CELL).agg(pl.col("bucket_end_at").max(), *sums)


def _coverage(steps: pl.DataFrame, month: Month) -> pl.DataFrame:
    found = steps.group_by(_STEP).agg(pl.col("bucket_end_at").max(), pl.col("grouping").min())
    return found.with_columns(month=pl.lit(str(month))).select(Coverage.empty().columns).sort(_STEP)


def _unmapped(rows: pl.DataFrame, month: Month) -> pl.DataFrame:
    """One row per provider that no table knows, and per account whose rows name no model."""
    slugs = [provider.slug for provider in PROVIDERS]
    cases = (
        ("provider", ~pl.col("provider").is_in(slugs), "Correct `provider` in the file or its source."),
        ("model", pl.col("model") == "unknown", "Group the export by model, or name the model on the line."),
    )
    found = [
        rows.filter(is_unknown)
        .group_by(pl.lit(subject).alias("subject"), pl.col(subject).alias("value"), *_ACCOUNT, origin="meter")
        .agg(rows=pl.len().cast(pl.Int64), tokens=TOTAL.sum())
        .with_columns(month=pl.lit(str(month)), usd=pl.lit(None, pl.Decimal(38, 12)), advice=pl.lit(advice))
        .select(Unmapped.empty().columns)
        for subject, is_unknown, advice in cases
    ]
    return pl.concat(found).sort(pl.all())
