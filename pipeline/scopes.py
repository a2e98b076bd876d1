"""Scopes: the places, narrower than an account, in which traced and metered can meet."""

from collections.abc import Iterator

import polars as pl

from pipeline.globs import fits
from pipeline.settings import Settings
from pipeline.team_settings import Scope


def with_scope(frame: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Return the frame with `scope`: the first configured scope that a row belongs to, else its account.

    A row belongs to a scope of its provider and account when its project, its API key or its service is among
    those of the scope; a scope that names none of them holds all rows. Columns that the frame lacks match
    nothing.
    """
    named = [
        pl.when(_matches(rule, frame)).then(pl.lit(rule.name))
        for rule in settings.scopes
        if not _selectors(rule) or any(column in frame.columns for column, _ in _selectors(rule))
    ]
    rules = [case.otherwise(pl.lit(None, pl.String)) for case in named]
    return frame.with_columns(pl.coalesce([*rules, pl.col("account")]).alias("scope"))


def scope_owner(settings: Settings) -> dict[str, str]:
    """Return scope -> team for the scopes that have one."""
    return {rule.name: rule.team for rule in settings.scopes if rule.team is not None}


def columns_needed(settings: Settings) -> frozenset[str]:
    """Return the columns of exports that any scope looks at: `project_id`, `api_key_id`."""
    return frozenset(column for rule in settings.scopes for column, _ in _selectors(rule)) - {"service"}


def _selectors(rule: Scope) -> list[tuple[str, tuple[str, ...]]]:
    found = (("project_id", rule.project_ids), ("api_key_id", rule.api_key_ids), ("service", rule.services))
    return [(column, values) for column, values in found if values]


def _matches(rule: Scope, frame: pl.DataFrame) -> pl.Expr:
    place = pl.col("provider") == rule.provider
    if rule.account is not None:
        place &= pl.col("account") == rule.account
    hits = list(_hits(rule, frame))
    return (place & pl.any_horizontal(hits) if hits else place).fill_null(value=False)


def _hits(rule: Scope, frame: pl.DataFrame) -> Iterator[pl.Expr]:
    for column, values in _selectors(rule):
        if column == "service" and column in frame.columns:
            yield fits(frame["service"], values)
        elif column in frame.columns:
            yield pl.col(column).is_in(values).fill_null(value=False)
