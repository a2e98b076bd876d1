"""The lines of cost exports that count, and the days that they cover. Itemised bills are taken whole.

Exports of a provider's own API come in groupings, each of which holds all of a day. An itemised bill (FOCUS,
AWS) has every charge once, hours, days and months side by side, possibly in several files of one delivery,
and corrects an older month in the bill of a newer one: its steps belong to their billing period.
"""

from decimal import Decimal
from typing import NamedTuple

import polars as pl

from pipeline.findings import assemble
from pipeline.metering.coverage import incomplete
from pipeline.metering.restatement import finest, has, is_itemised, latest, pull_order, reach_of
from pipeline.metering.restatement_findings import COST, disagreeing, shrinking
from pipeline.metering.zones import day_start, is_in, local_day
from pipeline.parsing.charges import NOT_LLM
from pipeline.period import Month

_ACCOUNT = ["provider", "account"]
_CENT = Decimal("0.01")
"""Groupings of one day's cost may differ by what rounding each row leaves."""

_PART = r"part[-_]\d+(?:[-_]\d+)*|[-_]\d{5}\.|[-_]0000\d{8}\."
"""Numbers of the parts of one delivery in file names: Azure and Spark, AWS, BigQuery."""

_DAY = pl.duration(days=1)
_ONE_MICROSECOND = "-1us"


class CostLines(NamedTuple):
    """Rows of raw.cost without empty buckets and without what is for no model; findings beside them."""

    rows: pl.DataFrame
    findings: pl.DataFrame


def cost_lines(cost: pl.DataFrame, files: pl.DataFrame, month: Month) -> CostLines:
    """Return the month's cost rows of the pulls and groupings that count."""
    period = pl.col("dimensions").str.json_path_match("$.billing_period")
    monthly = cost.filter(is_in(month, pl.col("bucket_start_at")) & is_llm()).with_columns(
        endpoint=pl.when(is_itemised()).then(pl.format("costs {}", period)).otherwise(pl.lit("costs")),
        measure=pl.col("amount").fill_null(0),
    )
    current = latest(monthly, _by_delivery(pull_order(files, reach_of(cost)), cost, files))
    detail = [has("line_item", "description"), has("project_id", "workspace_id")]
    chosen = finest(current.rows, detail, pl.lit(_CENT, pl.Decimal(38, 12)))
    own = chosen.rows.filter(~is_itemised()).unique([*_ACCOUNT, "bucket_start_at"])
    columns = [*_ACCOUNT, "endpoint", "bucket_start_at", "bucket_end_at"]
    steps = pl.concat([own.select(columns), itemised_days(cost).select(columns)])
    findings = [
        shrinking(current.shrunk, month, COST),
        disagreeing(chosen.disagreeing, month, COST),
        incomplete(steps, month, "incomplete_cost_export", "The cost export"),
    ]
    return CostLines(chosen.rows.filter(~pl.col("is_empty")), assemble(findings))


def is_llm() -> pl.Expr:
    """Whether a charge is for models, or for what is sold with them."""
    return pl.col("cost_type") != NOT_LLM


def _by_delivery(order: pl.DataFrame, cost: pl.DataFrame, files: pl.DataFrame) -> pl.DataFrame:
    """Give the files of one delivery one place in the order: none of them replaces another."""
    itemised = cost.filter(is_itemised())["file_id"].unique()
    named = (
        files.filter(pl.col("file_id").is_in(itemised.implode()))
        .group_by("file_id")
        .agg(delivery=(pl.col("source") + "/" + pl.col("uri").str.replace_all(_PART, ".")).min())
    )
    together = pl.col("pull").max().over("delivery")
    return (
        order.join(named, on="file_id", how="left")
        .with_columns(pl.when(pl.col("delivery").is_not_null()).then(together).otherwise("pull"))
        .drop("delivery")
    )


def itemised_days(cost: pl.DataFrame) -> pl.DataFrame:
    """Return the billing days that itemised bills cover: from the first to the last charge of each file.

    A bill covers all accounts and providers that it names on all of its days, also those on which nothing was
    charged. Charges of a month do not show that all of it is there.
    """
    rows = cost.filter(is_itemised())
    width = pl.col("bucket_end_at") - pl.col("bucket_start_at")
    reach = (
        rows.filter(width <= _DAY)
        .group_by("file_id")
        .agg(first_at=pl.col("bucket_start_at").min(), last_at=pl.col("bucket_end_at").max())
    )
    last = local_day(pl.max_horizontal(pl.col("last_at").dt.offset_by(_ONE_MICROSECOND), "first_at"))
    return (
        rows.filter(is_llm())
        .select("file_id", *_ACCOUNT)
        .unique()
        .join(reach, on="file_id")
        .select(*_ACCOUNT, pl.date_ranges(local_day(pl.col("first_at")), last).alias("day"))
        .explode("day")
        .unique()
        .select(
            *_ACCOUNT,
            "day",
            endpoint=pl.lit("costs"),
            bucket_start_at=day_start(pl.col("day")),
            bucket_end_at=day_start(pl.col("day").dt.offset_by("1d")),
        )
        .sort(*_ACCOUNT, "day")
    )
