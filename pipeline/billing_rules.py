"""What a provider bills when a request fails: the registry, and the version that holds on a day.

Chances are priors: calibration moves them where the drift of a month tells more. The rules are in
`pipeline/billing_priors.py`.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date

import polars as pl

from pipeline.billing_priors import RULES, BillingRule
from pipeline.providers import PROVIDERS

ANY = "*"
"""Provider of the rules that hold where a provider has none of its own."""

RULES_SCHEMA = pl.Schema(
    {
        "provider": pl.String(),
        "failure_mode": pl.String(),
        "billed": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "error": pl.Float64(),
        "output": pl.String(),
        "evidence": pl.String(),
    }
)
"""Columns of `rules_frame`; see `BillingRule`."""


def rules_frame(on: date, rules: Sequence[BillingRule] = RULES) -> pl.DataFrame:
    """Return one row per provider and failure mode: the latest rule that is valid on the day.

    Every provider that the product knows has a row for every mode, its own or that of provider `*`; the rows
    of `*` are there too, for providers that nobody knows.
    """
    valid = _table([rule for rule in rules if rule.valid_from <= on])
    keys = ["provider", "failure_mode"]
    latest = valid.sort(*keys, "valid_from").unique(keys, keep="last", maintain_order=True)
    known = sorted({ANY, *(provider.slug for provider in PROVIDERS), *latest["provider"]})
    default = latest.filter(pl.col("provider") == ANY).drop("provider")
    filled = pl.DataFrame({"provider": known}).join(default, how="cross")
    rows = pl.concat([latest, filled.select(latest.columns)]).unique(keys, keep="first", maintain_order=True)
    return rows.select([pl.col(name).cast(dtype) for name, dtype in RULES_SCHEMA.items()]).sort(keys)


def is_free_status(status: pl.Expr, rules: Sequence[BillingRule] = RULES) -> pl.Expr:
    """Whether the provider never bills a request that fails with this HTTP status, on the day it ended."""
    return _any([(rule, status.is_in(rule.free_statuses)) for rule in rules if rule.free_statuses], rules)


def is_doubtful_status(status: pl.Expr, rules: Sequence[BillingRule] = RULES) -> pl.Expr:
    """Whether the provider may bill a request with this HTTP status though nothing came back."""
    return _any(
        [(rule, status.is_in(rule.doubtful_statuses)) for rule in rules if rule.doubtful_statuses], rules
    )


def is_free_finish(rules: Sequence[BillingRule] = RULES) -> pl.Expr:
    """Whether the call's finish reason is one with which the provider does not bill an empty answer."""
    reasons = pl.col("finish_reasons").str.split(",")
    return _any(
        [(rule, reasons.list.contains(word)) for rule in rules for word in rule.free_finish_reasons], rules
    )


def _any(found: Sequence[tuple[BillingRule, pl.Expr]], rules: Sequence[BillingRule]) -> pl.Expr:
    """Whether one of the conditions holds for the call's provider while its rule is valid."""
    return pl.any_horizontal(
        pl.lit(value=False),
        *[(pl.col("provider") == rule.provider) & _is_valid(rule, rules) & holds for rule, holds in found],
    )


def _is_valid(rule: BillingRule, rules: Sequence[BillingRule]) -> pl.Expr:
    """From the rule's first day to the day before the next version of the same rule."""
    key = (rule.provider, rule.failure_mode)
    later = [
        other.valid_from
        for other in rules
        if (other.provider, other.failure_mode) == key and other.valid_from > rule.valid_from
    ]
    day = pl.col("ended_at").dt.date()
    return (day >= rule.valid_from) & (day < min(later)) if later else day >= rule.valid_from


def _table(rules: Sequence[BillingRule]) -> pl.DataFrame:
    names = [field.name for field in fields(BillingRule) if field.name in {*RULES_SCHEMA, "valid_from"}]
    schema = {name: RULES_SCHEMA.get(name, pl.Date()) for name in names}
    rows = [tuple(getattr(rule, name) for name in names) for rule in rules]
    return pl.DataFrame(rows, schema=schema, orient="row")
