"""The meter that providers publish: usage exports, restated pulls and groupings resolved."""

import polars as pl

from pipeline.findings import assemble
from pipeline.metering.restatement import Latest, finest, has, latest, pull_order, reach_of
from pipeline.metering.restatement_findings import TOKENS, disagreeing, shrinking
from pipeline.metering.untold_scopes import untold_scopes
from pipeline.metering.zones import is_in
from pipeline.models import with_model, with_tier
from pipeline.period import Month
from pipeline.scopes import columns_needed, with_scope
from pipeline.settings import Settings
from pipeline.tokens import TOTAL
from schemas.types import ALL


def usage_rows(
    usage: pl.DataFrame, files: pl.DataFrame, settings: Settings, month: Month
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the month's rows of the pulls and groupings that count, in core words, and the findings."""
    current = _current(usage, files, month)
    chosen = finest(current.rows, _detail(settings), pl.lit(0))
    return _in_words(chosen.rows, settings), assemble(
        [
            shrinking(current.shrunk, month, TOKENS),
            disagreeing(chosen.disagreeing, month, TOKENS),
            untold_scopes(chosen.rows, settings, month),
        ]
    )


def keyed_rows(usage: pl.DataFrame, files: pl.DataFrame, settings: Settings, month: Month) -> pl.DataFrame:
    """Return the month's rows of the groupings that tell most of projects and keys, in core words.

    Accounts with days on which no grouping with models, and with projects or keys, holds all traffic have
    none.
    """
    is_keyed = has("project_id", "workspace_id", "api_key_id")
    detail = [has("model"), is_keyed, has("api_key_id")]
    rows = finest(_current(usage, files, month).rows, detail, pl.lit(0)).rows
    is_told = (is_keyed & has("model")).all().over("provider", "account")
    return _in_words(rows.filter(is_told), settings)


def _current(usage: pl.DataFrame, files: pl.DataFrame, month: Month) -> Latest:
    monthly = usage.filter(is_in(month, pl.col("bucket_start_at"))).with_columns(measure=TOTAL)
    return latest(monthly, pull_order(files, reach_of(usage)))


def _in_words(rows: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Rows with scope, model and tier in core words; `all` where the grouping does not tell them."""
    told = rows.with_columns(
        pl.when(has("model")).then(pl.col("model").fill_null("unknown")).otherwise(pl.lit(ALL)),
        is_tier_told=has("service_tier", "batch"),
    )
    return with_tier(with_model(with_scope(told, settings), settings)).with_columns(
        pl.when("is_tier_told").then("service_tier").otherwise(pl.lit(ALL)).alias("service_tier")
    )


def _detail(settings: Settings) -> list[pl.Expr]:
    """What makes a grouping finer, in this order."""
    needed = columns_needed(settings)
    keys = [
        *(["project_id", "workspace_id"] if "project_id" in needed else []),
        *(["api_key_id"] if "api_key_id" in needed else []),
    ]
    scope = [has(*keys)] if keys else []
    return [has("model"), *scope, has("service_tier", "batch")]
