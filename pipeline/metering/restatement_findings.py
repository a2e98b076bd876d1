"""What a reader should know of restated exports: numbers that shrank, groupings that disagree."""

from typing import Any, NamedTuple

import polars as pl

from pipeline.findings import assemble, finding
from pipeline.metering.restatement import PLACE
from pipeline.period import Month


class Measure(NamedTuple):
    """What an export counts, in the words of a message."""

    noun: str
    unit: str
    number: str


TOKENS = Measure("Usage", "tokens", ",")
COST = Measure("Cost", "in the currency of the export", ",.2f")


def shrinking(shrunk: pl.DataFrame, month: Month, measure: Measure) -> pl.DataFrame:
    """Return a finding per account and endpoint whose latest pull holds less than an older one."""
    sums = shrunk.group_by(PLACE, maintain_order=True).agg(
        pl.len(), pl.col("bucket_start_at").min(), pl.col("before", "after").sum()
    )
    return assemble([_shrunk(row, month, measure) for row in sums.iter_rows(named=True)])


def _shrunk(row: dict[str, Any], month: Month, measure: Measure) -> pl.DataFrame:
    before, after = (format(row[name], measure.number) for name in ("before", "after"))
    return finding(
        str(month),
        "shrinking_export",
        "warning",
        f"{measure.noun} of {row['provider']} account '{row['account']}' ({row['endpoint']}) fell between "
        f"pulls from {before} to {after} {measure.unit} in {row['len']:,} time "
        f"step{'' if row['len'] == 1 else 's'}, first {row['bucket_start_at']:%Y-%m-%d %H:%M} UTC; the "
        "latest pull counts.",
        "If the files are parts of one pull, one project each, pull them as one; else ask the provider.",
        provider=row["provider"],
        account=row["account"],
        tokens=row["before"] - row["after"] if measure is TOKENS else None,
    )


def disagreeing(days: pl.DataFrame, month: Month, measure: Measure) -> pl.DataFrame:
    """Return a finding per account, endpoint and pair of groupings of which the finer lacks traffic."""
    pairs = [*PLACE, "grouping", "grouping_wanted"]
    sums = days.group_by(pairs, maintain_order=True).agg(
        pl.len(), pl.col("billing_day").min(), pl.col("kept", "finer").sum()
    )
    return assemble([_disagreeing(row, month, measure) for row in sums.iter_rows(named=True)])


def _disagreeing(row: dict[str, Any], month: Month, measure: Measure) -> pl.DataFrame:
    kept, finer = (format(row[name], measure.number) for name in ("kept", "finer"))
    return finding(
        str(month),
        "groupings_disagree",
        "warning",
        f"{measure.noun} of {row['provider']} account '{row['account']}' ({row['endpoint']}) by "
        f"{_named(row['grouping'])} is {kept} {measure.unit} on {row['len']} days, first "
        f"{row['billing_day']}, but by {_named(row['grouping_wanted'])}, the finer export, only {finer}; "
        "the complete one counts.",
        "Pull the finer export again for those days.",
        provider=row["provider"],
        account=row["account"],
        tokens=row["kept"] - row["finer"] if measure is TOKENS else None,
    )


def _named(grouping: str) -> str:
    return grouping.replace("+", " and ") or "nothing"
