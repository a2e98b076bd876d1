"""Configured scopes that a usage export cannot tell apart, because it is not grouped by what tells them."""

import polars as pl

from pipeline.findings import assemble, finding
from pipeline.metering.restatement import has
from pipeline.period import Month
from pipeline.settings import Settings
from pipeline.team_settings import Scope
from pipeline.tokens import TOTAL


def untold_scopes(rows: pl.DataFrame, settings: Settings, month: Month) -> pl.DataFrame:
    """Return a finding per scope and account whose export has days that are not grouped by its keys.

    Steps without any usage say nothing of how a pull was grouped: a pull without results has only such.
    """
    is_used = (TOTAL > 0) | (pl.col("request_count").fill_null(0) > 0)
    parts = []
    for rule in settings.scopes:
        words = _words(rule)
        if not words:
            continue
        place = pl.col("provider") == rule.provider
        if rule.account is not None:
            place &= pl.col("account") == rule.account
        untold = (
            rows.filter(place & ~has(*words) & is_used)
            .group_by("provider", "account")
            .agg(days=pl.col("billing_day").n_unique(), first=pl.col("billing_day").min())
            .sort("provider", "account")
        )
        parts += [_finding(rule, row, words, month) for row in untold.rows()]
    return assemble(parts)


def _words(rule: Scope) -> list[str]:
    """The dimensions of exports that would tell a scope."""
    projects = ["project_id", "workspace_id"] if rule.project_ids else []
    return projects + (["api_key_id"] if rule.api_key_ids else [])


def _finding(rule: Scope, row: tuple[object, ...], words: list[str], month: Month) -> pl.DataFrame:
    provider, account, days, first = row
    return finding(
        str(month),
        "scope_not_told",
        "warning",
        f"The usage export of {provider} account '{account}' is not grouped by {' or '.join(words)} on "
        f"{days} days, first {first}: the usage of scope '{rule.name}' cannot be told from the rest of "
        "the account.",
        f"Pull usage grouped by {' or '.join(words)}, or take the scope out of the configuration.",
        provider=provider,
        account=account,
    )
